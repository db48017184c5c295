// What a breaker can be told, and what it makes of it.
import type { CircuitEvent, CircuitOutcome } from "./circuit-state.ts";
import { type Clock, systemClock } from "./clock.ts";
import type { Random } from "./random.ts";
import { checkWindow, needsClock, type WindowOptions } from "./sliding-window.ts";
import { integerBetween, numberBetween, positiveMs } from "./validate.ts";

/** Opens when at least `ratio` of the window's calls failed (or were slow). */
export interface RatioRule {
  /** Above 0, up to 1. */
  readonly ratio: number;
  /** Calls that the window must hold before the ratio means anything, from 1. @defaultValue 10 */
  readonly minimumCalls?: number;
  /** @defaultValue the last `monitoringWindowMs` */
  readonly window?: WindowOptions;
}

/** Opens when at least `ratio` of the window's calls took longer than `slowCallMs`. */
export interface SlowCallRule extends RatioRule {
  /** A call that takes longer is slow, in milliseconds. */
  readonly slowCallMs: number;
}

/** See {@link createCircuitBreaker}. */
export interface CircuitBreakerOptions {
  /** Told in events. */
  readonly name?: string;
  /** Failures in a row, all within `monitoringWindowMs`, that open it; `Infinity` switches this rule off. @defaultValue 5 */
  readonly failureThreshold?: number;
  /** How far back failures count, in milliseconds. @defaultValue 300_000 */
  readonly monitoringWindowMs?: number;
  /** Opens on a share of failed calls as well. @defaultValue off */
  readonly failureRatio?: RatioRule;
  /** Opens on a share of slow calls as well; `release` must then be told the duration. @defaultValue off */
  readonly slowCallRatio?: SlowCallRule;
  /** How long it stays open before probes are let through, in milliseconds. @defaultValue 60_000 */
  readonly resetTimeoutMs?: number;
  /** The reset timeout is multiplied by this for every repeated trip, from 1. @defaultValue 1 */
  readonly resetTimeoutFactor?: number;
  /** Upper bound of the multiplied reset timeout, in milliseconds. @defaultValue 600_000, or `resetTimeoutMs` if larger */
  readonly maxResetTimeoutMs?: number;
  /** Up to this share is added to each reset timeout at random, so that many instances do not probe at once. @defaultValue 0 */
  readonly resetJitterRatio?: number;
  /** `manual`: stays open until it is told otherwise. @defaultValue "automatic" */
  readonly recovery?: "automatic" | "manual";
  /** Probes at a time while half-open, from 1. @defaultValue 3 */
  readonly halfOpenMaxCalls?: number;
  /** Probes that must succeed to close it, from 1; a single failed one opens it again. @defaultValue 3 */
  readonly successThreshold?: number;
  /** Calls that may wait for the probes' verdict while half-open; the others are refused at once. @defaultValue 0 */
  readonly halfOpenMaxQueue?: number;
  /** Probes without an answer for this long, in milliseconds, are given up and new ones let through. @defaultValue `resetTimeoutMs` */
  readonly halfOpenTimeoutMs?: number;
  /** What an error means. Not asked when the caller aborted the call: that is ignored. @defaultValue a failure, unless it is a refusal by a limiter or another breaker further in: then ignored */
  readonly classifyError?: (error: unknown) => CircuitOutcome;
  /** What a returned value means. @defaultValue a success */
  readonly classifyResult?: (value: unknown) => CircuitOutcome;
  /** Told of every state change, after it. What it throws reaches the caller that caused the change. */
  readonly onEvent?: (event: CircuitEvent) => void;
  /** @defaultValue systemClock */
  readonly clock?: Clock;
  /** @defaultValue Math.random */
  readonly random?: Random;
}

/** The options, checked and completed. */
export interface CircuitSettings {
  readonly options: CircuitBreakerOptions;
  readonly clock: Clock;
  readonly failureThreshold: number;
  readonly monitoringWindowMs: number;
  readonly failureRatio: Required<RatioRule> | undefined;
  readonly slowCallRatio: Required<SlowCallRule> | undefined;
  readonly windowNeedsClock: boolean;
  readonly resetTimeoutMs: number;
  readonly maxResetTimeoutMs: number;
  readonly halfOpenMaxCalls: number;
  readonly successThreshold: number;
  readonly halfOpenTimeoutMs: number;
  readonly halfOpenMaxQueue: number;
}

/** Options that several breakers share are checked and kept once. */
const checked: WeakMap<CircuitBreakerOptions, CircuitSettings> = new WeakMap();

/** @throws RangeError when an option is out of range. */
export function settingsOf(options: CircuitBreakerOptions): CircuitSettings {
  const known = checked.get(options);
  if (known !== undefined) return known;
  const {
    failureThreshold = 5,
    monitoringWindowMs = 300_000,
    failureRatio,
    slowCallRatio,
    resetTimeoutMs = 60_000,
    resetTimeoutFactor = 1,
    maxResetTimeoutMs = Math.max(600_000, resetTimeoutMs),
    resetJitterRatio = 0,
    halfOpenMaxCalls = 3,
    successThreshold = 3,
    halfOpenTimeoutMs = resetTimeoutMs,
    halfOpenMaxQueue = 0,
    clock = systemClock,
  } = options;
  integerBetween("failureThreshold", failureThreshold, 1, Infinity);
  positiveMs("monitoringWindowMs", monitoringWindowMs);
  positiveMs("resetTimeoutMs", resetTimeoutMs);
  numberBetween("resetTimeoutFactor", resetTimeoutFactor, 1, 1e6);
  numberBetween("maxResetTimeoutMs", maxResetTimeoutMs, resetTimeoutMs, Number.MAX_VALUE);
  numberBetween("resetJitterRatio", resetJitterRatio, 0, 1);
  integerBetween("halfOpenMaxCalls", halfOpenMaxCalls, 1, 1e6);
  integerBetween("successThreshold", successThreshold, 1, 1e6);
  positiveMs("halfOpenTimeoutMs", halfOpenTimeoutMs);
  integerBetween("halfOpenMaxQueue", halfOpenMaxQueue, 0, 1e6);
  if (slowCallRatio !== undefined) positiveMs("slowCallRatio.slowCallMs", slowCallRatio.slowCallMs);

  const rule = <R extends RatioRule>(
    option: string,
    given: R | undefined,
  ): (R & Required<RatioRule>) | undefined => {
    if (given === undefined) return undefined;
    const { window = { kind: "time", durationMs: monitoringWindowMs }, minimumCalls = 10 } = given;
    if (!(given.ratio > 0 && given.ratio <= 1))
      throw new RangeError(`${option}.ratio must be above 0 and at most 1, got ${String(given.ratio)}`);
    checkWindow(`${option}.window`, window);
    integerBetween(`${option}.minimumCalls`, minimumCalls, 1, window.kind === "count" ? window.calls : 1e9);
    return { ...given, minimumCalls, window };
  };
  const failures = rule("failureRatio", failureRatio);
  const slowCalls = rule("slowCallRatio", slowCallRatio);
  const settings: CircuitSettings = {
    options,
    clock,
    failureThreshold,
    monitoringWindowMs,
    failureRatio: failures,
    slowCallRatio: slowCalls,
    windowNeedsClock: [failures, slowCalls].some((each) => each !== undefined && needsClock(each.window)),
    resetTimeoutMs,
    maxResetTimeoutMs,
    halfOpenMaxCalls,
    successThreshold,
    halfOpenTimeoutMs,
    halfOpenMaxQueue,
  };
  checked.set(options, settings);
  return settings;
}
