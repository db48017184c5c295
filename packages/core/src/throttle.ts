// A client that refuses its own calls when the target accepts too few of them (Google's SRE book, "Handling Overload"): the
// load falls with what is accepted, smoothly, where a breaker would stop all of it.
import type { Policy } from "./call-context.ts";
import { type Clock, systemClock } from "./clock.ts";
import { isRefusal, ThrottledError, withoutStack } from "./errors.ts";
import type { Random } from "./random.ts";
import { createSlidingWindow } from "./sliding-window.ts";
import { numberBetween, positiveMs } from "./validate.ts";

/** See {@link createThrottle}. */
export interface ThrottleOptions {
  /** How many calls may be made per accepted one before calls are refused, from 1. @defaultValue 2 */
  readonly multiplier?: number;
  /** What counts, in milliseconds back. @defaultValue 120_000 */
  readonly windowMs?: number;
  /** No more than this share of calls is refused, so that recovery is noticed; from 0 to 1. @defaultValue 0.9 */
  readonly maxRefusedRatio?: number;
  /** Whether an error means that the target did not take the call. @defaultValue every error that is no refusal by a policy further in */
  readonly isRejected?: (error: unknown) => boolean;
  /** @defaultValue systemClock */
  readonly clock?: Clock;
  /** @defaultValue Math.random */
  readonly random?: Random;
}

/** Holds calls back as the target accepts fewer. */
export interface Throttle {
  /** The share of calls that is refused now: `max(0, (calls - multiplier * accepted) / (calls + 1))`. */
  refusedRatio(): number;
  /** Refuses with {@link ThrottledError}, or runs the next policy and counts how it went. */
  readonly policy: Policy;
}

/**
 * A throttle that has seen no call yet; one per target.
 *
 * @throws RangeError when an option is out of range.
 */
export function createThrottle({
  multiplier = 2,
  windowMs = 120_000,
  maxRefusedRatio = 0.9,
  isRejected = (error) => !isRefusal(error),
  clock = systemClock,
  random = Math.random,
}: ThrottleOptions = {}): Throttle {
  numberBetween("multiplier", multiplier, 1, 1_000);
  positiveMs("windowMs", windowMs);
  numberBetween("maxRefusedRatio", maxRefusedRatio, 0, 1);
  const window = createSlidingWindow({ kind: "time", durationMs: windowMs });

  return {
    refusedRatio,
    policy: async (context, next) => {
      const ratio = refusedRatio();
      if (ratio > 0 && random() < ratio) {
        // A refused call counts as asked for, else the share would fall while the target is still down.
        window.record(false, clock.now());
        throw withoutStack(() => new ThrottledError(ratio));
      }
      let accepted = true;
      try {
        return await next(context);
      } catch (error) {
        accepted = context.signal.aborted || !isRejected(error);
        throw error;
      } finally {
        window.record(accepted, clock.now());
      }
    },
  };

  function refusedRatio(): number {
    window.forget(clock.now());
    const ratio = (window.calls - multiplier * window.hits) / (window.calls + 1);
    return Math.min(maxRefusedRatio, Math.max(0, ratio));
  }
}
