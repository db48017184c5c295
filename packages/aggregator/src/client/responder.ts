// The answer to one POST: plain JSON when the first thing to say is the answer, an event stream once something comes
// before it.
import type { ServerResponse } from "node:http";
import { WholeResponse } from "../http1/whole-response.ts";
import { type Spliced, toSingleLine } from "../wire/splice.ts";
import { EVENT_HEAD, EVENT_TAIL, toSseEvent } from "../wire/sse.ts";
import type { EventLog } from "./event-log.ts";
import type { Responder, ResponseParts } from "./exchange.ts";
import type { ReplyStreams } from "./reply-streams.ts";

/** What all responses of a front share. */
export interface ResponderFront {
  /** Whether connections end with their next response. */
  readonly draining: boolean;
  readonly keepAlive: KeepAlive;
}

/** Sends comments on quiet event streams, so that nobody between takes them for dead. */
export interface KeepAlive {
  add(response: ServerResponse): void;
  remove(response: ServerResponse): void;
  close(): void;
}

/** What may wait for a slow reader of an event stream, in bytes. */
export const MAX_BUFFERED_BYTES: number = 1024 * 1024;
const KEEP_ALIVE_MS = 15_000;
const COMMENT = ":\n\n";

/** The first revision whose clients take events without a message, and are told when to come back. */
const POLLING_SINCE = "2025-11-25";

/** Where streams are kept that a client may come back to. */
export interface Resumable {
  readonly protocolVersion: string;
  readonly replies: ReplyStreams;
}

/** What a client takes: plain JSON, that or an event stream, or the latter wherever it can be had. */
export type Takes = "json" | "either" | "stream";

/** Frozen, so that the short path prints them once; the length is added by whoever writes. */
const JSON_FIELDS = Object.freeze({ "content-type": "application/json" });

/** A class, because one is made per request. */
export class HttpResponder implements Responder {
  readonly #response: ServerResponse;
  /** Whether the client takes an event stream; otherwise notifications are left out. */
  readonly #acceptsStream: boolean;
  readonly #front: ResponderFront;
  /** Where a session keeps streams that its client may come back to. */
  readonly #session: Resumable | undefined;
  #log: EventLog | undefined;
  /** Whether even an answer that nothing precedes goes out as a stream. */
  readonly #prefersStream: boolean;
  #streaming = false;
  /** Whether the client was told to come back for the rest. */
  #isPaused = false;
  #inParts = false;

  constructor(response: ServerResponse, takes: Takes, front: ResponderFront, session?: Resumable) {
    this.#response = response;
    this.#acceptsStream = takes !== "json";
    this.#prefersStream = takes === "stream";
    this.#front = front;
    this.#session = session;
  }

  reply(message: Buffer, status = 200, retryAfterMs?: number): void {
    const response = this.#response;
    if (this.#inParts) {
      // An answer that has begun cannot be taken back; a connection that breaks tells the client so.
      response.destroy();
      return;
    }
    if (this.#prefersStream && status === 200 && !this.#streaming) this.#openStream();
    const away = this.#away;
    if (away !== undefined) {
      this.#session?.replies.answer(away, message);
      return;
    }
    if (this.#streaming) {
      this.#front.keepAlive.remove(response);
      response.end(this.#eventOf(message));
      this.#log?.end();
      return;
    }
    if (retryAfterMs === undefined && !this.#front.draining) response.writeHead(status, JSON_FIELDS);
    else {
      const headers: Record<string, string> = { ...this.#common(), "content-type": "application/json" };
      if (retryAfterMs !== undefined) headers["retry-after"] = String(Math.ceil(retryAfterMs / 1_000));
      response.writeHead(status, headers);
    }
    response.end(message);
  }

  replyWith(result: Spliced): void {
    const response = this.#response;
    const short: unknown = response;
    if (this.#inParts || this.#streaming || this.#prefersStream || this.#front.draining) {
      this.reply(result.whole());
    } else if (short instanceof WholeResponse) {
      short.writeHead(200, JSON_FIELDS).end(result);
    } else if (result.isLong) {
      response.writeHead(200, { ...JSON_FIELDS, "content-length": result.length });
      response.cork();
      for (const piece of result.pieces()) response.write(piece);
      response.end();
      response.uncork();
    } else this.reply(result.whole());
  }

  notify(message: Buffer): void {
    const response = this.#response;
    const away = this.#away;
    if (away !== undefined) away.add(message, false);
    if (away !== undefined || !this.#acceptsStream || response.writableEnded || response.destroyed) return;
    if (!this.#streaming) this.#openStream();
    if (response.writableLength < MAX_BUFFERED_BYTES) response.write(this.#eventOf(message));
  }

  /** Where the client of a session can come back for the rest, it need not hold the connection meanwhile. */
  pause(retryMs: number): void {
    const response = this.#response;
    const away = this.#away;
    if (away !== undefined) away.pause(retryMs);
    if (away !== undefined || !this.#acceptsStream || this.#inParts || response.destroyed) return;
    if (!canPoll(this.#session) || this.#front.draining) return;
    if (!this.#streaming) this.#openStream(retryMs);
    this.#isPaused = true;
    this.#front.keepAlive.remove(response);
    if (this.#log !== undefined) response.end(this.#log.pause(retryMs));
  }

  drop(): void {
    // A cancelled request gets no answer: an empty stream, or an empty acceptance for who takes no stream.
    const response = this.#response;
    if (this.#inParts) {
      response.destroy();
      return;
    }
    const away = this.#away;
    if (away !== undefined) {
      away.end();
      this.#session?.replies.done(away);
      return;
    }
    this.#front.keepAlive.remove(response);
    this.#log?.end();
    if (!this.#streaming)
      response.writeHead(
        this.#acceptsStream ? 200 : 202,
        this.#acceptsStream ? { ...this.#common(), ...STREAM_HEADERS } : this.#common(),
      );
    response.end();
  }

  inParts(resume: () => void): ResponseParts | undefined {
    const response = this.#response;
    // It has to be whole to wait for its client.
    if (this.#away !== undefined) return undefined;
    return {
      begin: () => {
        this.#inParts = true;
        // A comment must not stand inside of an event.
        this.#front.keepAlive.remove(response);
        if (this.#streaming) response.write(EVENT_HEAD);
        else response.writeHead(200, { ...this.#common(), "content-type": "application/json" });
        response.on("drain", resume);
      },
      write: (part) => response.write(this.#streaming ? toSingleLine(part) : part),
      end: () => void (this.#streaming ? response.end(EVENT_TAIL) : response.end()),
    };
  }

  /** Whether a part of the answer has gone out: then it is of no use once the connection is gone. */
  get isInParts(): boolean {
    return this.#inParts;
  }

  /** The log of the stream, while its client is away. */
  get #away(): EventLog | undefined {
    return this.#isPaused || this.#response.destroyed ? this.#log : undefined;
  }

  /** @param retryMs when the stream is opened only to be ended */
  #openStream(retryMs?: number): void {
    this.#streaming = true;
    this.#response.writeHead(200, { ...this.#common(), ...STREAM_HEADERS });
    this.#response.flushHeaders();
    this.#front.keepAlive.add(this.#response);
    const replies = this.#session?.replies;
    if (replies === undefined) return;
    const log = replies.open();
    this.#log = log;
    if (canPoll(this.#session) && retryMs === undefined) this.#response.write(log.mark());
    this.#response.on("close", () => {
      // A part of an answer is of no use, and the rest is not kept.
      if (this.#inParts || (this.#response.writableFinished && !this.#isPaused)) replies.done(log);
      else replies.broke(log);
    });
  }

  #eventOf(message: Buffer): Buffer {
    return this.#log?.add(message, !this.#response.destroyed) ?? toSseEvent(message);
  }

  #common(): Record<string, string> {
    return this.#front.draining ? { connection: "close" } : {};
  }
}

function canPoll(session: Resumable | undefined): boolean {
  return session !== undefined && session.protocolVersion >= POLLING_SINCE;
}

/** Headers of every event stream; proxies must neither store nor delay it. */
export const STREAM_HEADERS: Readonly<Record<string, string>> = {
  "content-type": "text/event-stream",
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no",
};

export function createKeepAlive(): KeepAlive {
  const open = new Set<ServerResponse>();
  const timer = setInterval(() => {
    for (const response of open) {
      if (response.writableLength === 0) response.write(COMMENT);
    }
  }, KEEP_ALIVE_MS);
  timer.unref();
  return {
    add: (response) => void open.add(response),
    remove: (response) => void open.delete(response),
    close() {
      clearInterval(timer);
      open.clear();
    },
  };
}
