// What is tried again, how often, how soon, and on whose account.
import { type Backoff, type BackoffOptions, createBackoff } from "./backoff.ts";
import type { CallContext } from "./call-context.ts";
import { ResilienceError } from "./errors.ts";
import type { RetryBudget } from "./retry-budget.ts";
import { integerBetween, numberBetween } from "./validate.ts";

/** What is tried again, how often and how soon. */
export interface RetryOptions {
  /** Attempts in all, the first one included, from 1. @defaultValue 3 */
  readonly maxAttempts?: number;
  /** No attempt starts later than this after the call began, in milliseconds. @defaultValue Infinity */
  readonly maxElapsedMs?: number;
  /** The wait between attempts; an error's own `retryAfterMs` prolongs it. @defaultValue full jitter from 200 ms, doubling, up to 30 s */
  readonly backoff?: Backoff | BackoffOptions;
  /** Shared by callers: each call pays in, each extra attempt must be paid for. @defaultValue none: every call may use its attempts */
  readonly budget?: RetryBudget;
  /**
   * Whether it is safe and useful to try again after this error.
   *
   * @defaultValue everything but this package's own refusals; a timed-out attempt is tried again
   */
  readonly shouldRetry?: (error: unknown, context: CallContext) => boolean;
}

export interface RetryPlan {
  readonly maxAttempts: number;
  readonly maxElapsedMs: number;
  readonly backoff: Backoff;
  readonly budget: RetryBudget | undefined;
  readonly shouldRetry: (error: unknown, context: CallContext) => boolean;
  /** Whether `shouldRetry` must be asked about a breaker's refusal; by default it is final. */
  readonly asksAboutRefusals: boolean;
}

/** @throws RangeError when an option is out of range. */
export function planRetry({
  maxAttempts = 3,
  maxElapsedMs = Infinity,
  backoff = {},
  budget,
  shouldRetry = isWorthRetrying,
}: RetryOptions): RetryPlan {
  integerBetween("retry.maxAttempts", maxAttempts, 1, Infinity);
  numberBetween("retry.maxElapsedMs", maxElapsedMs, 0, Infinity);
  return {
    maxAttempts,
    maxElapsedMs,
    backoff: "delayMs" in backoff ? backoff : createBackoff(backoff),
    budget,
    shouldRetry,
    asksAboutRefusals: shouldRetry !== isWorthRetrying,
  };
}

function isWorthRetrying(error: unknown): boolean {
  return !(error instanceof ResilienceError) || error.code === "ATTEMPT_TIMEOUT";
}

/** How long an error asks to wait, in milliseconds; 0 when it does not say. */
export function retryAfterOf(error: unknown): number {
  if (typeof error !== "object" || error === null || !("retryAfterMs" in error)) return 0;
  const { retryAfterMs } = error;
  return typeof retryAfterMs === "number" && retryAfterMs > 0 ? retryAfterMs : 0;
}
