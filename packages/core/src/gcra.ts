// The generic cell rate algorithm (ITU-T I.371): a token bucket whose whole state is one time, when the bucket will be
// full again. A bucket whose time has passed is full, so that forgetting it changes nothing.
import { numberBetween } from "./validate.ts";

/** How many calls may pass. */
export interface RateOptions {
  /** Calls per second in the long run, above 0. @defaultValue 12 */
  readonly ratePerSecond?: number;
  /** Calls that may come at once after a pause, from 1. @defaultValue `ratePerSecond`, at least 1 */
  readonly burst?: number;
}

export interface Rate {
  readonly burst: number;
  readonly intervalMs: number;
}

/** @throws RangeError when an option is out of range. */
export function rateOf({ ratePerSecond = 12, burst = Math.max(1, ratePerSecond) }: RateOptions): Rate {
  numberBetween("ratePerSecond", ratePerSecond, 1e-6, 1e6);
  numberBetween("burst", burst, 1, 1e9);
  return { burst, intervalMs: 1_000 / ratePerSecond };
}

/** How long a call of `weight` must wait at `now`, in milliseconds, where the bucket will be full at `fullAt`. */
export function waitFor(rate: Rate, fullAt: number, now: number, weight: number): number {
  const wait = Math.max(fullAt, now) - now + (weight - rate.burst) * rate.intervalMs;
  return wait > rounding ? wait : 0;
}

/** When the bucket will be full again after a call of `weight` at `now`. */
export function spend(rate: Rate, fullAt: number, now: number, weight: number): number {
  return Math.max(fullAt, now) + weight * rate.intervalMs;
}

/** A weight above the burst could never pass. @throws RangeError */
export function checkWeight(rate: Rate, weight: number): void {
  numberBetween("weight", weight, 0, rate.burst);
}

/** A nanosecond: more than a sum of floating-point waits is off, less than any clock tells. */
const rounding = 1e-6;
