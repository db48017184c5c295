// Keeps retries (and hedges) a bounded share of the traffic, so that an outage is not answered with a multiple of
// the load: the retry budget of Finagle and of the SRE book, as a token bucket that all callers share.
import { type Clock, systemClock } from "./clock.ts";
import { numberBetween } from "./validate.ts";

/** See {@link createRetryBudget}. */
export interface RetryBudgetOptions {
  /** Tokens that each call brings in, from 0 to 1: the share of extra attempts on top of calls. @defaultValue 0.2 */
  readonly ratio?: number;
  /**
   * Extra attempts per second that are allowed where the calls bring in fewer, so that a client with little traffic can retry
   * at all; not on top of what the calls bring in. @defaultValue 1
   */
  readonly floorPerSecond?: number;
  /** The most that is saved up, and so the largest burst, from 1. @defaultValue 10 */
  readonly maxTokens?: number;
  /** Tokens to begin with, from 0 to `maxTokens`, so that a failure right after the start can be retried. @defaultValue 0 */
  readonly initialTokens?: number;
  /** @defaultValue systemClock */
  readonly clock?: Clock;
}

/** Pays for extra attempts out of what calls and time have brought in. */
export interface RetryBudget {
  /** Counts one call (not its extra attempts). Reads no clock. */
  deposit(): void;
  /** Takes one token for an extra attempt; false when there is none, and then the attempt must not be made. */
  tryWithdraw(): boolean;
  /** Tokens that can be taken now. */
  readonly balance: number;
}

/**
 * Two buckets are filled, one by calls and one by time; a token is taken from both where either has one. So the
 * extra attempts are bounded by the larger of `ratio * calls` and `floorPerSecond * seconds`, plus what was saved before.
 *
 * @throws RangeError when an option is out of range.
 */
export function createRetryBudget({
  ratio = 0.2,
  floorPerSecond = 1,
  maxTokens = 10,
  initialTokens = 0,
  clock = systemClock,
}: RetryBudgetOptions = {}): RetryBudget {
  numberBetween("ratio", ratio, 0, 1);
  numberBetween("floorPerSecond", floorPerSecond, 0, 1e6);
  numberBetween("maxTokens", maxTokens, 1, 1e9);
  numberBetween("initialTokens", initialTokens, 0, maxTokens);
  // Calls are counted as an integer and multiplied once: adding 0.2 five times need not be 1.
  let calls = 0;
  let byCalls = 0;
  let byTime = initialTokens;
  let settledAt = clock.now();

  return {
    deposit() {
      calls += 1;
    },
    tryWithdraw() {
      settle();
      if (Math.max(byCalls, byTime) + rounding < 1) return false;
      byCalls = Math.max(0, byCalls - 1);
      byTime = Math.max(0, byTime - 1);
      return true;
    },
    get balance() {
      settle();
      return Math.max(byCalls, byTime);
    },
  };

  function settle(): void {
    const now = clock.now();
    byCalls = Math.min(maxTokens, byCalls + ratio * calls);
    byTime = Math.min(maxTokens, byTime + (floorPerSecond * (now - settledAt)) / 1000);
    calls = 0;
    settledAt = now;
  }
}

/** Far below one call's tokens, far above the rounding of a thousand additions. */
const rounding = 1e-9;
