// One rate for each of many clients, in bounded memory: a key costs one number while its bucket is not full, and nothing
// once it is (a full bucket and an unknown key are the same).
import type { CallContext, Policy } from "./call-context.ts";
import { type Clock, systemClock } from "./clock.ts";
import { checkWeight, type RateOptions, rateOf, spend, waitFor } from "./gcra.ts";
import { type AcquireOptions, createRateLimitQueue, type RateLimitQueue } from "./rate-limit-queue.ts";
import { createTimerWheel, sharedTimerWheel, type TimerWheel } from "./timer-wheel.ts";
import { integerBetween } from "./validate.ts";

/** `ratePerSecond` and `burst` are those of each key. */
export interface KeyedRateLimiterOptions extends RateOptions {
  /** Callers of one key that may wait, from 0 (refuse at once). @defaultValue 100 */
  readonly maxQueuePerKey?: number;
  /** Keys that are remembered, from 1; beyond them, the key nearest to a full bucket out of a few is forgotten. @defaultValue 100_000 */
  readonly maxKeys?: number;
  /** What a call counts for when the limiter is used as a policy. @defaultValue 1 */
  readonly weight?: (context: CallContext) => number;
  /** @defaultValue systemClock */
  readonly clock?: Clock;
  /** Runs the eviction of idle keys. @defaultValue `sharedTimerWheel`, or one of its own when a clock is given */
  readonly wheel?: TimerWheel;
}

/** Rate limits by key. */
export interface KeyedRateLimiter {
  /** As {@link RateLimiter.tryAcquire}, for this key. */
  tryAcquire(key: string, weight?: number): boolean;
  /** As {@link RateLimiter.acquire}, for this key. */
  acquire(key: string, options?: AcquireOptions): Promise<void>;
  /** How long a call of this key would have to wait now, in milliseconds. */
  retryAfterMs(key: string, weight?: number): number;
  /** Keys that are remembered. */
  readonly size: number;
  /** Limits by the context's key; calls without one share a bucket. */
  readonly policy: Policy;
}

/**
 * A limiter that knows no key yet.
 *
 * @throws RangeError when an option is out of range.
 */
export function createKeyedRateLimiter(options: KeyedRateLimiterOptions = {}): KeyedRateLimiter {
  const {
    maxQueuePerKey = 100,
    maxKeys = 100_000,
    weight: weightOf = () => 1,
    clock = systemClock,
    wheel = clock === systemClock ? sharedTimerWheel : createTimerWheel({ clock }),
  } = options;
  const rate = rateOf(options);
  integerBetween("maxQueuePerKey", maxQueuePerKey, 0, Infinity);
  integerBetween("maxKeys", maxKeys, 1, 1e7);
  /** When each key's bucket will be full again. */
  const fullAt = new Map<string, number>();
  const queues = new Map<string, RateLimitQueue>();
  const refillMs = rate.burst * rate.intervalMs;
  let sweeping = false;
  let hand = fullAt.entries();

  return {
    tryAcquire,
    acquire,
    retryAfterMs(key, weight = 1) {
      const now = clock.now();
      return queues.get(key)?.waitMs(now, weight) ?? waitFor(rate, fullAt.get(key) ?? now, now, weight);
    },
    get size() {
      return fullAt.size;
    },
    policy: async (context, next) => {
      const { key = "" } = context;
      const weight = weightOf(context);
      if (!tryAcquire(key, weight))
        await acquire(key, { signal: context.signal, deadline: context.deadline, weight });
      return next(context);
    },
  };

  function tryAcquire(key: string, weight = 1): boolean {
    checkWeight(rate, weight);
    const now = clock.now();
    const known = fullAt.get(key);
    if (queues.has(key) || waitFor(rate, known ?? now, now, weight) > 0) return false;
    if (known === undefined) makeRoom();
    fullAt.set(key, spend(rate, known ?? now, now, weight));
    return true;
  }

  async function acquire(key: string, acquireOptions: AcquireOptions = {}): Promise<void> {
    const { weight = 1, signal } = acquireOptions;
    signal?.throwIfAborted();
    if (tryAcquire(key, weight)) return;
    const queue = queueOf(key);
    const waiting = queue.wait(weight, acquireOptions);
    if (queue.size > 0) queues.set(key, queue);
    await waiting;
  }

  function queueOf(key: string): RateLimitQueue {
    const existing = queues.get(key);
    if (existing !== undefined) return existing;
    const bucket = {
      get fullAt() {
        return fullAt.get(key) ?? Number.NEGATIVE_INFINITY;
      },
      set fullAt(time) {
        fullAt.set(key, time);
      },
    };
    return createRateLimitQueue(rate, bucket, clock, maxQueuePerKey, () => queues.delete(key));
  }

  function makeRoom(): void {
    if (!sweeping) {
      sweeping = true;
      wheel.schedule(sweepMs(), sweep);
    }
    if (fullAt.size < maxKeys) return;
    let victim: string | undefined;
    let earliest = Infinity;
    for (let looked = 0; looked < sample; looked += 1) {
      const [key, time] = nextEntry();
      if (time < earliest && !queues.has(key)) {
        earliest = time;
        victim = key;
      }
    }
    if (victim !== undefined) fullAt.delete(victim);
  }

  function nextEntry(): [string, number] {
    let { value } = hand.next();
    if (value === undefined) {
      hand = fullAt.entries();
      ({ value } = hand.next());
    }
    return value ?? ["", Infinity];
  }

  function sweepMs(): number {
    return Math.min(60_000, Math.max(1_000, refillMs));
  }

  /** In portions, so that a hundred thousand keys do not hold up the event loop. */
  function sweep(): void {
    const now = clock.now();
    const portion = Math.min(fullAt.size, 10_000);
    const whole = portion === fullAt.size;
    for (let looked = 0; looked < portion; looked += 1) {
      const [key, time] = nextEntry();
      if (time <= now && !queues.has(key)) fullAt.delete(key);
    }
    sweeping = fullAt.size > 0;
    if (sweeping) wheel.schedule(whole ? sweepMs() : 0, sweep);
  }
}

const sample = 16;
