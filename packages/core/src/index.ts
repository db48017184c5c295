export { type Backoff, type BackoffKind, type BackoffOptions, createBackoff } from "./backoff.ts";
export type { AttemptEvent, TimeoutSource } from "./call.ts";
export type { CallContext, CallOptions, Operation, Pipeline, Policy } from "./call-context.ts";
export {
  type CircuitBreaker,
  type CircuitBreakerOptions,
  createCircuitBreaker,
  type ExecuteOptions,
  type RatioRule,
  type SlowCallRule,
} from "./circuit-breaker.ts";
export type { CircuitEvent, CircuitOutcome, CircuitReason, CircuitState } from "./circuit-state.ts";
export { type Clock, systemClock } from "./clock.ts";
export { compose } from "./compose.ts";
export {
  AttemptTimeoutError,
  CircuitOpenError,
  DeadlineExceededError,
  ResilienceError,
  type ResilienceErrorCode,
  RetriesExhaustedError,
  type RetryLimit,
} from "./errors.ts";
export { type PipelineOptions, type PolicyHolder, pipeline } from "./pipeline.ts";
export type { Random } from "./random.ts";
export type { RetryOptions } from "./retry.ts";
export { createRetryBudget, type RetryBudget, type RetryBudgetOptions } from "./retry-budget.ts";
export type { WindowOptions } from "./sliding-window.ts";
export {
  createTimerWheel,
  sharedTimerWheel,
  type TimerHandle,
  type TimerWheel,
  type TimerWheelOptions,
} from "./timer-wheel.ts";
