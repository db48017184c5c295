// Who is asking: one IDE's session, one stdio peer, or whoever sends requests without a session.
import type { IncomingHttpHeaders } from "node:http";
import type { Caller } from "../caller.ts";
import type { Scope } from "../catalog/catalog.ts";
import type { Era } from "../era.ts";
import type { AggregatorError } from "../errors.ts";
import type { AnswerSink } from "../upstream/connection.ts";
import type { Envelope } from "../wire/envelope.ts";
import type { RequestTrack } from "./gate.ts";
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
  /** Header fields of the HTTP request that it came in; undefined on stdio. */
  readonly headers: IncomingHttpHeaders | undefined;
  /** Ends the exchange with its one answer, and does nothing after that; `status` is the HTTP status where there is one. @defaultValue 200 */
  reply(message: Buffer, status?: number, retryAfterMs?: number): void;
  /** Ends the exchange with a failure of the gateway, or of all upstreams. */
  fail(error: AggregatorError): void;
  /** Takes the answer while it arrives; undefined when this front, or its client, only takes whole ones. */
  replyInParts(resume: () => void): AnswerSink | undefined;
  /** Sends a message that belongs to the request, before its answer. */
  notify(message: Buffer): void;
  /** Ends the exchange without an answer, as the protocol wants it after a cancellation. */
  drop(): void;
  /** Stops the work and ends the exchange without an answer: its client no longer wants one. */
  cancel(): void;
  /** What a server must be capable of to get it; undefined for whatever its pool has. */
  capabilities: readonly string[] | undefined;
  /** What is done for it; set by whoever does it. */
  work: Work | undefined;
  /** Told once, before the answer goes out; set by whoever keeps count. */
  observer: ExchangeObserver | undefined;
  /** What the gate is told of it; undefined without a gate. */
  track: RequestTrack | undefined;
}

/** What is done for an exchange. Both are objects with shared functions: see {@link ClientExchange}. */
export interface Work {
  cancel(reason: string): void;
}

export interface ExchangeObserver {
  ended(exchange: Exchange): void;
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
  return { key, scope, logLevel: undefined, subscriptions: new Set(), running: new RunningRequests(), push };
}
