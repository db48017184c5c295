// Callers that wait for a rate limiter, first come, first served. One sleep for the first of them, whatever their number.
import type { Clock } from "./clock.ts";
import { RateLimitedError, withoutStack } from "./errors.ts";
import { type Rate, spend, waitFor } from "./gcra.ts";

/** One call that waits for a rate limiter. */
export interface AcquireOptions {
  /** Ends the wait with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** On the clock's scale in milliseconds; a wait that would last longer is refused at once. @defaultValue Infinity */
  readonly deadline?: number;
  /** What the call counts for, from 0 to the burst. @defaultValue 1 */
  readonly weight?: number;
}

/** Where the limiter keeps its one number. */
export interface Bucket {
  fullAt: number;
}

export interface RateLimitQueue {
  readonly size: number;
  /** As in {@link AcquireOptions}; the caller has already seen that it cannot pass at once. */
  wait(weight: number, options: AcquireOptions): Promise<void>;
  /** How long a call must wait behind those that wait already, in milliseconds. */
  waitMs(now: number, weight: number): number;
}

export function createRateLimitQueue(
  rate: Rate,
  bucket: Bucket,
  clock: Clock,
  maxQueue: number,
  onEmpty: () => void,
): RateLimitQueue {
  const waiters = new Set<Waiter>();
  let queuedWeight = 0;
  let sleeping: AbortController | undefined;

  return {
    get size() {
      return waiters.size;
    },
    waitMs,
    wait(weight, { signal, deadline = Infinity }) {
      if (signal?.aborted) return Promise.reject(signal.reason as unknown);
      const now = clock.now();
      const retryAfterMs = waitMs(now, weight);
      if (waiters.size >= maxQueue || now + retryAfterMs > deadline)
        return Promise.reject(withoutStack(() => new RateLimitedError(retryAfterMs)));
      return new Promise((resolve, reject) => {
        const abort = (): void => {
          const [first] = waiters;
          leave(waiter);
          reject(signal?.reason as unknown);
          // The next one may be lighter, and have to sleep less.
          if (waiter === first) sleeping?.abort();
        };
        const waiter: Waiter = {
          weight,
          resolve,
          reject,
          forget: () => signal?.removeEventListener("abort", abort),
        };
        signal?.addEventListener("abort", abort);
        waiters.add(waiter);
        queuedWeight += weight;
        if (sleeping === undefined) sleepForFirst();
      });
    },
  };

  function waitMs(now: number, weight: number): number {
    return waitFor(rate, Math.max(bucket.fullAt, now) + queuedWeight * rate.intervalMs, now, weight);
  }

  function leave(waiter: Waiter): void {
    waiters.delete(waiter);
    queuedWeight = waiters.size === 0 ? 0 : queuedWeight - waiter.weight;
    waiter.forget();
  }

  function letThrough(): void {
    sleeping = undefined;
    const now = clock.now();
    for (const waiter of waiters) {
      if (waitFor(rate, bucket.fullAt, now, waiter.weight) > 0) break;
      bucket.fullAt = spend(rate, bucket.fullAt, now, waiter.weight);
      leave(waiter);
      waiter.resolve();
    }
    sleepForFirst();
  }

  function sleepForFirst(): void {
    const [first] = waiters;
    if (first === undefined) {
      onEmpty();
      return;
    }
    const controller = new AbortController();
    sleeping = controller;
    const ms = waitFor(rate, bucket.fullAt, clock.now(), first.weight);
    clock.sleep(ms, controller.signal).then(letThrough, (error: unknown) => {
      sleeping = undefined;
      if (!controller.signal.aborted) refuseAll(error);
      sleepForFirst();
    });
  }

  /** The clock itself failed. */
  function refuseAll(error: unknown): void {
    for (const waiter of waiters) {
      leave(waiter);
      waiter.reject(error);
    }
  }
}

interface Waiter {
  readonly weight: number;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
  readonly forget: () => void;
}
