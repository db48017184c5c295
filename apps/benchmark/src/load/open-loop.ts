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
  /** Which connection a call takes: in turns, or any. In turns, each gets a steadier stream than at random. @defaultValue "turns" */
  readonly spread?: "random" | "turns";
  /** Calls begun before are not counted in percentiles, in milliseconds. @defaultValue 0 */
  readonly ignoreMs?: number;
  /** Calls that may be under way; more count as abandoned, so that an overloaded target cannot exhaust the generator. @defaultValue 20 000 */
  readonly maxInFlight?: number;
  /** How long after the last call its answer is waited for, in milliseconds. @defaultValue until there is one */
  readonly drainMs?: number;
  /** Told of every end. */
  readonly onEnd?: (call: EndedCall) => void;
}

export interface EndedCall {
  readonly nonce: number;
  /** When it should have begun, in milliseconds since the load began. */
  readonly intendedAtMs: number;
  readonly endedAtMs: number;
  readonly outcome: CallOutcome | "failed";
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
  /** Still without an answer when `drainMs` were over. */
  readonly unanswered: number;
  /** Good answers that came while the load lasted. */
  readonly okPerSecond: number;
  /** Of good answers, from the intended start, in milliseconds. */
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
  /** Of refusals. */
  readonly shedP50Ms: number;
  readonly shedP99Ms: number;
  /** How late the generator itself was at the worst, in milliseconds; part of every latency, and never taken off. */
  readonly generatorLagMs: number;
  /** The same of all but one in a hundred calls. */
  readonly generatorLagP99Ms: number;
}

/** @throws Error when an answer was another call's */
export async function runOpenLoop(
  connections: readonly LoadConnection[],
  options: OpenLoopOptions,
): Promise<OpenLoopResult> {
  const { rate, durationMs, schedule = "poisson", spread = "turns", seed = 1, ignoreMs = 0 } = options;
  const { maxInFlight = 20_000, drainMs, onEnd } = options;
  const random = mulberry32(seed);
  const ok = createHistogram();
  const shed = createHistogram();
  const late = createHistogram();
  const counts = { offered: 0, ok: 0, shed: 0, errors: 0, failed: 0, abandoned: 0 };
  const meanGapMs = 1_000 / rate;
  const startedAt = performance.now();
  let inFlight = 0;
  let okInTime = 0;
  let lag = 0;
  let dueAt = 0;
  let isOver = false;
  let wrong: Error | undefined;
  let allEnded: () => void = () => {};

  while (dueAt < durationMs && wrong === undefined) {
    const now = performance.now() - startedAt;
    if (dueAt > now) {
      // Timers are good to about a millisecond; what is due within one is sent together.
      await sleep(Math.max(1, Math.floor(dueAt - now)));
      continue;
    }
    lag = Math.max(lag, now - dueAt);
    late.record(Math.max(1, Math.round((now - dueAt) * 1e6)));
    begin(dueAt);
    dueAt += schedule === "fixed" ? meanGapMs : -Math.log(1 - random()) * meanGapMs;
  }
  if (inFlight > 0) {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      allEnded = resolve;
      if (drainMs !== undefined) timer = setTimeout(resolve, drainMs);
    });
    clearTimeout(timer);
  }
  isOver = true;
  if (wrong !== undefined) throw wrong;
  const ms = (value: number): number => value / 1e6;
  return {
    ...counts,
    unanswered: inFlight,
    okPerSecond: okInTime / (durationMs / 1_000),
    p50Ms: ms(ok.percentile(50)),
    p95Ms: ms(ok.percentile(95)),
    p99Ms: ms(ok.percentile(99)),
    p999Ms: ms(ok.percentile(99.9)),
    maxMs: ms(ok.max),
    shedP50Ms: counts.shed === 0 ? 0 : ms(shed.percentile(50)),
    shedP99Ms: counts.shed === 0 ? 0 : ms(shed.percentile(99)),
    generatorLagMs: lag,
    generatorLagP99Ms: ms(late.percentile(99)),
  };

  function begin(intendedAt: number): void {
    const nonce = counts.offered++;
    if (inFlight >= maxInFlight) {
      counts.abandoned++;
      return;
    }
    inFlight++;
    const at = spread === "turns" ? nonce % connections.length : Math.floor(random() * connections.length);
    const connection = connections[at] as LoadConnection;
    connection.call(nonce).then(
      (outcome) => end(nonce, intendedAt, outcome),
      (error: unknown) => {
        if (error instanceof Error && error.message.startsWith("wrong answer")) wrong ??= error;
        end(nonce, intendedAt, "failed");
      },
    );
  }

  function end(nonce: number, intendedAt: number, outcome: CallOutcome | "failed"): void {
    if (isOver) return;
    const now = performance.now() - startedAt;
    const latencyMs = Math.max(now - intendedAt, 0.001);
    const nanoseconds = BigInt(Math.round(latencyMs * 1e6));
    if (outcome === "ok") {
      counts.ok++;
      if (now <= durationMs) okInTime++;
      if (intendedAt >= ignoreMs) ok.record(nanoseconds);
    } else if (outcome === "shed") {
      counts.shed++;
      shed.record(nanoseconds);
    } else if (outcome === "error") counts.errors++;
    else counts.failed++;
    onEnd?.({ nonce, intendedAtMs: intendedAt, endedAtMs: now, outcome });
    inFlight--;
    if (inFlight === 0) allEnded();
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
