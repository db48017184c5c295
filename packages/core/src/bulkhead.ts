// At most so many calls at a time. The rest waits in a bounded queue (urgent ones first, fair between keys) and is told
// when to come back where the queue is full. A slot that becomes free goes to who waits; a newcomer cannot take it.
import type { CallContext, Operation, Policy, Priority } from "./call-context.ts";
import { type Clock, systemClock } from "./clock.ts";
import type { ConcurrencyLimit } from "./concurrency-limit.ts";
import { QueueFullError, QueueTimeoutError, withoutStack } from "./errors.ts";
import { createFairQueue, type Queued } from "./fair-queue.ts";
import { holding, type Permit } from "./permit.ts";
import { createTimerWheel, sharedTimerWheel, type TimerHandle, type TimerWheel } from "./timer-wheel.ts";
import { integerBetween, numberBetween, positiveMs } from "./validate.ts";

/** When a queue is overloaded, and what is dropped then. */
export interface SheddingOptions {
  /** While the queue does not run empty, a call that has waited longer than this is dropped, in milliseconds. */
  readonly targetMs: number;
  /** The queue stands when it has not been empty for this long, in milliseconds; before that, calls may wait as long. */
  readonly intervalMs: number;
}

/** See {@link createBulkhead}. */
export interface BulkheadOptions {
  /** Calls in flight, from 1; or a limit that learns. @defaultValue 10 */
  readonly limit?: number | ConcurrencyLimit;
  /** Calls that may wait, from 0. @defaultValue 100 */
  readonly maxQueue?: number;
  /** A call waits no longer, in milliseconds. @defaultValue Infinity */
  readonly maxWaitMs?: number;
  /** After this long a waiting call counts as one class more urgent, in milliseconds. @defaultValue 1_000 */
  readonly ageingMs?: number;
  /** A key's share of the slots relative to the others, from 0.01 to 100. @defaultValue 1 for every key */
  readonly weightOf?: (key: string) => number;
  /**
   * Controlled delay with adaptive LIFO (Maurer, "Fail at Scale", ACM Queue 2015): while the queue stands, the newest call goes
   * first and those that have waited too long are dropped, since their callers have likely given up. @defaultValue off
   */
  readonly shedding?: SheddingOptions;
  /** @defaultValue systemClock */
  readonly clock?: Clock;
  /** Ends waits. @defaultValue `sharedTimerWheel`, or one of its own when a clock is given */
  readonly wheel?: TimerWheel;
}

/** One call that wants a slot; a {@link CallContext} is one. */
export interface AdmissionRequest {
  readonly signal?: AbortSignal | undefined;
  /** On the clock's scale in milliseconds. @defaultValue Infinity */
  readonly deadline?: number;
  /** @defaultValue "normal" */
  readonly priority?: Priority | undefined;
  /** Whose call it is; calls without a key count as one caller's. */
  readonly key?: string | undefined;
}

/** Slots for calls in flight, and the queue for them. */
export interface Bulkhead {
  /** A slot, if one is free and nobody waits. */
  tryAcquire(): Permit | undefined;
  /**
   * A slot, as soon as it is this call's turn.
   *
   * @throws {@link QueueFullError} when nobody more may wait, or later when a more urgent call or another key needed the place.
   * @throws {@link QueueTimeoutError} when the wait took too long.
   * @throws the signal's reason when it aborts.
   */
  acquire(request?: AdmissionRequest): Promise<Permit>;
  readonly inFlight: number;
  readonly queueLength: number;
  /** Calls that may be in flight now. */
  readonly limit: number;
  /**
   * Holds a slot while the next policy runs. As `bulkhead` of a pipeline it is held until the operation itself has ended, even
   * if a timeout has given it up before: the target is still at work on it.
   */
  readonly policy: Policy;
}

/**
 * A bulkhead with all slots free.
 *
 * @throws RangeError when an option is out of range.
 */
export function createBulkhead(options: BulkheadOptions = {}): Bulkhead {
  const {
    limit: limitOption = 10,
    maxQueue = 100,
    maxWaitMs = Infinity,
    ageingMs = 1_000,
    weightOf = () => 1,
    shedding,
    clock = systemClock,
    wheel = clock === systemClock ? sharedTimerWheel : createTimerWheel({ clock }),
  } = options;
  const learning = typeof limitOption === "number" ? undefined : limitOption;
  if (typeof limitOption === "number") integerBetween("limit", limitOption, 1, 1e6);
  integerBetween("maxQueue", maxQueue, 0, 1e6);
  numberBetween("maxWaitMs", maxWaitMs, 0, Infinity);
  positiveMs("ageingMs", ageingMs);
  if (shedding !== undefined) {
    positiveMs("shedding.targetMs", shedding.targetMs);
    positiveMs("shedding.intervalMs", shedding.intervalMs);
  }
  const queue = createFairQueue<Priority, Waiter>({
    classes: ["high", "normal", "low"],
    ageingMs,
    weightOf: (key) => numberBetween("weightOf(key)", weightOf(key), 0.01, 100),
  });
  let inFlight = 0;
  /** When the queue was last seen empty. */
  let emptyAt = clock.now();
  let grantedAt = 0;
  let grantIntervalMs = 0;

  return {
    tryAcquire,
    acquire,
    get inFlight() {
      return inFlight;
    },
    get queueLength() {
      return queue.size;
    },
    get limit() {
      return currentLimit();
    },
    policy,
  };

  function currentLimit(): number {
    return typeof limitOption === "number" ? limitOption : limitOption.limit;
  }

  function tryAcquire(): Permit | undefined {
    return queue.size === 0 && inFlight < currentLimit() ? grant() : undefined;
  }

  function grant(): Permit {
    inFlight += 1;
    const startedWith = inFlight;
    const startedAt = learning === undefined ? 0 : clock.now();
    let held = true;
    return {
      release(outcome = "success") {
        if (!held) return;
        held = false;
        inFlight -= 1;
        learning?.record({ durationMs: clock.now() - startedAt, inFlight: startedWith, outcome });
        if (queue.size > 0) admit();
      },
    };
  }

  async function acquire(request: AdmissionRequest = {}): Promise<Permit> {
    request.signal?.throwIfAborted();
    return tryAcquire() ?? wait(request);
  }

  function wait({
    signal,
    deadline = Infinity,
    priority = "normal",
    key = "",
  }: AdmissionRequest): Promise<Permit> {
    const now = clock.now();
    if (queue.size === 0) emptyAt = now;
    const waitMs = Math.min(maxWaitMs, deadline - now);
    if (waitMs <= 0) return Promise.reject(withoutStack(() => new QueueTimeoutError(0, retryAfterMs())));
    if (queue.size >= maxQueue) {
      const displaced = maxQueue === 0 ? undefined : queue.pushOut(key, priority);
      if (displaced === undefined) return Promise.reject(fullError());
      displaced.refuse(fullError());
    }
    return new Promise((resolve, reject) => {
      let timer: TimerHandle | undefined;
      const forget = (): void => {
        if (timer !== undefined) wheel.cancel(timer);
        signal?.removeEventListener("abort", abort);
      };
      const waiter: Waiter = {
        key,
        priority,
        queuedAt: now,
        admit(permit) {
          forget();
          resolve(permit);
        },
        refuse(error) {
          forget();
          reject(error);
        },
      };
      const abort = (): void => {
        if (queue.remove(waiter)) waiter.refuse(signal?.reason);
      };
      queue.push(waiter);
      signal?.addEventListener("abort", abort);
      if (waitMs !== Infinity)
        timer = wheel.schedule(waitMs, () => {
          if (queue.remove(waiter)) waiter.refuse(timeoutError(waiter, clock.now()));
        });
    });
  }

  function admit(): void {
    const now = clock.now();
    while (queue.size > 0 && inFlight < currentLimit()) {
      const standing = shedding !== undefined && now - emptyAt > shedding.intervalMs;
      const waiter = queue.shift(now, standing ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY);
      if (waiter === undefined) break;
      const allowedMs =
        shedding === undefined ? Infinity : standing ? shedding.targetMs : shedding.intervalMs;
      if (now - waiter.queuedAt > allowedMs) waiter.refuse(timeoutError(waiter, now));
      else {
        if (grantedAt !== 0) grantIntervalMs += (now - grantedAt - grantIntervalMs) * 0.2;
        grantedAt = now;
        waiter.admit(grant());
      }
    }
    if (queue.size === 0) {
      emptyAt = now;
      grantedAt = 0;
    }
  }

  function retryAfterMs(): number {
    return grantIntervalMs === 0 ? defaultRetryAfterMs : grantIntervalMs * (queue.size + 1);
  }

  function fullError(): QueueFullError {
    return withoutStack(() => new QueueFullError(maxQueue, retryAfterMs()));
  }

  function timeoutError(waiter: Waiter, now: number): QueueTimeoutError {
    return withoutStack(() => new QueueTimeoutError(now - waiter.queuedAt, retryAfterMs()));
  }

  async function policy<T>(context: CallContext, next: Operation<T>): Promise<T> {
    const permit = tryAcquire() ?? (await acquire(context));
    return holding(permit, next, context);
  }
}

interface Waiter extends Queued<Priority> {
  admit(permit: Permit): void;
  refuse(error: unknown): void;
}

/** The hint before anything is known about the queue's pace. */
const defaultRetryAfterMs = 1_000;
