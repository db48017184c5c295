// Pipelines for the two kinds of call that Fairlead makes, as options to be changed or passed on as they are.
import { createAdaptiveTimeout } from "./adaptive-timeout.ts";
import { createBulkhead } from "./bulkhead.ts";
import type { CallContext } from "./call-context.ts";
import { createCircuitBreaker } from "./circuit-breaker.ts";
import type { CircuitBreakerOptions } from "./circuit-settings.ts";
import { type Clock, systemClock } from "./clock.ts";
import { createAimdLimit } from "./concurrency-limit.ts";
import { wasNotSent } from "./not-sent.ts";
import type { PipelineOptions } from "./pipeline.ts";
import type { Random } from "./random.ts";
import { createRateLimiter } from "./rate-limiter.ts";
import { createRetryBudget } from "./retry-budget.ts";

/** What both presets take. */
export interface PresetOptions {
  /** Changes to the breaker; by default it is one of {@link createCircuitBreaker}'s defaults. */
  readonly breaker?: CircuitBreakerOptions;
  /** @defaultValue systemClock */
  readonly clock?: Clock;
  /** @defaultValue Math.random */
  readonly random?: Random;
}

/** See {@link mcpCall}. */
export interface McpCallOptions extends PresetOptions {
  /**
   * Whether the call may run twice (`readOnlyHint` or `idempotentHint` of the tool). One that may not is tried again only when
   * it was certainly not sent. @defaultValue never
   */
  readonly mayRunTwice?: (context: CallContext) => boolean;
}

/** A preset's options always have these. */
export type Preset<K extends keyof PipelineOptions> = PipelineOptions & Required<Pick<PipelineOptions, K>>;

/**
 * For a call to an MCP server, one set per server: 60 s in all, 3 attempts where that is safe (full jitter from 100 ms, paid
 * from a budget of a fifth), a breaker, and 16 calls at a time with 100 waiting, fair between the callers' keys.
 *
 * @example
 * ```ts
 * const calls = pipeline(mcpCall({ mayRunTwice: ({ request }) => isReadOnly(request) }));
 * ```
 */
export function mcpCall({
  mayRunTwice = () => false,
  breaker,
  clock = systemClock,
  random = Math.random,
}: McpCallOptions = {}): Preset<"timeoutMs" | "retry" | "breaker" | "bulkhead"> {
  return {
    clock,
    timeoutMs: 60_000,
    retry: {
      maxAttempts: 3,
      backoff: { kind: "full-jitter", baseDelayMs: 100, maxDelayMs: 5_000, random },
      budget: createRetryBudget({ clock }),
      shouldRetry: (error, context) => wasNotSent(error) || mayRunTwice(context),
    },
    breaker: createCircuitBreaker({ clock, random, ...breaker }),
    bulkhead: createBulkhead({ limit: 16, maxQueue: 100, clock }),
  };
}

/**
 * For a call to a language model, one set per host: 300 s in all; 60 s per attempt for a simple prompt and 180 s for a complex
 * one; 3 retries with a factor of 1.5 when the host was not reached or says that it is busy (429, 502, 503), not after a timeout,
 * since the host is still at work then; a breaker; 12 calls per second; and as many at a time as the host turns out to take.
 */
export function llmCall({
  breaker,
  clock = systemClock,
  random = Math.random,
}: PresetOptions = {}): Preset<
  "timeoutMs" | "retry" | "breaker" | "rateLimiter" | "bulkhead" | "attemptTimeoutMs"
> {
  return {
    clock,
    timeoutMs: 300_000,
    retry: {
      maxAttempts: 4,
      backoff: { kind: "equal-jitter", baseDelayMs: 1_000, maxDelayMs: 30_000, factor: 1.5, random },
      budget: createRetryBudget({ clock }),
      shouldRetry: (error) => wasNotSent(error) || saysBusy(error),
    },
    breaker: createCircuitBreaker({ clock, random, ...breaker }),
    rateLimiter: createRateLimiter({ ratePerSecond: 12, clock }),
    bulkhead: createBulkhead({
      limit: createAimdLimit({ initialLimit: 4, maxLimit: 64, slowCallMs: 60_000 }),
      maxQueue: 100,
      clock,
    }),
    attemptTimeoutMs: createAdaptiveTimeout({ clock }),
  };
}

const busy: ReadonlySet<unknown> = /* @__PURE__ */ new Set([429, 502, 503]);

/** HTTP clients name the status either way. */
function saysBusy(error: unknown): boolean {
  if (typeof error !== "object" || error === null) return false;
  return (
    ("statusCode" in error && busy.has(error.statusCode)) || ("status" in error && busy.has(error.status))
  );
}
