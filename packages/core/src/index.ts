export { type Backoff, type BackoffKind, type BackoffOptions, createBackoff } from "./backoff.ts";
export {
  type AdmissionRequest,
  type Bulkhead,
  type BulkheadOptions,
  createBulkhead,
  type SheddingOptions,
} from "./bulkhead.ts";
export type { AttemptEvent, TimeoutSource } from "./call.ts";
export type { CallContext, CallOptions, Operation, Pipeline, Policy, Priority } from "./call-context.ts";
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
  type AimdLimitOptions,
  type ConcurrencyLimit,
  type ConcurrencyLimitBounds,
  type ConcurrencySample,
  createAimdLimit,
  createGradientLimit,
  type GradientLimitOptions,
} from "./concurrency-limit.ts";
export {
  AttemptTimeoutError,
  CircuitOpenError,
  DeadlineExceededError,
  isRefusal,
  QueueFullError,
  QueueTimeoutError,
  RateLimitedError,
  ResilienceError,
  type ResilienceErrorCode,
  RetriesExhaustedError,
  type RetryLimit,
} from "./errors.ts";
export type { RateOptions } from "./gcra.ts";
export {
  createKeyedRateLimiter,
  type KeyedRateLimiter,
  type KeyedRateLimiterOptions,
} from "./keyed-rate-limiter.ts";
export type { Permit } from "./permit.ts";
export { type PipelineOptions, type PolicyHolder, pipeline } from "./pipeline.ts";
export type { Random } from "./random.ts";
export type { AcquireOptions } from "./rate-limit-queue.ts";
export { createRateLimiter, type RateLimiter, type RateLimiterOptions } from "./rate-limiter.ts";
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
