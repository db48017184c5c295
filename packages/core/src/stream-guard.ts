// A stream is not healthy because its headers came: it may time out before the first item and between items, and it counts
// as a success when it has ended. Time that the reader takes between items is the reader's, not the stream's.
import type { CallContext, CallOptions } from "./call-context.ts";
import type { CircuitBreaker } from "./circuit-breaker.ts";
import type { CircuitOutcome } from "./circuit-state.ts";
import { type Clock, systemClock } from "./clock.ts";
import {
  CircuitOpenError,
  DeadlineExceededError,
  FirstItemTimeoutError,
  IdleTimeoutError,
  type ResilienceError,
  withoutStack,
} from "./errors.ts";
import { type LinkedContext, linkContext } from "./linked-context.ts";
import { RootContext } from "./root-context.ts";
import { createTimerWheel, sharedTimerWheel, type TimerWheel } from "./timer-wheel.ts";
import { numberBetween } from "./validate.ts";

/** See {@link createStreamGuard}. */
export interface StreamGuardOptions {
  /** Time until the first item, opening included, in milliseconds. @defaultValue 60_000 */
  readonly firstItemTimeoutMs?: number;
  /** Time between items, in milliseconds. @defaultValue 30_000 */
  readonly idleTimeoutMs?: number;
  /** Time for the whole stream, the reader's pauses included, in milliseconds. @defaultValue Infinity */
  readonly timeoutMs?: number;
  /** Asked before the stream is opened, told when it has ended. */
  readonly breaker?: CircuitBreaker;
  /** @defaultValue systemClock */
  readonly clock?: Clock;
  /** @defaultValue `sharedTimerWheel`, or one of its own when a clock is given */
  readonly wheel?: TimerWheel;
}

/** What opening a stream gives: anything that can be read with `for await`, such as the body of a `Response`. */
export type StreamSource<T> = AsyncIterable<T> | PromiseLike<AsyncIterable<T>>;

/** Reads streams within time limits. */
export interface StreamGuard {
  /**
   * Reads what `open` gives. Nothing happens before the first item is asked for; a reader that stops early aborts the stream,
   * which then counts neither as success nor as failure.
   *
   * @throws {@link CircuitOpenError} when the breaker refuses, {@link FirstItemTimeoutError}, {@link IdleTimeoutError} or
   * {@link DeadlineExceededError} when time is up, the signal's reason when it aborts; whatever the stream throws.
   */
  read<T>(
    open: (context: CallContext) => StreamSource<T>,
    options?: CallOptions,
  ): AsyncGenerator<T, void, undefined>;
}

/**
 * A guard for any number of streams.
 *
 * @throws RangeError when an option is out of range.
 */
export function createStreamGuard({
  firstItemTimeoutMs = 60_000,
  idleTimeoutMs = 30_000,
  timeoutMs = Infinity,
  breaker,
  clock = systemClock,
  wheel = clock === systemClock ? sharedTimerWheel : createTimerWheel({ clock }),
}: StreamGuardOptions = {}): StreamGuard {
  numberBetween("firstItemTimeoutMs", firstItemTimeoutMs, 1, Infinity);
  numberBetween("idleTimeoutMs", idleTimeoutMs, 1, Infinity);
  numberBetween("timeoutMs", timeoutMs, 1, Infinity);

  return {
    async *read<T>(
      open: (context: CallContext) => StreamSource<T>,
      options?: CallOptions,
    ): AsyncGenerator<T, void, undefined> {
      options?.signal?.throwIfAborted();
      const permit = breaker?.tryAcquire();
      if (breaker !== undefined && permit === 0) {
        const retryAfterMs = breaker.retryAfterMs();
        throw withoutStack(() => new CircuitOpenError(retryAfterMs));
      }
      const startedAt = clock.now();
      const deadline = Math.min(options?.deadline ?? Infinity, startedAt + timeoutMs);
      const context = linkContext(new RootContext(options), { deadline });
      let outcome: CircuitOutcome = "ignored";
      let iterator: AsyncIterator<T> | undefined;
      let received = 0;
      try {
        const source = await bounded(opened(open, context), context, limit());
        iterator = source[Symbol.asyncIterator]();
        for (;;) {
          const item = await bounded(iterator.next(), context, limit());
          if (item.done === true) break;
          received += 1;
          yield item.value;
        }
        outcome = "success";
      } catch (error) {
        if (options?.signal?.aborted !== true) outcome = breaker?.outcomeOfError(error) ?? "failure";
        context.abort(error);
        throw error;
      } finally {
        context.unlink();
        if (outcome !== "success") {
          context.abort(new Error("The stream is read no further"));
          void stop(iterator);
        }
        if (permit !== undefined) breaker?.release(permit, outcome, clock.now() - startedAt);
      }

      function limit(): Limit {
        const remainingMs = deadline - clock.now();
        const stepMs = received > 0 ? idleTimeoutMs : firstItemTimeoutMs - (clock.now() - startedAt);
        if (remainingMs <= stepMs)
          return { ms: remainingMs, error: () => new DeadlineExceededError(deadline - startedAt) };
        return {
          ms: stepMs,
          error: () =>
            received > 0
              ? new IdleTimeoutError(idleTimeoutMs, received)
              : new FirstItemTimeoutError(firstItemTimeoutMs),
        };
      }
    },
  };

  /** The promise's answer, unless time is up or the caller leaves before. */
  function bounded<V>(promise: PromiseLike<V>, { signal }: LinkedContext, { ms, error }: Limit): Promise<V> {
    return new Promise<V>((resolve, reject) => {
      const timer =
        ms === Infinity
          ? undefined
          : wheel.schedule(Math.max(0, ms), () => end(() => reject(withoutStack(error))));
      const leave = (): void => end(() => reject(signal.reason as unknown));
      const end = (settle: () => void): void => {
        if (timer !== undefined) wheel.cancel(timer);
        signal.removeEventListener("abort", leave);
        settle();
      };
      if (signal.aborted) leave();
      else signal.addEventListener("abort", leave);
      promise.then(
        (value) => end(() => resolve(value)),
        (reason: unknown) => end(() => reject(reason)),
      );
    });
  }
}

async function opened<T>(
  open: (context: CallContext) => StreamSource<T>,
  context: CallContext,
): Promise<AsyncIterable<T>> {
  return open(context);
}

/** Lets the stream clean up; how that goes is nobody's business any more. */
async function stop(iterator: AsyncIterator<unknown> | undefined): Promise<void> {
  try {
    await iterator?.return?.();
  } catch {
    // It has been told to stop by its signal as well.
  }
}

interface Limit {
  readonly ms: number;
  readonly error: () => ResilienceError;
}
