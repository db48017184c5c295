// Who is asking: one IDE's session, one stdio peer, or whoever sends requests without a session.
import type { IncomingHttpHeaders } from "node:http";
import type { Caller } from "../caller.ts";
import type { Scope } from "../catalog/catalog.ts";
import type { Era } from "../era.ts";
import type { AggregatorError } from "../errors.ts";
import type { Work } from "../pool/policy.ts";
import type { Pool } from "../pool/pool.ts";
import type { ClientHello, SessionClient } from "../upstream/client-session.ts";
import type { AnswerSink, ServerRequest } from "../upstream/connection.ts";
import type { Envelope } from "../wire/envelope.ts";
import type { Spliced } from "../wire/splice.ts";
import type { Responder } from "./exchange.ts";
import type { RequestTrack } from "./gate.ts";
import type { InputRound } from "./input-rounds.ts";
import { RunningRequests } from "./running.ts";

export interface Client {
  /** Tells clients apart; never shown to other clients. */
  readonly key: string;
  readonly scope: Scope;
  /** Least severe log level that it wants, as an index of {@link LOG_LEVELS}; undefined when it never said. */
  logLevel: number | undefined;
  /** Resources whose updates it wants. */
  readonly subscriptions: Set<string>;
  /** Its requests that run. */
  readonly running: RunningRequests;
  /** What it said in `initialize`; undefined for who has no session. */
  hello: ClientHello | undefined;
  /** Who its sessions with upstreams are for, once it has any. */
  sessionClient: SessionClient | undefined;
  /** Sends a message that answers no request. */
  push(message: Buffer): void;
}

/** One request of a client, and how to answer it. */
export interface Exchange {
  readonly era: Era;
  readonly client: Client;
  /** On whose behalf it came. */
  readonly caller: Caller;
  readonly scope: Scope;
  readonly message: Buffer;
  readonly envelope: Envelope;
  /** The bytes of the request's id. */
  readonly id: Buffer;
  /** `params.name`, or `params.uri` of `resources/read`; undefined when there is none, or no string. */
  readonly name: string | undefined;
  /** Header fields of the HTTP request that it came in; undefined on stdio. */
  readonly headers: IncomingHttpHeaders | undefined;
  /** Ends the exchange with its one answer, and does nothing after that; `status` is the HTTP status where there is one. @defaultValue 200 */
  reply(message: Buffer, status?: number, retryAfterMs?: number): void;
  /** As {@link reply}, for a server's result. */
  replyWith(result: Spliced): void;
  /** Ends the exchange with a failure of the gateway, or of all upstreams. */
  fail(error: AggregatorError): void;
  /** Takes the answer while it arrives; undefined when this front, or its client, only takes whole ones. */
  replyInParts(resume: () => void): AnswerSink | undefined;
  /** Sends a message that belongs to the request, before its answer. */
  notify(message: Buffer): void;
  /** The server ended its stream, and goes on when it is asked after `retryMs`: so may the client. */
  pause(retryMs: number): void;
  /** Ends the exchange without an answer, as the protocol wants it after a cancellation. */
  drop(): void;
  /** Stops the work and ends the exchange without an answer: its client no longer wants one. */
  cancel(): void;
  /** What a server must be capable of to get it; undefined for whatever its pool has. */
  capabilities: readonly string[] | undefined;
  /** Lets another answer in its place from here on. Returns who answered until now. */
  hold(responder: Responder): Responder;
  /** Who its session with an upstream is for, where there is one. */
  sessionClient(): SessionClient;
  /** What is done for it; set by whoever does it. */
  work: Work | undefined;
  /** Told once, before the answer goes out; set by whoever keeps count. */
  observer: ExchangeObserver | undefined;
  /** What the gate is told of it; undefined without a gate. */
  track: RequestTrack | undefined;
}

export interface ExchangeObserver {
  ended(exchange: Exchange): void;
  /** A server asks something on behalf of the exchange. */
  asked(exchange: Exchange, request: ServerRequest): void;
  /** A server asks something in a session of the client's. */
  askedBySession(client: Client, request: ServerRequest): void;
  /** A server made a task for the exchange; false when the client must not be told of it. */
  madeTask(exchange: Exchange, taskId: string, pool: Pool, upstream: string): boolean;
  /** The answer of a modern server wants input of a legacy client, and then a further round. */
  askedByAnswer(exchange: Exchange, answer: Buffer, answered: Envelope, round: InputRound): Work;
}

/** Severities of log messages (RFC 5424), least severe first. */
export const LOG_LEVELS: readonly string[] = [
  "debug",
  "info",
  "notice",
  "warning",
  "error",
  "critical",
  "alert",
  "emergency",
];

/** The key of all that have no session: whoever they are, the gateway cannot tell them apart. */
export const ANONYMOUS = "anonymous";

export function createClient(key: string, scope: Scope, push: (message: Buffer) => void): Client {
  return {
    key,
    scope,
    logLevel: undefined,
    subscriptions: new Set(),
    running: new RunningRequests(),
    hello: undefined,
    sessionClient: undefined,
    push,
  };
}
