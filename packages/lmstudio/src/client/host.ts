// One host with what guards it: breaker, rate limit, concurrency limit, and the time limit of an attempt. Nothing of it
// is shared with another host.
import {
  AttemptTimeoutError,
  type CircuitBreaker,
  CircuitOpenError,
  createAdaptiveTimeout,
  createBulkhead,
  createCircuitBreaker,
  createRateLimiter,
  DeadlineExceededError,
  isRefusal,
  type Pipeline,
  pipeline,
  QueueFullError,
  RateLimitedError,
} from "@fairlead/core";
import { type Admission, createAdmission } from "./admission.ts";
import { type ErrorFacts, LmStudioError, speaksAgainstHost } from "./errors.ts";
import type { ClientSettings, HostSettings } from "./options.ts";
import { createTransport, type Transport } from "./transport.ts";

export interface Host {
  readonly name: string;
  readonly url: string;
  readonly transport: Transport;
  readonly breaker: CircuitBreaker;
  readonly guarded: Pipeline;
  /** Around `guarded`, per model. */
  readonly admission: Admission;
  /** Calls that run or wait. */
  readonly load: { readonly inFlight: number; readonly queueLength: number };
}

export function createHost(host: HostSettings, settings: ClientSettings): Host {
  const { clock, random, maxConcurrent, maxQueue, ratePerSecond, learnedTimeouts } = settings;
  const breaker = createCircuitBreaker({
    name: host.name,
    clock,
    random,
    classifyError: (error) => {
      if (error instanceof LmStudioError) return speaksAgainstHost(error) ? "failure" : "ignored";
      return isRefusal(error) ? "ignored" : "failure";
    },
    ...settings.breaker,
  });
  const bulkhead = createBulkhead({ limit: maxConcurrent, maxQueue, clock });
  return {
    name: host.name,
    url: host.origin + host.prefix,
    transport: createTransport(host, settings),
    breaker,
    load: bulkhead,
    admission: createAdmission(settings.parallel, maxQueue, clock),
    guarded: pipeline({
      clock,
      breaker,
      rateLimiter: createRateLimiter({ ratePerSecond, clock }),
      bulkhead,
      // Starts after admission: a wait in the own queue is not the host's.
      attemptTimeoutMs: createAdaptiveTimeout({
        simpleMs: settings.simpleTimeoutMs,
        complexMs: settings.complexTimeoutMs,
        clock,
        ...(learnedTimeouts === undefined ? {} : { learned: learnedTimeouts }),
      }),
    }),
  };
}

/** The guards' own refusals and time limits as errors of the client; anything else as it is. */
export function clientErrorOf(error: unknown, facts: ErrorFacts): unknown {
  if (
    error instanceof CircuitOpenError ||
    error instanceof RateLimitedError ||
    error instanceof QueueFullError
  ) {
    const { code, message, retryAfterMs } = error;
    return new LmStudioError(code, message, { ...facts, retryAfterMs, cause: error });
  }
  if (error instanceof AttemptTimeoutError || error instanceof DeadlineExceededError) {
    const { code, message, timeoutMs } = error;
    return new LmStudioError(code, message, { ...facts, timeoutMs, cause: error });
  }
  return error;
}
