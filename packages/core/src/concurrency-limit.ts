// A limit on calls in flight that is learned from how the calls go: additive increase and multiplicative decrease, and the
// gradient of Netflix concurrency-limits ("Gradient2"). Both can go down to one call: an LLM host often has one slot.
import type { CircuitOutcome } from "./circuit-state.ts";
import { integerBetween, numberBetween, positiveMs } from "./validate.ts";

/** How one call went. */
export interface ConcurrencySample {
  readonly durationMs: number;
  /** Calls in flight when this one began, itself included. */
  readonly inFlight: number;
  readonly outcome: CircuitOutcome;
}

/** A limit on calls in flight that learns. */
export interface ConcurrencyLimit {
  /** Calls that may be in flight, a whole number from 1. */
  readonly limit: number;
  /** Told of every call that ended. */
  record(sample: ConcurrencySample): void;
}

/** Between which a limit moves; whole numbers. */
export interface ConcurrencyLimitBounds {
  /** @defaultValue 4 */
  readonly initialLimit?: number;
  /** From 1. @defaultValue 1 */
  readonly minLimit?: number;
  /** @defaultValue 200 */
  readonly maxLimit?: number;
}

/** See {@link createAimdLimit}. */
export interface AimdLimitOptions extends ConcurrencyLimitBounds {
  /** The limit is multiplied by this after a failure or a slow call, above 0 and below 1. @defaultValue 0.9 */
  readonly backoffRatio?: number;
  /** A call that takes longer counts as a failure, in milliseconds. @defaultValue 5_000 */
  readonly slowCallMs?: number;
}

/** Grows by one per round of calls while at least half of it is used, and shrinks by a share on every failure. */
export function createAimdLimit(options: AimdLimitOptions = {}): ConcurrencyLimit {
  const { minLimit, maxLimit, initialLimit } = boundsOf(options);
  const { backoffRatio = 0.9, slowCallMs = 5_000 } = options;
  numberBetween("backoffRatio", backoffRatio, 0.01, 0.99);
  positiveMs("slowCallMs", slowCallMs);
  let limit = initialLimit;

  return {
    get limit() {
      return Math.floor(limit);
    },
    record({ durationMs, inFlight, outcome }) {
      if (outcome === "ignored") return;
      if (outcome === "failure" || durationMs > slowCallMs)
        limit = Math.max(minLimit, Math.floor(limit * backoffRatio));
      else if (inFlight * 2 >= Math.floor(limit)) limit = Math.min(maxLimit, limit + 1 / Math.floor(limit));
    },
  };
}

/** See {@link createGradientLimit}. */
export interface GradientLimitOptions extends ConcurrencyLimitBounds {
  /** How much slower than usual calls may get before the limit shrinks, from 1. @defaultValue 1.5 */
  readonly tolerance?: number;
  /** Calls on top of the gradient's result, so that the limit can grow; from 0. @defaultValue the square root of the limit, at most 4 */
  readonly queueSize?: number;
  /** Weight of each new value, above 0, up to 1. @defaultValue 0.2 */
  readonly smoothing?: number;
  /** Calls over which the usual duration is averaged, from 10. @defaultValue 600 */
  readonly longWindow?: number;
}

/**
 * Shrinks when calls get slower than usual, before any fails: `limit * clamp(tolerance * usual / current, 0.5, 1) + queueSize`.
 * A failure shrinks it by a tenth, as the durations of failed calls mean nothing.
 */
export function createGradientLimit(options: GradientLimitOptions = {}): ConcurrencyLimit {
  const { minLimit, maxLimit, initialLimit } = boundsOf(options);
  const { tolerance = 1.5, queueSize, smoothing = 0.2, longWindow = 600 } = options;
  numberBetween("tolerance", tolerance, 1, 100);
  if (queueSize !== undefined) numberBetween("queueSize", queueSize, 0, 1e4);
  numberBetween("smoothing", smoothing, 0.001, 1);
  integerBetween("longWindow", longWindow, 10, 1e6);
  let limit = initialLimit;
  let usualMs = 0;
  let samples = 0;

  return {
    get limit() {
      return Math.max(minLimit, Math.floor(limit));
    },
    record({ durationMs, inFlight, outcome }) {
      if (outcome === "ignored") return;
      if (outcome === "failure") {
        limit = Math.max(minLimit, limit * 0.9);
        return;
      }
      samples += 1;
      // A plain mean of the first calls, so that the very first one does not decide for hundreds.
      usualMs += (durationMs - usualMs) / (samples <= warmUp ? samples : longWindow);
      // Twice as fast as usual: the usual is out of date, from an overload that is over.
      if (usualMs > 2 * durationMs) usualMs *= 0.95;
      if (inFlight * 2 < Math.floor(limit)) return;
      const ratio = durationMs === 0 ? 1 : (tolerance * usualMs) / durationMs;
      const gradient = Math.min(1, Math.max(0.5, ratio));
      const wanted = limit * gradient + (queueSize ?? Math.min(4, Math.sqrt(limit)));
      limit = Math.min(maxLimit, Math.max(minLimit, limit * (1 - smoothing) + wanted * smoothing));
    },
  };
}

const warmUp = 10;

function boundsOf({
  minLimit = 1,
  maxLimit = 200,
  initialLimit,
}: ConcurrencyLimitBounds): Required<ConcurrencyLimitBounds> {
  integerBetween("minLimit", minLimit, 1, 1e6);
  integerBetween("maxLimit", maxLimit, minLimit, 1e6);
  const initial = initialLimit ?? Math.min(maxLimit, Math.max(minLimit, 4));
  integerBetween("initialLimit", initial, minLimit, maxLimit);
  return { minLimit, maxLimit, initialLimit: initial };
}
