// Open-loop load: calls begin on a schedule, whether or not earlier ones were answered, and their latency counts from when
// they should have begun. A closed loop asks less of a target the slower it gets, and so hides the very waits that
// matter ("coordinated omission", Tene 2013; Schroeder et al., NSDI 2006).
import { createHistogram } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import type { CallOutcome, LoadConnection } from "./connection.ts";

export interface OpenLoopOptions {
  /** Calls begun per second. */
  readonly rate: number;
  /** Milliseconds of load. */
  readonly durationMs: number;
  /** Gaps between calls: equal, or exponentially distributed (Poisson arrivals). @defaultValue "poisson" */
  readonly schedule?: "fixed" | "poisson";
  /** Seed of the gaps. @defaultValue 1 */
  readonly seed?: number;
  /** Calls that may be under way; more count as abandoned, so that an overloaded target cannot exhaust the generator. @defaultValue 20 000 */
  readonly maxInFlight?: number;
  /** Told of every end: milliseconds since the load began, outcome, latency. */
  readonly onEnd?: (atMs: number, outcome: CallOutcome | "failed", latencyMs: number) => void;
}

export interface OpenLoopResult {
  readonly offered: number;
  readonly ok: number;
  /** Refused with 429 or 503. */
  readonly shed: number;
  /** Answered with a JSON-RPC or tool error. */
  readonly errors: number;
  /** Without an answer: broken connections. */
  readonly failed: number;
  /** Never sent, because too many were under way. */
  readonly abandoned: number;
  readonly okPerSecond: number;
  /** Of good answers, from the intended start, in milliseconds. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
  /** Of refusals. */
  readonly shedP99Ms: number;
  /** How late the generator itself was at the worst, in milliseconds: figures below it mean nothing. */
  readonly generatorLagMs: number;
}

export async function runOpenLoop(
  connections: readonly LoadConnection[],
  options: OpenLoopOptions,
): Promise<OpenLoopResult> {
  const { rate, durationMs, schedule = "poisson", seed = 1, maxInFlight = 20_000, onEnd } = options;
  const random = mulberry32(seed);
  const ok = createHistogram();
  const shed = createHistogram();
  const counts = { offered: 0, ok: 0, shed: 0, errors: 0, failed: 0, abandoned: 0 };
  const meanGapMs = 1_000 / rate;
  const startedAt = performance.now();
  let inFlight = 0;
  let lag = 0;
  let dueAt = 0;
  let allEnded: () => void = () => {};

  while (dueAt < durationMs) {
    const now = performance.now() - startedAt;
    if (dueAt > now) {
      // Timers are good to about a millisecond; what is due within one is sent together.
      await sleep(Math.max(1, Math.floor(dueAt - now)));
      continue;
    }
    lag = Math.max(lag, now - dueAt);
    begin(dueAt);
    dueAt += schedule === "fixed" ? meanGapMs : -Math.log(1 - random()) * meanGapMs;
  }
  if (inFlight > 0) {
    await new Promise<void>((resolve) => {
      allEnded = resolve;
    });
  }
  const ms = (value: number): number => value / 1e6;
  return {
    ...counts,
    okPerSecond: counts.ok / (durationMs / 1_000),
    p50Ms: ms(ok.percentile(50)),
    p99Ms: ms(ok.percentile(99)),
    p999Ms: ms(ok.percentile(99.9)),
    maxMs: ms(ok.max),
    shedP99Ms: counts.shed === 0 ? 0 : ms(shed.percentile(99)),
    generatorLagMs: lag,
  };

  function begin(intendedAt: number): void {
    const nonce = counts.offered++;
    if (inFlight >= maxInFlight) {
      counts.abandoned++;
      return;
    }
    inFlight++;
    const connection = connections[nonce % connections.length] as LoadConnection;
    connection.call(nonce).then(
      (outcome) => end(intendedAt, outcome),
      (error: unknown) => {
        if (error instanceof Error && error.message.startsWith("wrong answer")) throw error;
        end(intendedAt, "failed");
      },
    );
  }

  function end(intendedAt: number, outcome: CallOutcome | "failed"): void {
    const now = performance.now() - startedAt;
    const latencyMs = Math.max(now - intendedAt, 0.001);
    const nanoseconds = BigInt(Math.round(latencyMs * 1e6));
    if (outcome === "ok") {
      counts.ok++;
      ok.record(nanoseconds);
    } else if (outcome === "shed") {
      counts.shed++;
      shed.record(nanoseconds);
    } else if (outcome === "error") counts.errors++;
    else counts.failed++;
    onEnd?.(now, outcome, latencyMs);
    inFlight--;
    if (inFlight === 0 && dueAt >= durationMs) allEnded();
  }
}

/** Small seeded generator of numbers in [0, 1): the same seed gives the same load. */
export function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
