// One host with what guards it: breaker, rate limit, concurrency limit, the gate of its models, and the time limit of an attempt.
// Nothing of it is shared with another host.
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
import { type ErrorFacts, isTimeLimit, LmStudioError, speaksAgainstHost } from "./errors.ts";
import { createHostCounter, type HostCounter } from "./host-stats.ts";
import { createModelGate, type ModelGate } from "./model-gate.ts";
import { listModels, type ModelInfo } from "./models.ts";
import type { ClientSettings, HostSettings } from "./options.ts";
import { createResidency, type Residency } from "./residency.ts";
import { createTransport, type Transport } from "./transport.ts";
import type { Backend } from "./wire/index.ts";

export interface Host {
  readonly name: string;
  readonly api: Backend;
  /** Patterns of the models that it is asked for; `undefined` for any. */
  readonly models: readonly string[] | undefined;
  readonly url: string;
  readonly transport: Transport;
  readonly breaker: CircuitBreaker;
  readonly guarded: Pipeline;
  /** Around `guarded`, per model. */
  readonly admission: Admission;
  /** Around `admission`; only LM Studio loads models for requests. */
  readonly gate: ModelGate | undefined;
  readonly residency: Residency;
  readonly counter: HostCounter;
  /** Calls that run or wait. */
  readonly load: { readonly inFlight: number; readonly queueLength: number };
}

/** Of llama.cpp in LM Studio 0.4, where the host does not say. */
const usualParallel = 4;

export function createHost(host: HostSettings, settings: ClientSettings, closed: AbortSignal): Host {
  const { clock, random, maxConcurrent, maxQueue, ratePerSecond, learnedTimeouts, onEvent } = settings;
  const { name, api, models } = host;
  const transport = createTransport(host, settings);
  const breaker = createCircuitBreaker({
    name,
    clock,
    random,
    classifyError: (error) => {
      if (error instanceof LmStudioError) return speaksAgainstHost(error) ? "failure" : "ignored";
      return isRefusal(error) ? "ignored" : "failure";
    },
    ...settings.breaker,
    onEvent(event) {
      onEvent({ type: "circuit", host: name, from: event.from, to: event.to });
      settings.breaker.onEvent?.(event);
    },
  });
  const bulkhead = createBulkhead({ limit: maxConcurrent, maxQueue, clock });
  const list = (signal: AbortSignal): Promise<readonly ModelInfo[]> =>
    listModels({ name, api, transport }, signal);
  const residency = createResidency(list, clock);
  return {
    name,
    api,
    models,
    url: host.origin + host.prefix,
    transport,
    breaker,
    residency,
    load: bulkhead,
    counter: createHostCounter(clock),
    gate: api === "lmstudio" ? createModelGate(residency) : undefined,
    admission: createAdmission({
      parallelOf: (model) => (api === "lmstudio" ? parallelOf(model) : undefined),
      maxQueue,
      clock,
      isTimeout: (error) =>
        error instanceof LmStudioError ? isTimeLimit(error) : error instanceof AttemptTimeoutError,
      cooldownMs: settings.cooldownMs,
      closed,
    }),
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

  /** Of all instances together. */
  function parallelOf(model: string): number {
    const instances = residency.find(model)?.instances ?? [];
    const said = instances.reduce((sum, { parallel }) => sum + (parallel ?? 0), 0);
    const { parallel: most = said || usualParallel } = settings;
    return said === 0 ? most : Math.min(most, said);
  }
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
