// Keeps retries (and hedges) a bounded share of the traffic, so that an outage is not answered with a multiple of
// the load: the retry budget of Finagle and of the SRE book, as a token bucket that all callers share.
import { type Clock, systemClock } from "./clock.ts";
import { numberBetween } from "./validate.ts";

export interface RetryBudgetOptions {
  /** Tokens that each call brings in, from 0 to 1: the share of extra attempts on top of calls. @defaultValue 0.2 */
  readonly ratio?: number;
  /**
   * Tokens per second when the calls bring in fewer than that, so that a client with little traffic can retry at
   * all; not on top of the calls' tokens. @defaultValue 1
   */
  readonly floorPerSecond?: number;
  /** The most that is saved up, and so the largest burst, from 1. @defaultValue 10 */
  readonly maxTokens?: number;
  /** @defaultValue systemClock */
  readonly clock?: Clock;
}

export interface RetryBudget {
  /** Counts one call (not its extra attempts). Reads no clock. */
  deposit(): void;
  /** Takes one token for an extra attempt; false when there is none, and then the attempt must not be made. */
  tryWithdraw(): boolean;
  /** Tokens that can be taken now. */
  readonly balance: number;
}

/**
 * Starts empty. Over any period with `n` calls, at most `max(ratio * n, floorPerSecond * seconds)` plus what was saved
 * before (at most `maxTokens`) can be withdrawn.
 *
 * @throws RangeError when an option is out of range.
 */
export function createRetryBudget({
  ratio = 0.2,
  floorPerSecond = 1,
  maxTokens = 10,
  clock = systemClock,
}: RetryBudgetOptions = {}): RetryBudget {
  numberBetween("ratio", ratio, 0, 1);
  numberBetween("floorPerSecond", floorPerSecond, 0, 1e6);
  numberBetween("maxTokens", maxTokens, 1, 1e9);
  // Calls are counted as an integer and multiplied once: adding 0.2 five times need not be 1.
  let calls = 0;
  let saved = 0;
  let settledAt = clock.now();

  return {
    deposit() {
      calls += 1;
    },
    tryWithdraw() {
      settle();
      if (saved + rounding < 1) return false;
      saved = Math.max(0, saved - 1);
      return true;
    },
    get balance() {
      settle();
      return saved;
    },
  };

  function settle(): void {
    const now = clock.now();
    const earned = Math.max(ratio * calls, (floorPerSecond * (now - settledAt)) / 1000);
    saved = Math.min(maxTokens, saved + earned);
    calls = 0;
    settledAt = now;
  }
}

/** Far below one call's tokens, far above the rounding of a thousand additions. */
const rounding = 1e-9;
