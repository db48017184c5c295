// Closed-loop load: a fixed number of callers, each sending its next call when the last was answered. It finds what a target
// can do; how long callers wait when they come on their own account is for the open loop.
import { createHistogram, type RecordableHistogram } from "node:perf_hooks";
import type { LoadConnection } from "./connection.ts";

export interface ClosedLoopOptions {
  /** Calls, whatever their outcome. */
  readonly calls: number;
  /** Callers. */
  readonly concurrency: number;
  /** Ends the load earlier, in milliseconds. @defaultValue no limit */
  readonly maxMs?: number;
}

export interface LoadResult {
  readonly calls: number;
  /** Calls that were answered with an error, or refused. */
  readonly errors: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** @throws Error at the first wrong answer */
export async function runClosedLoop(
  connection: LoadConnection,
  { calls, concurrency, maxMs = Number.POSITIVE_INFINITY }: ClosedLoopOptions,
): Promise<LoadResult> {
  const histogram: RecordableHistogram = createHistogram();
  const startedAt = performance.now();
  let next = 0;
  let done = 0;
  let errors = 0;
  const caller = async (): Promise<void> => {
    while (next < calls && performance.now() - startedAt < maxMs) {
      const nonce = next++;
      const sentAt = process.hrtime.bigint();
      const outcome = await connection.call(nonce);
      histogram.record(process.hrtime.bigint() - sentAt);
      done++;
      if (outcome !== "ok") errors++;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, caller));
  return {
    calls: done,
    errors,
    seconds: (performance.now() - startedAt) / 1_000,
    p50Ms: histogram.percentile(50) / 1e6,
    p99Ms: histogram.percentile(99) / 1e6,
  };
}
