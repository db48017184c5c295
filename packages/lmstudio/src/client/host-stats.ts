// What became of a host's attempts, in numbers.
import { type Clock, createLatencyQuantile } from "@fairlead/core";
import { LmStudioError, type LmStudioErrorCode } from "./errors.ts";

export interface HostStats {
  /** Attempts at an answer that were sent. */
  readonly attempts: number;
  readonly succeeded: number;
  readonly failed: number;
  /** Of the failed ones, those that took too long. */
  readonly timedOut: number;
  /** Failed attempts by code. */
  readonly errors: Readonly<Partial<Record<LmStudioErrorCode, number>>>;
  /** Of the last 200 answers within five minutes, in milliseconds; `undefined` below ten of them. */
  readonly p50Ms: number | undefined;
  readonly p95Ms: number | undefined;
}

export interface HostCounter {
  succeeded(durationMs: number): void;
  failed(error: unknown): void;
  read(): HostStats;
}

const timeouts: ReadonlySet<LmStudioErrorCode> = /* @__PURE__ */ new Set<LmStudioErrorCode>([
  "CONNECT_TIMEOUT",
  "HEADERS_TIMEOUT",
  "IDLE_TIMEOUT",
  "ATTEMPT_TIMEOUT",
  "DEADLINE_EXCEEDED",
]);

export function createHostCounter(clock: Clock): HostCounter {
  const [median, tail] = [0.5, 0.95].map((quantile) =>
    createLatencyQuantile({ quantile, warmUp: 10, clock }),
  );
  const errors: Partial<Record<LmStudioErrorCode, number>> = {};
  let succeeded = 0;
  let failed = 0;
  let timedOut = 0;
  return {
    succeeded(durationMs) {
      succeeded += 1;
      median?.record(durationMs);
      tail?.record(durationMs);
    },
    failed(error) {
      if (!(error instanceof LmStudioError)) return;
      failed += 1;
      errors[error.code] = (errors[error.code] ?? 0) + 1;
      if (timeouts.has(error.code)) timedOut += 1;
    },
    read: () => ({
      attempts: succeeded + failed,
      succeeded,
      failed,
      timedOut,
      errors: { ...errors },
      p50Ms: median?.value(),
      p95Ms: tail?.value(),
    }),
  };
}
