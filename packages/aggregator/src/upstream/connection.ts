// What the rest of the multiplexer sees of one connection to one MCP server, whatever the transport.

import type { Clock } from "@fairlead/core";
import type { Envelope } from "../wire/envelope.ts";
import type { Spliced } from "../wire/splice.ts";
import type { RequestTarget } from "./request-target.ts";

/** Why an exchange got no answer. */
export interface UpstreamFailure {
  /**
   * Whether the server may have run the request: `"no"` when it certainly did not (never sent, or refused before
   * execution), `"maybe"` once a byte may have reached it.
   */
  readonly executed: "no" | "maybe";
  readonly kind: "transport" | "overload" | "session-lost" | "refused" | "protocol" | "closed";
  readonly message: string;
  /** HTTP status, when the server answered with one that is no success. */
  readonly status?: number;
  /** The JSON-RPC error that the server refused with. */
  readonly rpcError?: { readonly code: number; readonly message: string; readonly data?: unknown };
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/** A request of a legacy server to its client: sampling, elicitation, roots. */
export interface ServerRequest {
  readonly message: Buffer;
  readonly envelope: Envelope;
  /** Calls back when the server no longer wants an answer. */
  whenCancelled(callback: () => void): void;
  /** Sends the one answer; its id must be that of the request. */
  reply(answer: Buffer): void;
  /** Sends a notification about the request to the server, such as its progress. */
  notify(message: Buffer): void;
}

/** Where a long answer goes while it arrives. Nothing is final before `begin`. */
export interface AnswerSink {
  /** The bytes that take the place of the answer's id. */
  readonly id: Buffer;
  /** From here on the answer can only be completed or broken off. */
  begin(): void;
  /** @returns false when the reader is behind; it says when it has caught up */
  write(part: Buffer): boolean;
  /** The answer is complete. */
  end(): void;
}

/** One request on its way through a connection; every exchange ends in exactly one `onAnswer` or `onFailure`. */
export interface UpstreamExchange {
  /** The method, for the connection's own bookkeeping and headers. */
  readonly method: string;
  /** True for a request whose answer is a stream that stays open: it does not count as in flight. */
  readonly isStream?: boolean;
  /** Prints the request with this id, which is also its progress token, for who is at the other end. */
  encode(id: number, target: RequestTarget): Buffer | Spliced;
  /**
   * Header fields that a modern server wants over HTTP, apart from the revision and the method: `Mcp-Name` and
   * `Mcp-Param-*`, as names and values in turn.
   */
  headers?(): readonly string[];
  /** Header fields of any server over HTTP that say which trace the request belongs to, as names and values in turn. */
  traceFields?(): readonly string[];
  /** A notification that belongs to this exchange: progress, or anything on its own response stream. */
  onNotification(message: Buffer, envelope: Envelope): void;
  /**
   * The server has ended the stream of this exchange, and wants to be asked for the rest after `retryMs`, which the connection
   * does.
   */
  onPause?(retryMs: number): void;
  /** The server asks something on behalf of this exchange; where nobody can be asked, the connection refuses it. */
  onServerRequest?(request: ServerRequest): void;
  onAnswer(message: Buffer, envelope: Envelope): void;
  /**
   * The result has become long before it was complete. @returns where its parts go instead of `onAnswer`, or undefined
   * when it has to be whole; `resume` is called when a reader that was behind has caught up
   */
  onLongAnswer?(resume: () => void): AnswerSink | undefined;
  onFailure(failure: UpstreamFailure): void;
}

/** What a connection tells its owner on its own account. */
export interface ConnectionListener {
  /** A notification that belongs to no exchange: list_changed, resources/updated, log messages of the session. */
  onServerNotification(message: Buffer, envelope: Envelope): void;
  /** The server asks something; `exchange` is the call that it belongs to, where that is certain. Without this it is refused. */
  onServerRequest?(request: ServerRequest, exchange: UpstreamExchange | undefined): void;
  /**
   * The connection is of no more use, and exchanges that still ran have failed; or, with the kind `session-lost`, only
   * its session is, and it can be renewed. Told once, or once per session.
   */
  onDown(failure: UpstreamFailure): void;
  /** The stream for the server's own messages broke off. */
  onStreamBroken?(): void;
}

/** What every connection is made with. */
export interface ConnectionOptions {
  /** Who is at the other end. */
  readonly target: RequestTarget;
  /** Longest message that a server may send, in bytes. A longer one fails its own call only. */
  readonly maxMessageBytes: number;
  readonly maxDepth: number;
  readonly clock: Clock;
}

export interface UpstreamConnection {
  readonly target: RequestTarget;
  /**
   * Whether a request could be sent at all. False as soon as a process has ended, which is before its last answers are
   * read and the connection is reported as down.
   */
  readonly isOpen: boolean;
  /** Exchanges without an answer yet. */
  readonly inFlight: number;
  /** When the server last said anything, on the clock that was injected. */
  readonly lastHeardAt: number;
  /** Sends a request and returns its id. Failures are reported to the exchange, never thrown, never before this returns. */
  send(exchange: UpstreamExchange): number;
  /** Forgets an exchange, and tells the server so; the exchange hears nothing more. */
  cancel(id: number, reason: string): void;
  /** Sends a notification; resolves when it has been handed over, whatever became of it. */
  notify(message: Buffer): Promise<void>;
  close(): Promise<void>;
}
