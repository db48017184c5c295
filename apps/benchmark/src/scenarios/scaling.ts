// How much more several servers carry than one: as fast as they go, and while a latency objective holds.
import { measureThroughput, type Throughput } from "@fairlead/balancer/simulation";
import { runClosedLoop } from "../load/closed-loop.ts";
import { runOpenLoop } from "../load/open-loop.ts";
import { startSlotPool } from "./slot-pool.ts";

export const SLOTS = 4;
export const SCALING_MEAN_MS = 100;
const SIGMA = 1.5;
/** Objective: p99 of the response at most this often the p99 of the work itself. */
export const OBJECTIVE = 1.5;
/** For a lognormal service time. */
export const OBJECTIVE_MS: number =
  OBJECTIVE * SCALING_MEAN_MS * Math.exp(2.3263 * SIGMA - (SIGMA * SIGMA) / 2);
const COUNTS: readonly number[] = [1, 2, 4, 8];
/** Servers in all, whatever the size of a pool: so many small pools give as many calls as a few large ones. */
const SERVERS = 16;
/** Shares of the servers' capacity that are tried. */
const SHARES: readonly number[] = [
  0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.74, 0.78, 0.82, 0.85, 0.88, 0.9, 0.92, 0.93, 0.94, 0.95, 0.96, 0.97,
];
/** Share of each run during which queues only begin to build up. */
const SETTLING = 0.2;

export interface Scaling {
  readonly servers: number;
  /** Calls per second of one pool when callers ask as fast as they are answered. */
  readonly raw: number;
  /** Highest rate of arrivals that was tried at which the objective held; 0: at none; undefined: not measured. */
  readonly atObjective: number | undefined;
  /** What one queue in front of all slots would carry in simulation: the limit. */
  readonly limit: number;
  readonly tried: readonly { readonly share: number; readonly p99Ms: number }[];
}

export interface ScalingEffort {
  readonly rawMs: number;
  /** Each try; 0 leaves the objective out. */
  readonly objectiveMs: number;
  /** Sizes of the pool. @defaultValue 1, 2, 4 and 8 servers */
  readonly counts?: readonly number[];
}

export async function measureScaling(
  { rawMs, objectiveMs, counts = COUNTS }: ScalingEffort,
  onProgress: (line: string) => void,
): Promise<Scaling[]> {
  const limits = simulateLimits(counts);
  const rows: Scaling[] = [];
  for (const servers of counts) {
    const raw = await measureRaw(servers, rawMs);
    onProgress(`${servers} servers: ${raw.toFixed(1)} calls/s as fast as they go`);
    const found = objectiveMs === 0 ? undefined : await findObjective(servers, objectiveMs, onProgress);
    rows.push({
      servers,
      raw,
      atObjective: found?.rate,
      limit: limits.find((one) => one.servers === servers)?.atObjectivePerSecond ?? Number.NaN,
      tried: found?.tried ?? [],
    });
  }
  return rows;
}

async function measureRaw(servers: number, maxMs: number): Promise<number> {
  await using pool = await startSlotPool({
    ...{ speeds: Array.from({ length: servers }, () => 1), slots: SLOTS, meanServiceMs: SCALING_MEAN_MS },
    ...{ distribution: "fixed", seed: 7, bounded: true, clients: 1 },
  });
  const [client] = pool.clients;
  if (client === undefined) throw new Error("no client");
  const load = { calls: Number.POSITIVE_INFINITY, concurrency: 2 * SLOTS * servers };
  await runClosedLoop(client, { ...load, maxMs: 1_000 });
  const { calls, seconds } = await runClosedLoop(client, { ...load, maxMs });
  return calls / seconds;
}

/** By bisection: the longer the queues, the higher the load. */
async function findObjective(
  servers: number,
  durationMs: number,
  onProgress: (line: string) => void,
): Promise<{ readonly rate: number; readonly tried: Scaling["tried"] }> {
  const pools = SERVERS / servers;
  const capacity = (servers * SLOTS * 1_000) / SCALING_MEAN_MS;
  await using slots = await startSlotPool({
    ...{ speeds: Array.from({ length: servers }, () => 1), slots: SLOTS, meanServiceMs: SCALING_MEAN_MS },
    ...{ distribution: "lognormal", sigma: SIGMA, seed: 7, bounded: true, pools, clients: SERVERS },
    pool: { queueTimeoutMs: 60_000, maxQueue: 100_000, timeoutMs: 120_000 },
  });
  const tried: { share: number; p99Ms: number }[] = [];
  let kept = -1;
  let missed = SHARES.length;
  while (missed - kept > 1) {
    const middle = Math.floor((kept + missed) / 2);
    const share = SHARES[middle] ?? 0;
    const { ok, offered, p99Ms } = await runOpenLoop(slots.clients, {
      ...{ rate: capacity * share * pools, durationMs, ignoreMs: durationMs * SETTLING },
      ...{ seed: 11, spread: "random" },
    });
    tried.push({ share, p99Ms });
    onProgress(`${pools} × ${servers} servers at ${share} of their capacity: p99 ${p99Ms.toFixed(0)} ms`);
    if (ok === offered && p99Ms <= OBJECTIVE_MS) kept = middle;
    else missed = middle;
  }
  return { rate: capacity * (SHARES[kept] ?? 0), tried };
}

function simulateLimits(sizes: readonly number[]): readonly Throughput[] {
  return measureThroughput({
    scenario: {
      name: "limit",
      servers: [{ slots: SLOTS, speed: 1 }],
      meanSizeMs: SCALING_MEAN_MS,
      sizes: { kind: "lognormal", sigma: SIGMA },
    },
    contestant: { name: "central queue", balancer: "central-queue" },
    sizes,
    objectiveMs: OBJECTIVE_MS,
    seeds: [1, 2],
    requests: 20_000,
  });
}
