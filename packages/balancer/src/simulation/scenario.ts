// What is simulated: servers, their faults, and the stream of requests.
import type { SizeDistribution } from "./distributions.ts";

/** What goes wrong with one server, from `fromMs` until `toMs`. */
export interface Fault {
  /** Index of the server. */
  readonly server: number;
  /**
   * - `fast-fail`: every request fails after 1 ms.
   * - `hang`: requests are accepted and never finished; they end by the attempt's timeout.
   * - `crash`: what is running fails, what comes fails after 1 ms; afterwards the server works at a fifth of its
   *   speed for `coldStartMs`.
   */
  readonly kind: "fast-fail" | "hang" | "crash";
  readonly fromMs: number;
  readonly toMs: number;
  /** @defaultValue 0 */
  readonly coldStartMs?: number;
}

/** One simulated server. */
export interface ServerModel {
  /** Requests worked on at once; the others wait in the server, first come, first served. */
  readonly slots: number;
  /** Work per ms and slot. */
  readonly speed: number;
  /**
   * When set, requests that run together slow each other down, as in an LLM host's batch: with n running, each
   * proceeds at (1 + h) / (n + h) of the speed.
   */
  readonly batchingHeadroom?: number;
}

/** A pool under a stream of requests. */
export interface Scenario {
  readonly name: string;
  readonly servers: readonly ServerModel[];
  /** Mean work of a request, in ms at speed 1. */
  readonly meanSizeMs: number;
  readonly sizes: SizeDistribution;
  /** Independent gateways among which requests are spread at random. @defaultValue 1 */
  readonly gateways?: number;
  /** Every server in turn works at `speedFactor` for `onMs`, then at full speed for `offMs`; phases are random. */
  readonly antagonist?: { readonly speedFactor: number; readonly onMs: number; readonly offMs: number };
  readonly faults?: readonly Fault[];
  /** Attempts end with `timeout` after this time; none when left out. */
  readonly attemptTimeoutMs?: number;
  /** Further attempts at other servers after a failure. @defaultValue 0 */
  readonly retries?: number;
  /** Requests belong to sessions; a server that remembers the session does only `1 - savedRatio` of the work. */
  readonly sessions?: {
    readonly count: number;
    readonly zipfExponent: number;
    /** Sessions that one server remembers, least recently used ones forgotten first. */
    readonly cachedPerServer: number;
    readonly savedRatio: number;
  };
  /** Kinds of requests with different mean sizes (relative; scaled to keep the mean), equally frequent. */
  readonly taskClasses?: readonly number[];
}

const lognormal: SizeDistribution = { kind: "lognormal", sigma: 1.5 };

function pool(count: number, slots: number, speeds: readonly number[] = [1]): ServerModel[] {
  return Array.from({ length: count }, (_, index) => ({ slots, speed: speeds[index % speeds.length] ?? 1 }));
}

const eight = { servers: pool(8, 4), meanSizeMs: 100, sizes: lognormal };
const unequal = { ...eight, servers: pool(8, 4, [1, 1, 1, 1, 2, 2, 4, 4]) };
const faulty = { ...eight, attemptTimeoutMs: 3_000, retries: 2 };
const llm = {
  servers: pool(4, 16).map((server) => ({ ...server, batchingHeadroom: 8 })),
  meanSizeMs: 2_000,
  sizes: { kind: "lognormal", sigma: 1 },
} as const;

/** The scenarios that strategies are compared in. */
export const scenarios: readonly Scenario[] = [
  { name: "homogeneous", ...eight },
  { name: "speeds-1-2-4", ...unequal },
  { name: "antagonist", ...eight, antagonist: { speedFactor: 0.4, onMs: 5_000, offMs: 15_000 } },
  { name: "pareto", ...eight, sizes: { kind: "pareto", alpha: 1.5 } },
  { name: "bimodal", ...eight, sizes: { kind: "bimodal", largeRatio: 0.05, factor: 10 } },
  { name: "task-classes", ...unequal, sizes: { kind: "lognormal", sigma: 0.5 }, taskClasses: [1, 3, 10, 30] },
  { name: "fast-fail", ...faulty, faults: [{ server: 0, kind: "fast-fail", fromMs: 20_000, toMs: 50_000 }] },
  { name: "hang", ...faulty, faults: [{ server: 0, kind: "hang", fromMs: 20_000, toMs: 50_000 }] },
  {
    name: "crash-cold-start",
    ...faulty,
    faults: [{ server: 0, kind: "crash", fromMs: 20_000, toMs: 40_000, coldStartMs: 10_000 }],
  },
  { name: "llm-batching", ...llm },
  {
    name: "prefix-sessions",
    servers: pool(4, 16),
    meanSizeMs: 5_000,
    sizes: { kind: "lognormal", sigma: 1 },
    sessions: { count: 2_000, zipfExponent: 0.6, cachedPerServer: 400, savedRatio: 0.6 },
  },
  { name: "homogeneous-8-gateways", ...eight, gateways: 8 },
  { name: "speeds-1-2-4-8-gateways", ...unequal, gateways: 8 },
];

/** Work per ms that the servers can do together, averaged over time; faults not counted. */
export function capacityOf({ servers, antagonist }: Scenario): number {
  let capacity = 0;
  for (const { slots, speed, batchingHeadroom: headroom } of servers)
    capacity +=
      headroom === undefined ? slots * speed : (slots * speed * (1 + headroom)) / (slots + headroom);
  if (antagonist === undefined) return capacity;
  const { speedFactor, onMs, offMs } = antagonist;
  return (capacity * (offMs + onMs * speedFactor)) / (offMs + onMs);
}
