export { type AbortScope, createAbortScope } from "./abort-scope.ts";
export {
  type AdaptiveTimeoutOptions,
  type Complexity,
  classifyPrompt,
  createAdaptiveTimeout,
  type LearnedTimeoutOptions,
  type PromptClassifierOptions,
  type PromptRequest,
} from "./adaptive-timeout.ts";
export { type Backoff, type BackoffKind, type BackoffOptions, createBackoff } from "./backoff.ts";
export {
  type AdmissionRequest,
  type Bulkhead,
  type BulkheadOptions,
  createBulkhead,
  type SheddingOptions,
} from "./bulkhead.ts";
export type { CallContext, CallOptions, Operation, Pipeline, Policy, Priority } from "./call-context.ts";
export type { AttemptEvent, TimeoutSource } from "./call-plan.ts";
export { type CircuitBreaker, createCircuitBreaker, type ExecuteOptions } from "./circuit-breaker.ts";
export {
  type CircuitRegistry,
  type CircuitRegistryOptions,
  createCircuitRegistry,
} from "./circuit-registry.ts";
export type { CircuitBreakerOptions, RatioRule, SlowCallRule } from "./circuit-settings.ts";
export type { CircuitSnapshot } from "./circuit-snapshot.ts";
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
  FirstItemTimeoutError,
  HedgeLostError,
  IdleTimeoutError,
  isRefusal,
  QueueFullError,
  QueueTimeoutError,
  RateLimitedError,
  ResilienceError,
  type ResilienceErrorCode,
  RetriesExhaustedError,
  type RetryLimit,
  ThrottledError,
} from "./errors.ts";
export {
  createFairQueue,
  type FairQueue,
  type FairQueueOptions,
  type Queued,
} from "./fair-queue.ts";
export { createFallback, type Fallback, type FallbackOptions } from "./fallback.ts";
export type { RateOptions } from "./gcra.ts";
export { createHedge, type Hedge, type HedgeOptions } from "./hedge.ts";
export {
  createKeyedRateLimiter,
  type KeyedRateLimiter,
  type KeyedRateLimiterOptions,
} from "./keyed-rate-limiter.ts";
export {
  createLatencyQuantile,
  type LatencyQuantile,
  type LatencyQuantileOptions,
} from "./latency-quantile.ts";
export { wasNotSent } from "./not-sent.ts";
export type { Permit } from "./permit.ts";
export { type PipelineOptions, type PolicyHolder, pipeline } from "./pipeline.ts";
export { llmCall, type McpCallOptions, mcpCall, type Preset, type PresetOptions } from "./presets.ts";
export type { Random } from "./random.ts";
export type { AcquireOptions } from "./rate-limit-queue.ts";
export { createRateLimiter, type RateLimiter, type RateLimiterOptions } from "./rate-limiter.ts";
export type { RetryOptions } from "./retry.ts";
export { createRetryBudget, type RetryBudget, type RetryBudgetOptions } from "./retry-budget.ts";
export { createSingleFlight, type SingleFlight, type SingleFlightOptions } from "./single-flight.ts";
export type { WindowOptions } from "./sliding-window.ts";
export {
  createStreamGuard,
  type StreamGuard,
  type StreamGuardOptions,
  type StreamSource,
} from "./stream-guard.ts";
export { createThrottle, type Throttle, type ThrottleOptions } from "./throttle.ts";
export {
  createTimerWheel,
  sharedTimerWheel,
  type TimerHandle,
  type TimerWheel,
  type TimerWheelOptions,
} from "./timer-wheel.ts";
