// Every way in which the multiplexer itself refuses or fails a call. `code` is for programs, `message` for people;
// on the wire they become JSON-RPC errors with `data.code` (see wire/error-reply.ts).

/** Codes of {@link AggregatorError}; each has a row in the README. */
export type AggregatorErrorCode =
  | "NO_SERVERS_AVAILABLE"
  | "CIRCUIT_OPEN"
  | "FAILOVER_EXHAUSTED"
  | "CONNECTION_FAILED"
  | "OUTCOME_UNKNOWN"
  | "DEADLINE_EXCEEDED"
  | "QUEUE_FULL"
  | "RATE_LIMITED"
  | "QUEUE_TIMEOUT"
  | "INPUT_REFUSED"
  | "NAME_COLLISION"
  | "INVALID_CONFIG"
  | "DRAINING"
  | "POOL_UNKNOWN"
  | "SERVER_UNKNOWN";

/** Facts about a failed call that a program may want; all are also sent to the client as `error.data`. */
export interface AggregatorErrorFacts {
  /** The pool, or the upstream, that the error is about. */
  readonly pool?: string;
  readonly upstream?: string;
  /** How many attempts were made. */
  readonly attempts?: number;
  /** `"unknown"` when the call may have been executed, `"not-executed"` when it certainly was not. */
  readonly outcome?: "unknown" | "not-executed";
  readonly retryAfterMs?: number;
  readonly timeoutMs?: number;
  /** The JSON-RPC error that the upstream refused the gateway's request with. */
  readonly upstreamError?: { readonly code: number; readonly message: string; readonly data?: unknown };
}

/** Made by the thousand when there is too much to do; where in the code that was is no news. */
const WITHOUT_TRACE: ReadonlySet<AggregatorErrorCode> = new Set([
  "QUEUE_FULL",
  "QUEUE_TIMEOUT",
  "RATE_LIMITED",
  "DRAINING",
]);

/** Whether the gateway itself had no room for the call, which was not executed: on HTTP a 503 that says when to try again. */
export function isOverload({ code, facts }: AggregatorError): boolean {
  const isRefusal =
    code === "QUEUE_FULL" || code === "QUEUE_TIMEOUT" || code === "RATE_LIMITED" || code === "DRAINING";
  return isRefusal && facts.outcome === "not-executed";
}

export class AggregatorError extends Error {
  override readonly name = "AggregatorError";
  readonly code: AggregatorErrorCode;
  readonly facts: AggregatorErrorFacts;

  constructor(
    code: AggregatorErrorCode,
    message: string,
    facts: AggregatorErrorFacts = {},
    options?: ErrorOptions,
  ) {
    const { stackTraceLimit } = Error;
    if (WITHOUT_TRACE.has(code)) Error.stackTraceLimit = 0;
    super(message, options);
    Error.stackTraceLimit = stackTraceLimit;
    this.code = code;
    this.facts = facts;
  }
}

/** A call made in this process was answered with a JSON-RPC error, by the server or because it was no valid request. */
export class RpcError extends Error {
  override readonly name = "RpcError";
  readonly code = "RPC_ERROR";
  /** The JSON-RPC error code, such as -32602. */
  readonly rpcCode: number;
  readonly data: unknown;

  constructor(rpcCode: number, message: string, data?: unknown) {
    super(message);
    this.rpcCode = rpcCode;
    this.data = data;
  }
}

/** The tool that a query went to ran, and said itself that it failed (`isError`). */
export class ToolError extends Error {
  override readonly name = "ToolError";
  readonly code = "TOOL_ERROR";
  readonly tool: string;
  /** The tool's whole result. */
  readonly result: unknown;

  constructor(tool: string, message: string, result: unknown) {
    super(`${tool}: ${message}`);
    this.tool = tool;
    this.result = result;
  }
}
