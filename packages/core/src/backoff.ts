// How long to wait before the next attempt. The jittered kinds are those of Marc Brooker, "Exponential Backoff And
// Jitter" (AWS Architecture Blog, 2015).
import type { Random } from "./random.ts";
import { integerBetween, numberBetween, oneOf } from "./validate.ts";

/** See {@link BackoffOptions.kind}. */
export type BackoffKind = "exponential" | "full-jitter" | "equal-jitter" | "decorrelated-jitter" | "constant";

/** See {@link createBackoff}. */
export interface BackoffOptions {
  /**
   * With `step = min(maxDelayMs, baseDelayMs * factor ** (attempt - 1))`: `exponential` waits `step`, `full-jitter`
   * a random time from 0 to `step`, `equal-jitter` from `step / 2` to `step`, `decorrelated-jitter` from
   * `baseDelayMs` to three times the previous delay (at most `maxDelayMs`), `constant` always `baseDelayMs`.
   *
   * @defaultValue "full-jitter"
   */
  readonly kind?: BackoffKind;
  /** Delay before the second attempt, in milliseconds, from 0. @defaultValue 200 */
  readonly baseDelayMs?: number;
  /** No delay is longer, in milliseconds. @defaultValue 30_000 */
  readonly maxDelayMs?: number;
  /** Growth per attempt, from 1. @defaultValue 2 */
  readonly factor?: number;
  /** @defaultValue Math.random */
  readonly random?: Random;
}

/** Says how long to wait between attempts. */
export interface Backoff {
  /**
   * The wait after a failed attempt, in milliseconds.
   *
   * @param attempt - number of the attempt that failed, from 1; any size is safe
   * @param previousDelayMs - what this returned last time; only `decorrelated-jitter` reads it
   */
  delayMs(attempt: number, previousDelayMs?: number): number;
}

const kinds = ["exponential", "full-jitter", "equal-jitter", "decorrelated-jitter", "constant"] as const;

/**
 * Delays of the kind asked for.
 *
 * @throws RangeError when an option is out of range.
 */
export function createBackoff({
  kind = "full-jitter",
  baseDelayMs = 200,
  maxDelayMs = 30_000,
  factor = 2,
  random = Math.random,
}: BackoffOptions = {}): Backoff {
  oneOf("kind", kind, kinds);
  numberBetween("baseDelayMs", baseDelayMs, 0, Number.MAX_VALUE);
  numberBetween("maxDelayMs", maxDelayMs, baseDelayMs, Number.MAX_VALUE);
  numberBetween("factor", factor, 1, Number.MAX_VALUE);

  return {
    delayMs(attempt, previousDelayMs = baseDelayMs) {
      integerBetween("attempt", attempt, 1, Infinity);
      switch (kind) {
        case "constant":
          return baseDelayMs;
        case "exponential":
          return step(attempt);
        case "full-jitter":
          return random() * step(attempt);
        case "equal-jitter":
          return step(attempt) * (0.5 + random() / 2);
        case "decorrelated-jitter": {
          const upper = Math.max(baseDelayMs, previousDelayMs * 3);
          return Math.min(maxDelayMs, baseDelayMs + random() * (upper - baseDelayMs));
        }
      }
    },
  };

  // `factor ** attempt` overflows to Infinity after about 1000 attempts; times a base of 0 that would be NaN.
  function step(attempt: number): number {
    return baseDelayMs === 0 ? 0 : Math.min(maxDelayMs, baseDelayMs * factor ** (attempt - 1));
  }
}
