export { type Backoff, type BackoffKind, type BackoffOptions, createBackoff } from "./backoff.ts";
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
export {
  AttemptTimeoutError,
  CircuitOpenError,
  DeadlineExceededError,
  ResilienceError,
  type ResilienceErrorCode,
} from "./errors.ts";
export type { Random } from "./random.ts";
export { createRetryBudget, type RetryBudget, type RetryBudgetOptions } from "./retry-budget.ts";
export type { WindowOptions } from "./sliding-window.ts";
export {
  createTimerWheel,
  sharedTimerWheel,
  type TimerHandle,
  type TimerWheel,
  type TimerWheelOptions,
} from "./timer-wheel.ts";
