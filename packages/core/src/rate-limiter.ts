// At most so many calls per second; the rest waits in line without blocking anybody, or is refused with the time to wait.
import type { CallContext, Policy } from "./call-context.ts";
import { type Clock, systemClock } from "./clock.ts";
import { checkWeight, type RateOptions, rateOf, spend, waitFor } from "./gcra.ts";
import { type AcquireOptions, createRateLimitQueue } from "./rate-limit-queue.ts";
import { integerBetween } from "./validate.ts";

/** See {@link createRateLimiter}. */
export interface RateLimiterOptions extends RateOptions {
  /** Callers that may wait, from 0 (refuse at once). @defaultValue 1_000 */
  readonly maxQueue?: number;
  /** What a call counts for when the limiter is used as a policy. @defaultValue 1 */
  readonly weight?: (context: CallContext) => number;
  /** @defaultValue systemClock */
  readonly clock?: Clock;
}

/** Lets a bounded number of calls per second pass. */
export interface RateLimiter {
  /**
   * Lets a call pass now, or not. Nobody overtakes those who wait.
   *
   * @throws RangeError when the weight is above the burst, and so could never pass.
   */
  tryAcquire(weight?: number): boolean;
  /**
   * Resolves when the call may pass: first come, first served.
   *
   * @throws {@link RateLimitedError} at once when the queue is full or the deadline would pass.
   * @throws the signal's reason when it aborts.
   */
  acquire(options?: AcquireOptions): Promise<void>;
  /** How long a call would have to wait now, in milliseconds. */
  retryAfterMs(weight?: number): number;
  /** Callers that wait. */
  readonly queueLength: number;
  /** Waits, within the call's deadline, before the next policy. */
  readonly policy: Policy;
}

/**
 * A limiter whose burst is available at once.
 *
 * @throws RangeError when an option is out of range.
 */
export function createRateLimiter(options: RateLimiterOptions = {}): RateLimiter {
  const { maxQueue = 1_000, weight: weightOf = one, clock = systemClock } = options;
  const rate = rateOf(options);
  integerBetween("maxQueue", maxQueue, 0, Infinity);
  const bucket = { fullAt: Number.NEGATIVE_INFINITY };
  const queue = createRateLimitQueue(rate, bucket, clock, maxQueue, () => {});

  return {
    tryAcquire,
    acquire,
    retryAfterMs: (weight = 1) => queue.waitMs(clock.now(), weight),
    get queueLength() {
      return queue.size;
    },
    policy: async (context, next) => {
      const weight = weightOf(context);
      if (!tryAcquire(weight)) await acquire({ signal: context.signal, deadline: context.deadline, weight });
      return next(context);
    },
  };

  function tryAcquire(weight = 1): boolean {
    checkWeight(rate, weight);
    const now = clock.now();
    if (queue.size > 0 || waitFor(rate, bucket.fullAt, now, weight) > 0) return false;
    bucket.fullAt = spend(rate, bucket.fullAt, now, weight);
    return true;
  }

  async function acquire(acquireOptions: AcquireOptions = {}): Promise<void> {
    const { weight = 1, signal } = acquireOptions;
    signal?.throwIfAborted();
    if (!tryAcquire(weight)) await queue.wait(weight, acquireOptions);
  }
}

function one(): number {
  return 1;
}
