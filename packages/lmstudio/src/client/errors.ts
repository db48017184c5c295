// Every error of the client: branch on `code`, read the facts from fields. The table below says, once for all places,
// what is worth another attempt and what speaks against the host.

export type LmStudioErrorCode =
  | "CONNECTION_FAILED"
  | "CONNECT_TIMEOUT"
  | "HEADERS_TIMEOUT"
  | "IDLE_TIMEOUT"
  | "ATTEMPT_TIMEOUT"
  | "DEADLINE_EXCEEDED"
  | "CIRCUIT_OPEN"
  | "RATE_LIMITED"
  | "QUEUE_FULL"
  | "EMPTY_RESPONSE"
  | "MODEL_SUBSTITUTED"
  | "CONTEXT_OVERFLOW"
  | "CONTENTION"
  | "NO_MODEL_LOADED"
  | "MODEL_NOT_FOUND"
  | "MODEL_LOAD_FAILED"
  | "MODEL_CRASHED"
  | "DOWNLOAD_FAILED"
  | "UNAUTHORIZED"
  | "INVALID_REQUEST"
  | "UNEXPECTED_ENDPOINT"
  | "INVALID_RESPONSE"
  | "INVALID_JSON"
  | "ANSWER_TOO_LARGE"
  | "SERVER_ERROR"
  | "CLIENT_CLOSED";

/** What is known about a failure, beside its code. */
export interface ErrorFacts {
  /** Name of the host. */
  readonly host?: string | undefined;
  /** The model that was asked for. */
  readonly model?: string | undefined;
  /** HTTP status. */
  readonly status?: number | undefined;
  /** When to come back, in milliseconds from now. */
  readonly retryAfterMs?: number | undefined;
  /** The limit that was exceeded, in milliseconds. */
  readonly timeoutMs?: number | undefined;
  readonly cause?: unknown;
}

/** What every error of the client is, except the reason of a signal that the caller aborted. */
export class LmStudioError extends Error {
  override readonly name: string = "LmStudioError";
  /** Says which situation it is; stable across versions, unlike the message. */
  readonly code: LmStudioErrorCode;
  /** Name of the host that the last attempt went to. */
  host: string | undefined;
  /** The model that was asked for. */
  model: string | undefined;
  /** HTTP status. */
  readonly status: number | undefined;
  /** When to come back, in milliseconds from now. */
  readonly retryAfterMs: number | undefined;
  /** The limit that was exceeded, in milliseconds. */
  readonly timeoutMs: number | undefined;
  /** Whether part of the answer had already come, or a load may be under way; then nothing was tried again. */
  generated = false;
  /** How many attempts were made. */
  attempts = 1;

  constructor(code: LmStudioErrorCode, message: string, facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = code;
    this.host = facts.host;
    this.model = facts.model;
    this.status = facts.status;
    this.retryAfterMs = facts.retryAfterMs;
    this.timeoutMs = facts.timeoutMs;
  }

  /** Whether another attempt may help and cannot run anything twice. */
  get isRetryable(): boolean {
    return !this.generated && retried.has(this.code);
  }
}

/** Why an answer had no text. */
export type EmptyReason = "no-output" | "length" | "reasoning-only" | "wedged" | "overflow";

/** The host said that all went well, and sent no text. */
export class EmptyResponseError extends LmStudioError {
  override readonly name = "EmptyResponseError";
  declare readonly code: "EMPTY_RESPONSE";
  readonly reason: EmptyReason;
  /** What the model thought, where that is all there is. */
  readonly reasoning: string;

  constructor(reason: EmptyReason, reasoning: string, facts: ErrorFacts) {
    super("EMPTY_RESPONSE", `The answer has no text: ${emptyTexts[reason]}`, facts);
    this.reason = reason;
    this.reasoning = reasoning;
  }

  /** Only where nothing was generated at all. */
  override get isRetryable(): boolean {
    return !this.generated && this.reason === "no-output";
  }
}

/** Another model than the one asked for has answered; the answer is thrown away. */
export class ModelSubstitutedError extends LmStudioError {
  override readonly name = "ModelSubstitutedError";
  declare readonly code: "MODEL_SUBSTITUTED";
  readonly answeredBy: string;

  constructor(answeredBy: string, facts: ErrorFacts) {
    super("MODEL_SUBSTITUTED", `${facts.model ?? "A model"} was asked, ${answeredBy} answered`, facts);
    this.answeredBy = answeredBy;
  }
}

/** The prompt does not fit into the context that the model is loaded with. */
export class ContextOverflowError extends LmStudioError {
  override readonly name = "ContextOverflowError";
  declare readonly code: "CONTEXT_OVERFLOW";
  /** As the host counts, or at least so many where the client has found it before sending. */
  readonly promptTokens: number | undefined;
  readonly contextLength: number | undefined;

  constructor(
    message: string,
    promptTokens: number | undefined,
    contextLength: number | undefined,
    facts: ErrorFacts,
  ) {
    super("CONTEXT_OVERFLOW", message, facts);
    this.promptTokens = promptTokens;
    this.contextLength = contextLength;
  }
}

/** Whether the failure counts against the host in its circuit breaker; contention and wrong requests do not. */
export function speaksAgainstHost(error: LmStudioError): boolean {
  if (error instanceof EmptyResponseError) return error.reason === "wedged";
  return againstHost.has(error.code);
}

const retried: ReadonlySet<LmStudioErrorCode> = /* @__PURE__ */ new Set<LmStudioErrorCode>([
  "CONNECTION_FAILED",
  "CONNECT_TIMEOUT",
  "CONTENTION",
  "RATE_LIMITED",
  "MODEL_CRASHED",
  "SERVER_ERROR",
]);

const againstHost: ReadonlySet<LmStudioErrorCode> = /* @__PURE__ */ new Set<LmStudioErrorCode>([
  "CONNECTION_FAILED",
  "CONNECT_TIMEOUT",
  "HEADERS_TIMEOUT",
  "IDLE_TIMEOUT",
  "ATTEMPT_TIMEOUT",
  "MODEL_CRASHED",
  "INVALID_RESPONSE",
  "SERVER_ERROR",
]);

const emptyTexts: Readonly<Record<EmptyReason, string>> = {
  "no-output": "nothing was generated",
  length: "the limit of tokens was reached before the first word",
  "reasoning-only": "the model thought, and said nothing",
  wedged: "tokens were counted but not sent; load the model anew",
  overflow: "the prompt is longer than the model's context",
};

/** A time limit after the request was sent: the host may still be at work on it. */
export function isTimeLimit({ code }: LmStudioError): boolean {
  return code === "ATTEMPT_TIMEOUT" || code === "HEADERS_TIMEOUT" || code === "IDLE_TIMEOUT";
}
