// A live quantile of recent durations, for delays and timeouts that follow the target. Exact over a bounded window: what is
// too old or too many is forgotten.
import { type Clock, systemClock } from "./clock.ts";
import { integerBetween, numberBetween, positiveMs } from "./validate.ts";

/** See {@link createLatencyQuantile}. */
export interface LatencyQuantileOptions {
  /** Which quantile, above 0 and below 1. @defaultValue 0.95 */
  readonly quantile?: number;
  /** Durations that are remembered, from 10. @defaultValue 200 */
  readonly samples?: number;
  /** Durations needed before there is an answer, from 2. @defaultValue 20 */
  readonly warmUp?: number;
  /** Older durations are forgotten, in milliseconds. @defaultValue 300_000 */
  readonly maxAgeMs?: number;
  /** @defaultValue systemClock */
  readonly clock?: Clock;
}

/** A quantile of the durations recorded lately. */
export interface LatencyQuantile {
  /** Adds a duration in milliseconds. */
  record(durationMs: number): void;
  /**
   * The quantile in milliseconds, or `undefined` before the warm-up and after idling. Never the longest duration: one outlier
   * alone moves nothing.
   */
  value(): number | undefined;
}

/**
 * A quantile that knows nothing yet.
 *
 * @throws RangeError when an option is out of range.
 */
export function createLatencyQuantile({
  quantile = 0.95,
  samples = 200,
  warmUp = 20,
  maxAgeMs = 300_000,
  clock = systemClock,
}: LatencyQuantileOptions = {}): LatencyQuantile {
  numberBetween("quantile", quantile, 0.01, 0.9999);
  integerBetween("samples", samples, 10, 100_000);
  integerBetween("warmUp", warmUp, 2, samples);
  positiveMs("maxAgeMs", maxAgeMs);
  const durations = new Float64Array(samples);
  const times = new Float64Array(samples);
  let recorded = 0;
  let answer: number | undefined;
  /** Sorting is put off until an answer is wanted, and done anew only after a tenth of the window is new, or time has passed. */
  let staleAfter = 0;
  let staleAt = Number.NEGATIVE_INFINITY;

  return {
    record(durationMs) {
      durations[recorded % samples] = durationMs;
      times[recorded % samples] = clock.now();
      recorded += 1;
    },
    value() {
      const now = clock.now();
      if (recorded >= staleAfter || now >= staleAt) {
        answer = sortOut(now);
        staleAfter = recorded + Math.max(1, Math.floor(Math.min(recorded, samples) / 10));
        staleAt = now + maxAgeMs / 10;
      }
      return answer;
    },
  };

  function sortOut(now: number): number | undefined {
    const kept = Math.min(recorded, samples);
    const recent = durations.subarray(0, kept).filter((_, index) => now - (times[index] ?? 0) < maxAgeMs);
    if (recent.length < warmUp) return undefined;
    recent.sort();
    return recent[Math.min(Math.ceil(quantile * recent.length) - 1, recent.length - 2)];
  }
}
