// A deadline that follows how long a tool has taken lately, within the one that is configured.
import { type CallContext, type Clock, createAdaptiveTimeout, type TimeoutSource } from "@fairlead/core";
import type { AdaptiveTimeoutConfig } from "../config.ts";
import type { Era } from "../era.ts";
import type { AggregatorError } from "../errors.ts";
import type { AnswerSink } from "../upstream/connection.ts";
import type { Envelope } from "../wire/envelope.ts";
import type { PoolRequest } from "./pool-request.ts";
import { WrappedRequest } from "./wrapped-request.ts";

export interface AdaptiveDeadlineOptions extends AdaptiveTimeoutConfig {
  /** What holds until enough is known, and at most. */
  readonly timeoutMs: number;
  readonly clock: Clock;
}

export interface AdaptiveDeadline {
  /** The request with the deadline of now; learns from how it ends. */
  observe(request: PoolRequest): PoolRequest;
}

/** All calls of one tool are of one class, so nothing in a call's context matters. */
const NO_CONTEXT: CallContext = {
  attempt: 1,
  deadline: Infinity,
  signal: new AbortController().signal,
  key: undefined,
  priority: undefined,
  request: undefined,
};

export function createAdaptiveDeadline(options: AdaptiveDeadlineOptions): AdaptiveDeadline {
  const {
    timeoutMs,
    clock,
    quantile = 0.99,
    factor = 3,
    minMs = 1_000,
    warmUp = 20,
    maxAgeMs = 300_000,
  } = options;
  const source = createAdaptiveTimeout({
    simpleMs: timeoutMs,
    complexMs: timeoutMs,
    classify: () => "simple",
    learned: { quantile, factor, minMs: Math.min(minMs, timeoutMs), maxMs: timeoutMs, warmUp, maxAgeMs },
    clock,
  });
  return { observe: (request) => new ObservedRequest(request, source, clock) };
}

class ObservedRequest extends WrappedRequest {
  readonly #source: TimeoutSource;
  readonly #clock: Clock;
  readonly #startedAt: number;
  readonly #timeoutMs: number;

  constructor(inner: PoolRequest, source: TimeoutSource, clock: Clock) {
    super(inner);
    this.#source = source;
    this.#clock = clock;
    this.#startedAt = clock.now();
    // A rule or a policy may have asked for less than what is learned.
    this.#timeoutMs = Math.min(inner.timeoutMs, source.timeoutMs(NO_CONTEXT));
  }

  override get timeoutMs(): number {
    return this.#timeoutMs;
  }

  override onAnswer(message: Buffer, envelope: Envelope, upstream: string): void {
    this.#record("success");
    this.inner.onAnswer(message, envelope, upstream);
  }

  onLongAnswer(era: Era, resume: () => void): AnswerSink | undefined {
    const sink = this.inner.onLongAnswer?.(era, resume);
    // The time until the answer begins is what the deadline is about; parts prolong it.
    if (sink !== undefined) this.#record("success");
    return sink;
  }

  override onError(error: AggregatorError): void {
    if (error.code === "DEADLINE_EXCEEDED") this.#record("failure");
    this.inner.onError(error);
  }

  #record(outcome: "success" | "failure"): void {
    this.#source.record?.(this.#clock.now() - this.#startedAt, outcome, NO_CONTEXT);
  }
}
