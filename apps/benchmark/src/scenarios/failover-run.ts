// One target and one fault: load that never stops, the fault a few times, and what callers got out of it.
import { setTimeout as sleep } from "node:timers/promises";
import { type Fault, LONGEST_FAULT_MS } from "../faults.ts";
import { percentile } from "../figures.ts";
import { type LoadConnection, openConnection } from "../load/connection.ts";
import { type EndedCall, runOpenLoop } from "../load/open-loop.ts";
import type { FaultUpstreams } from "../targets/fault-upstreams.ts";
import type { Target } from "../targets/target.ts";

export interface FaultEffort {
  readonly cycles: number;
  /** Calls per second. */
  readonly rate: number;
  /** Load before anything is counted. */
  readonly warmUpMs: number;
  /** Before each fault. */
  readonly quietMs: number;
  /** After each fault, at least. */
  readonly settleMs: number;
}

/** What callers got, over all cycles. "Repeatable" are calls of a tool that says so of itself. */
export interface FaultOutcome {
  readonly calls: number;
  readonly errors: { readonly repeatable: number; readonly other: number };
  /** Never answered, neither with a result nor with an error. */
  readonly unanswered: number;
  /** The longest of the cycles, in milliseconds from the fault to the first good answer to a call made after it; none: null. */
  readonly firstGoodMs: number | null;
  /** The same from the fault's end. */
  readonly firstGoodAfterMs: number | null;
  /** Of repeatable calls during the fault and for a second after it, beyond the median before it, in milliseconds. */
  readonly added: { readonly p50: number; readonly p99: number; readonly max: number };
  /** That p99 in each of several measurements, in milliseconds and in order; these figures are of the one in the middle. */
  readonly roundsP99Ms?: readonly number[];
  /** How long repeatable calls took in that time, in milliseconds. */
  readonly during: { readonly p95: number; readonly p99: number };
  /** 95th percentile before the fault, in milliseconds. */
  readonly quietP95Ms: number;
  /** 99th percentile before the fault, beyond the median there, in milliseconds: what is no more than that is no fault's doing. */
  readonly quietAddedP99Ms: number;
  /** Calls that were executed more than once: repeatable ones may be, others never. */
  readonly executedAgain: { readonly repeatable: number; readonly other: number };
  /** Whether clients that were connected before the fault got a good answer after the last one. */
  readonly clientsRecovered: boolean;
  readonly newClientWorks: boolean;
  /** Words of an error, for people. */
  readonly words: string;
  /** How late the load itself was at the worst, in milliseconds: what the machine had to do besides shows here. */
  readonly generatorLagMs: number;
  /** The slowest calls that are in `added`: when they should have begun, since the fault, and what they took beyond the usual. */
  readonly slowest: readonly { readonly sinceFaultMs: number; readonly addedMs: number }[];
}

interface Episode {
  readonly faultAt: number;
  readonly endedAt: number;
}

/** Every fourth call is one that may not be repeated. */
const TOOLS = ["lookup", "lookup", "lookup", "append"] as const;
/** What is still unanswered then never will be: the longest fault is over long since. */
const DRAIN_MS = 6_000;
const NEW_CLIENT_MS = 5_000;
const AFTERMATH_MS = 1_000;
const SLOWEST = 10;

export async function runFault(
  target: Target,
  upstreams: FaultUpstreams,
  fault: Fault,
  which: "all" | "one",
  effort: FaultEffort,
): Promise<FaultOutcome> {
  const { cycles, rate, warmUpMs, quietMs, settleMs } = effort;
  const clients = await Promise.all(TOOLS.map((tool) => connect(target, tool)));
  const cycleMs = quietMs + LONGEST_FAULT_MS + settleMs;
  const calls: EndedCall[] = [];
  const episodes: Episode[] = [];
  const startedAt = performance.now();
  const now = (): number => performance.now() - startedAt;
  const breaking = async (): Promise<void> => {
    for (let cycle = 0; cycle < cycles; cycle++) {
      await sleep(Math.max(0, warmUpMs + cycle * cycleMs + quietMs - now()));
      const faultAt = now();
      await fault.run(upstreams.victim(cycle, which));
      episodes.push({ faultAt, endedAt: now() });
    }
  };
  const [load] = await Promise.all([
    runOpenLoop(clients, {
      rate,
      durationMs: warmUpMs + cycles * cycleMs,
      seed: 17,
      drainMs: DRAIN_MS,
      onEnd: (call) => calls.push(call),
    }),
    breaking(),
  ]);
  const newClientWorks = await tryNewClient(target, load.offered);
  const words = clients.map(({ lastError }) => lastError).find((text) => text !== "") ?? "";
  await Promise.race([Promise.all(clients.map((client) => client.close())), sleep(NEW_CLIENT_MS)]);
  return {
    ...judgeCalls(calls, episodes, warmUpMs),
    calls: load.offered,
    unanswered: load.unanswered,
    executedAgain: countRepeated(upstreams.executions(), load.offered),
    newClientWorks,
    words,
    generatorLagMs: load.generatorLagMs,
  };
}

/** Separate, so that it can be tested without a clock. */
export function judgeCalls(
  calls: readonly EndedCall[],
  episodes: readonly Episode[],
  warmUpMs: number,
): Pick<
  FaultOutcome,
  | "added"
  | "during"
  | "clientsRecovered"
  | "errors"
  | "firstGoodAfterMs"
  | "firstGoodMs"
  | "quietAddedP99Ms"
  | "quietP95Ms"
  | "slowest"
> {
  const good = calls.filter(({ outcome }) => outcome === "ok");
  const bad = calls.filter(({ outcome }) => outcome !== "ok");
  const repeatable = good.filter(({ nonce }) => isRepeatable(nonce));
  const firstFaultAt = episodes[0]?.faultAt ?? Number.NaN;
  const quiet = repeatable
    .filter(({ intendedAtMs, endedAtMs }) => intendedAtMs >= warmUpMs && endedAtMs < firstFaultAt)
    .map(latencyOf);
  const usual = percentile(quiet, 50);
  const affected = episodes.flatMap(({ faultAt, endedAt }) =>
    repeatable
      .filter((call) => call.endedAtMs >= faultAt && call.intendedAtMs <= endedAt + AFTERMATH_MS)
      .map((call) => ({ sinceFaultMs: call.intendedAtMs - faultAt, addedMs: latencyOf(call) - usual })),
  );
  const added = affected.map(({ addedMs }) => addedMs);
  const firstAfter = (at: (episode: Episode) => number): number | null => {
    const waits = episodes.map((episode, cycle) => {
      const next = episodes[cycle + 1]?.faultAt ?? Number.POSITIVE_INFINITY;
      const ends = good
        .filter(({ intendedAtMs }) => intendedAtMs >= at(episode) && intendedAtMs < next)
        .map(({ endedAtMs }) => endedAtMs - at(episode));
      return ends.length === 0 ? Number.POSITIVE_INFINITY : Math.min(...ends);
    });
    const worst = Math.max(...waits);
    return Number.isFinite(worst) ? worst : null;
  };
  const last = episodes.at(-1)?.endedAt ?? Number.NaN;
  return {
    errors: {
      repeatable: bad.filter(({ nonce }) => isRepeatable(nonce)).length,
      other: bad.filter(({ nonce }) => !isRepeatable(nonce)).length,
    },
    firstGoodMs: firstAfter(({ faultAt }) => faultAt),
    firstGoodAfterMs: firstAfter(({ endedAt }) => endedAt),
    added: { p50: percentile(added, 50), p99: percentile(added, 99), max: percentile(added, 100) },
    during: { p95: usual + percentile(added, 95), p99: usual + percentile(added, 99) },
    quietP95Ms: percentile(quiet, 95),
    quietAddedP99Ms: percentile(quiet, 99) - usual,
    slowest: affected.toSorted((a, b) => b.addedMs - a.addedMs).slice(0, SLOWEST),
    clientsRecovered: good.some(({ intendedAtMs }) => intendedAtMs >= last),
  };
}

function countRepeated(
  executions: ReadonlyMap<string, number>,
  offered: number,
): FaultOutcome["executedAgain"] {
  const counts = { repeatable: 0, other: 0 };
  for (const [nonce, times] of executions) {
    if (times < 2 || Number(nonce) >= offered) continue;
    if (isRepeatable(Number(nonce))) counts.repeatable++;
    else counts.other++;
  }
  return counts;
}

function isRepeatable(nonce: number): boolean {
  return TOOLS[nonce % TOOLS.length] !== "append";
}

function latencyOf({ intendedAtMs, endedAtMs }: EndedCall): number {
  return endedAtMs - intendedAtMs;
}

function connect({ url, tool, transport }: Target, name: string): Promise<LoadConnection> {
  return openConnection({
    url,
    tool: tool.replace(/echo$/, name),
    transport,
    payloadBytes: 50,
    sockets: 64,
  });
}

async function tryNewClient(target: Target, nonce: number): Promise<boolean> {
  const attempt = async (): Promise<boolean> => {
    const client = await connect(target, "lookup");
    const outcome = await client.call(nonce);
    await client.close();
    return outcome === "ok";
  };
  return Promise.race([attempt().catch(() => false), sleep(NEW_CLIENT_MS, false)]);
}
