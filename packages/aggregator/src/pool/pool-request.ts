// A call as its client asks for it: what to send, what holds for it, and who is told what becomes of it.
import type { Caller } from "../caller.ts";
import type { PoolEntry } from "../catalog/pool-catalog.ts";
import type { AttemptTrack } from "../client/gate.ts";
import type { Era } from "../era.ts";
import type { AggregatorError } from "../errors.ts";
import type { RoutingDecision } from "../router/router.ts";
import type { AnswerSink, ServerRequest } from "../upstream/connection.ts";
import type { RequestTarget } from "../upstream/request-target.ts";
import type { Envelope } from "../wire/envelope.ts";
import type { Spliced } from "../wire/splice.ts";
import type { TraceContext } from "../wire/trace-context.ts";
import type { RequestOrigin } from "./client-sessions.ts";
import type { CallPolicy } from "./policy.ts";

/** What a client asks of a pool. */
export interface PoolRequest {
  readonly origin: RequestOrigin;
  readonly method: string;
  /** For people, in errors: "tool echo". */
  readonly subject: string;
  readonly entry: PoolEntry | undefined;
  readonly caller: Caller;
  /** From 0 to 9, higher is served first. */
  readonly priority: number;
  /** Whether it may be executed twice. */
  readonly repeatable: boolean;
  /** Whether it is a further round of a call that only a modern server knows. */
  readonly onlyModern: boolean;
  /** What a rule, or the request itself, says about where it may go. */
  readonly routing?: RoutingDecision | undefined;
  /** Longest time without an answer or progress, in milliseconds. */
  readonly timeoutMs: number;
  /** Longest time in all, in milliseconds. */
  readonly maxTimeoutMs: number;
  readonly policy: CallPolicy;
  /** `params.arguments` as the client sent it; empty when there is none. */
  argumentBytes(): Buffer;
  /** Prints the request for the server that an attempt goes to, within the attempt's span; pools may mix eras. */
  encode(id: number, target: RequestTarget, trace: TraceContext | undefined): Buffer | Spliced;
  /** Header fields for a modern server over HTTP: `Mcp-Name` and `Mcp-Param-*`, as names and values in turn. */
  headers(): readonly string[];
  /** Header fields that say which trace it belongs to, as names and values in turn. */
  traceFields(trace: TraceContext | undefined): readonly string[];
  /** Told of the beginning and of the end of each attempt. */
  readonly track?: AttemptTrack | undefined;
  onNotification(message: Buffer, envelope: Envelope): void;
  /** See {@link UpstreamExchange.onPause}. */
  onPause?(retryMs: number): void;
  /** The server asks the client something on behalf of the request. */
  onServerRequest(request: ServerRequest): void;
  /** `upstream` is the id of who answered. */
  onAnswer(message: Buffer, envelope: Envelope, upstream: string): void;
  /** See {@link UpstreamExchange.onLongAnswer}. Once it has begun, an error can only break it off. */
  onLongAnswer?(era: Era, resume: () => void): AnswerSink | undefined;
  onError(error: AggregatorError): void;
}
