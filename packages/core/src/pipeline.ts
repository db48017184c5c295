// The policies that most calls need, described as data and compiled once. Their order is fixed, because only this one
// makes sense: what is further out sees the outcome of what is further in.
import type { Bulkhead } from "./bulkhead.ts";
import { runCall } from "./call.ts";
import type { Pipeline, Policy } from "./call-context.ts";
import type { AttemptEvent, CallPlan, TimeoutSource } from "./call-plan.ts";
import type { CircuitBreaker } from "./circuit-breaker.ts";
import { type Clock, systemClock } from "./clock.ts";
import { compose } from "./compose.ts";
import type { Hedge } from "./hedge.ts";
import { planRetry, type RetryOptions } from "./retry.ts";
import type { RetryBudget } from "./retry-budget.ts";
import { createTimerWheel, sharedTimerWheel, type TimerWheel } from "./timer-wheel.ts";

/** Something that can stand around a call: a rate limiter, a fallback. */
export interface PolicyHolder {
  readonly policy: Policy;
}

/** From the outermost to the innermost; what is left out costs nothing. */
export interface PipelineOptions {
  /** Answers instead when everything below failed. */
  readonly fallback?: PolicyHolder;
  /** Time for the whole call, waits and all attempts included, in milliseconds. @defaultValue Infinity */
  readonly timeoutMs?: number;
  /** Where it has the same budget as `retry`, each call pays in once. */
  readonly hedge?: Hedge;
  /** @defaultValue one attempt */
  readonly retry?: RetryOptions;
  /** Pays for retries, unless `retry.budget` is set. */
  readonly budget?: RetryBudget;
  /** Asked before, and told after, every attempt. */
  readonly breaker?: CircuitBreaker;
  readonly rateLimiter?: PolicyHolder;
  /** Its slot is held until the operation itself has ended, even where a timeout has given it up before. */
  readonly bulkhead?: Bulkhead;
  /** Time for each attempt, without the wait for rate limiter and bulkhead, in milliseconds; or something that decides and learns. @defaultValue Infinity */
  readonly attemptTimeoutMs?: number | TimeoutSource;
  /** Told of every attempt. What it throws fails the call. */
  readonly onEvent?: (event: AttemptEvent) => void;
  /** @defaultValue systemClock */
  readonly clock?: Clock;
  /** Runs the timeouts. @defaultValue `sharedTimerWheel`, or one of its own when a clock is given */
  readonly wheel?: TimerWheel;
}

/**
 * Runs operations under fallback > deadline > hedge > retry > breaker > rate limiter > bulkhead > attempt timeout. A time
 * limit holds even for an operation that ignores its signal.
 *
 * @throws RangeError when an option is out of range.
 * @example
 * ```ts
 * const guarded = pipeline({ timeoutMs: 30_000, retry: { maxAttempts: 3 }, breaker, attemptTimeoutMs: 10_000 });
 * await guarded.execute(({ signal }) => fetch(url, { signal }));
 * ```
 */
export function pipeline(options: PipelineOptions = {}): Pipeline {
  const {
    fallback,
    timeoutMs = Infinity,
    hedge,
    retry,
    budget,
    breaker,
    rateLimiter,
    bulkhead,
    attemptTimeoutMs = Infinity,
    onEvent,
    clock = systemClock,
    wheel = clock === systemClock ? sharedTimerWheel : createTimerWheel({ clock }),
  } = options;
  positiveOrInfinite("timeoutMs", timeoutMs);
  const adaptive = typeof attemptTimeoutMs === "number" ? undefined : attemptTimeoutMs;
  const fixedMs = typeof attemptTimeoutMs === "number" ? attemptTimeoutMs : Infinity;
  positiveOrInfinite("attemptTimeoutMs", fixedMs);
  if (fixedMs !== Infinity && fixedMs > timeoutMs)
    throw new RangeError(`attemptTimeoutMs must be at most timeoutMs (${timeoutMs}), got ${fixedMs}`);

  const plannedRetry = retry && planRetry({ ...(budget && { budget }), ...retry });
  const nothing: CallPlan = {
    timeoutMs: Infinity,
    retry: undefined,
    deposits: false,
    breaker: undefined,
    bulkhead: undefined,
    attemptTimeoutMs: Infinity,
    adaptive: undefined,
    onEvent: undefined,
    clock,
    wheel,
    measures: false,
  };
  const whole: Partial<CallPlan> = { timeoutMs };
  const attempts: Partial<CallPlan> = {
    retry: plannedRetry,
    deposits: plannedRetry?.budget !== undefined && plannedRetry.budget !== hedge?.budget,
    breaker,
    onEvent,
    measures: breaker?.needsDuration === true,
  };
  const attempt: Partial<CallPlan> = {
    bulkhead,
    attemptTimeoutMs: fixedMs,
    adaptive,
    measures: attempts.measures === true || adaptive?.record !== undefined,
  };

  // What stands between two fused parts keeps them apart; without it they are one.
  const inner = rateLimiter === undefined ? [{ ...attempts, ...attempt }] : [attempts, rateLimiter, attempt];
  const outer = hedge === undefined ? [{ ...whole, ...inner[0] }] : [whole, hedge, inner[0] ?? {}];
  const parts = [...(fallback ? [fallback] : []), ...outer, ...inner.slice(1)];
  const [first, ...rest] = parts.map((part) => ("policy" in part ? part : fused({ ...nothing, ...part })));
  if (first !== undefined && rest.length === 0 && isPipeline(first)) return first;
  return compose(...[first, ...rest].flatMap((part) => part?.policy ?? []));
}

function isPipeline(holder: PolicyHolder | Pipeline): holder is Pipeline {
  return "execute" in holder;
}

function fused(plan: CallPlan): Pipeline {
  return {
    execute: (operation, options) => runCall(plan, operation, options, undefined),
    policy: (context, operation) => runCall(plan, operation, undefined, context),
  };
}

function positiveOrInfinite(option: string, value: number): void {
  if (!(value > 0))
    throw new RangeError(`${option} must be a number of milliseconds above 0, got ${String(value)}`);
}
