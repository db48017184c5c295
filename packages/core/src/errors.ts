// Every error of this package: branch on `code`, read the facts from fields. Refusals are made without a stack
// trace (see `withoutStack`), because under overload they are made by the thousand.

/** The codes of this package's errors. */
export type ResilienceErrorCode =
  | "CIRCUIT_OPEN"
  | "DEADLINE_EXCEEDED"
  | "ATTEMPT_TIMEOUT"
  | "RETRIES_EXHAUSTED"
  | "RATE_LIMITED"
  | "QUEUE_FULL"
  | "QUEUE_TIMEOUT"
  | "THROTTLED"
  | "HEDGE_LOST"
  | "FIRST_ITEM_TIMEOUT"
  | "IDLE_TIMEOUT";

/** What every error of this package is. */
export class ResilienceError extends Error {
  /** Says which situation it is; stable across versions, unlike the message. */
  readonly code: ResilienceErrorCode;
  override readonly name: string = "ResilienceError";

  constructor(code: ResilienceErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The circuit breaker did not let the call through; nothing was executed. */
export class CircuitOpenError extends ResilienceError {
  override readonly name = "CircuitOpenError";
  declare readonly code: "CIRCUIT_OPEN";
  /** When the breaker will let a probe through, in milliseconds from now; `Infinity` when only a person closes it. */
  readonly retryAfterMs: number;

  constructor(retryAfterMs: number, options?: ErrorOptions) {
    super("CIRCUIT_OPEN", `Circuit is open; next probe in ${Math.ceil(retryAfterMs)} ms`, options);
    this.retryAfterMs = retryAfterMs;
  }
}

/** The time for the whole call, all attempts and waits included, is used up. */
export class DeadlineExceededError extends ResilienceError {
  override readonly name = "DeadlineExceededError";
  declare readonly code: "DEADLINE_EXCEEDED";
  /** The limit that was exceeded, in milliseconds. */
  readonly timeoutMs: number;

  constructor(timeoutMs: number, options?: ErrorOptions) {
    super("DEADLINE_EXCEEDED", `Call did not finish within ${timeoutMs} ms`, options);
    this.timeoutMs = timeoutMs;
  }
}

/** One attempt took longer than it may; another attempt may follow. */
export class AttemptTimeoutError extends ResilienceError {
  override readonly name = "AttemptTimeoutError";
  declare readonly code: "ATTEMPT_TIMEOUT";
  /** The limit of this attempt, in milliseconds. */
  readonly timeoutMs: number;
  /** Which attempt it was, from 1. */
  readonly attempt: number;

  constructor(timeoutMs: number, attempt: number, options?: ErrorOptions) {
    super("ATTEMPT_TIMEOUT", `Attempt ${attempt} did not finish within ${timeoutMs} ms`, options);
    this.timeoutMs = timeoutMs;
    this.attempt = attempt;
  }
}

/** The rate limiter did not let the call through; nothing was executed. */
export class RateLimitedError extends ResilienceError {
  override readonly name = "RateLimitedError";
  declare readonly code: "RATE_LIMITED";
  /** When the call would pass, in milliseconds from now. */
  readonly retryAfterMs: number;

  constructor(retryAfterMs: number, options?: ErrorOptions) {
    super("RATE_LIMITED", `Rate limit reached; next call in ${Math.ceil(retryAfterMs)} ms`, options);
    this.retryAfterMs = retryAfterMs;
  }
}

/** As many calls wait as may; nothing was executed. */
export class QueueFullError extends ResilienceError {
  override readonly name = "QueueFullError";
  declare readonly code: "QUEUE_FULL";
  /** How many may wait. */
  readonly maxQueue: number;
  /** When there is likely to be room again, in milliseconds from now, by how fast the queue has moved lately. */
  readonly retryAfterMs: number;

  constructor(maxQueue: number, retryAfterMs: number, options?: ErrorOptions) {
    super("QUEUE_FULL", `All slots are taken and ${maxQueue} calls wait already`, options);
    this.maxQueue = maxQueue;
    this.retryAfterMs = retryAfterMs;
  }
}

/** The call waited for a slot for too long and was dropped; nothing was executed. */
export class QueueTimeoutError extends ResilienceError {
  override readonly name = "QueueTimeoutError";
  declare readonly code: "QUEUE_TIMEOUT";
  /** How long it waited, in milliseconds. */
  readonly waitedMs: number;
  /** As in {@link QueueFullError.retryAfterMs}. */
  readonly retryAfterMs: number;

  constructor(waitedMs: number, retryAfterMs: number, options?: ErrorOptions) {
    super("QUEUE_TIMEOUT", `No slot became free within ${Math.ceil(waitedMs)} ms`, options);
    this.waitedMs = waitedMs;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Several attempts failed, and no further one may be made. Its `cause` is an `AggregateError` of all of them. */
export class RetriesExhaustedError extends ResilienceError {
  override readonly name = "RetriesExhaustedError";
  declare readonly code: "RETRIES_EXHAUSTED";
  declare readonly cause: AggregateError;
  /** How many attempts were made. */
  readonly attempts: number;
  /** What ended it: no attempts left, `maxElapsedMs`, the deadline, or an empty retry budget. */
  readonly limit: RetryLimit;

  constructor(limit: RetryLimit, errors: readonly unknown[]) {
    const text = errors.length === 1 ? "attempt" : "attempts";
    super("RETRIES_EXHAUSTED", `Gave up after ${errors.length} ${text}: no ${limit} left`, {
      cause: new AggregateError(errors, `${errors.length} ${text} failed`),
    });
    this.attempts = errors.length;
    this.limit = limit;
  }

  /** The error of the last attempt. */
  get lastError(): unknown {
    return this.cause.errors.at(-1);
  }
}

/** What a retry ran out of. */
export type RetryLimit = "attempts" | "time" | "budget";

/** The client holds the call back because the target accepts too few; nothing was executed. */
export class ThrottledError extends ResilienceError {
  override readonly name = "ThrottledError";
  declare readonly code: "THROTTLED";
  /** The share of calls that is held back now, from 0 to 1. */
  readonly refusedRatio: number;

  constructor(refusedRatio: number, options?: ErrorOptions) {
    super("THROTTLED", `Held back, as ${Math.round(refusedRatio * 100)} % of calls are now`, options);
    this.refusedRatio = refusedRatio;
  }
}

/** Another attempt of the same call answered first; the reason of the loser's signal, never seen by the caller. */
export class HedgeLostError extends ResilienceError {
  override readonly name = "HedgeLostError";
  declare readonly code: "HEDGE_LOST";

  constructor(options?: ErrorOptions) {
    super("HEDGE_LOST", "Another attempt answered first", options);
  }
}

/** A stream was not opened, or sent no item, in time. */
export class FirstItemTimeoutError extends ResilienceError {
  override readonly name = "FirstItemTimeoutError";
  declare readonly code: "FIRST_ITEM_TIMEOUT";
  /** The limit, in milliseconds. */
  readonly timeoutMs: number;

  constructor(timeoutMs: number, options?: ErrorOptions) {
    super("FIRST_ITEM_TIMEOUT", `Stream sent nothing within ${timeoutMs} ms`, options);
    this.timeoutMs = timeoutMs;
  }
}

/** A stream that had begun sent nothing more. */
export class IdleTimeoutError extends ResilienceError {
  override readonly name = "IdleTimeoutError";
  declare readonly code: "IDLE_TIMEOUT";
  /** The limit, in milliseconds. */
  readonly timeoutMs: number;
  /** Items that had come before. */
  readonly received: number;

  constructor(timeoutMs: number, received: number, options?: ErrorOptions) {
    super("IDLE_TIMEOUT", `Stream sent nothing for ${timeoutMs} ms after ${received} items`, options);
    this.timeoutMs = timeoutMs;
    this.received = received;
  }
}

/** Whether it is an error of this package which says that the operation was not run at all. */
export function isRefusal(error: unknown): boolean {
  return error instanceof ResilienceError && refusals.has(error.code);
}

const refusals: ReadonlySet<ResilienceErrorCode> = /* @__PURE__ */ new Set<ResilienceErrorCode>([
  "CIRCUIT_OPEN",
  "RATE_LIMITED",
  "QUEUE_FULL",
  "QUEUE_TIMEOUT",
  "THROTTLED",
]);

/**
 * Builds an error without collecting a stack trace, which is most of an error's cost (about 1.8 µs of 2 µs). Where
 * `Error` is frozen the trace is collected after all.
 */
export function withoutStack<T extends Error>(create: () => T): T {
  const limit = Error.stackTraceLimit;
  try {
    Error.stackTraceLimit = 0;
  } catch {
    return create();
  }
  try {
    return create();
  } finally {
    Error.stackTraceLimit = limit;
  }
}
