// One POST and its answer. A class, because one is made per call: the client takes it as the handler itself, so a call
// costs one object and no closures.
import type { HttpExchangeControl, HttpResponseHandler } from "../http1/client.ts";
import { headerOf } from "../http1/headers.ts";
import { LONG_BYTES } from "../wire/lines.ts";
import { createSseParser, type SseParser } from "../wire/sse.ts";
import type { UpstreamExchange, UpstreamFailure } from "./connection.ts";
import { beginLongAnswer, type LongAnswer } from "./long-answer.ts";
import type { Pending, PendingEntry } from "./pending.ts";
import { notePosition, type StreamPosition, tellOfPause } from "./stream-resumption.ts";

/** What an exchange needs of its connection. */
export interface HttpExchangeOwner {
  readonly maxMessageBytes: number;
  readonly maxDepth: number;
  readonly pending: Pending<HttpExchange>;
  /** The server named the session. */
  onSession(id: string): void;
  /** The server no longer knows the session that this exchange was sent with. */
  onSessionLost(session: string): void;
  /** Reads on where the stream ended. Returns how to end that. */
  resume(
    http: HttpExchange,
    position: StreamPosition,
    delayMs: number | undefined,
    onGivenUp: () => void,
  ): () => void;
}

const MAX_ERROR_BYTES = 8 * 1024;

export class HttpExchange implements HttpResponseHandler, PendingEntry {
  readonly exchange: UpstreamExchange;
  /** Its id among those that wait; set once it is there. */
  id = 0;
  readonly #owner: HttpExchangeOwner;
  readonly #session: string | undefined;
  #control: HttpExchangeControl | undefined;
  #aborted = false;
  #status = 0;
  #retryAfterMs: number | undefined;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #long: LongAnswer | undefined;
  #sse: SseParser | undefined;
  #position: StreamPosition | undefined;
  #endResumption: (() => void) | undefined;

  constructor(owner: HttpExchangeOwner, exchange: UpstreamExchange, session: string | undefined) {
    this.#owner = owner;
    this.exchange = exchange;
    this.#session = session;
  }

  /** Stops reading; the exchange itself has been ended by the caller. */
  abort(): void {
    this.#aborted = true;
    this.#control?.abort(new Error("aborted"));
    this.#endResumption?.();
  }

  onRequestStart(control: HttpExchangeControl): void {
    // From here on bytes may reach the server.
    this.#control = control;
    if (this.#aborted) control.abort(new Error("aborted"));
  }

  onResponseStart(_control: HttpExchangeControl, status: number, headers: readonly string[]): void {
    this.#status = status;
    if (status < 200 || status >= 300) {
      const seconds = Number(headerOf(headers, "retry-after"));
      if (Number.isFinite(seconds) && seconds >= 0) this.#retryAfterMs = seconds * 1_000;
      return;
    }
    const session = headerOf(headers, "mcp-session-id");
    if (session !== undefined && this.#session === undefined) this.#owner.onSession(session);
    if ((headerOf(headers, "content-type") ?? "").startsWith("text/event-stream")) {
      this.#sse = createSseParser({
        maxEventBytes: this.#owner.maxMessageBytes,
        onEvent: (data) => void this.#owner.pending.deliver(data, this.id),
        onLongEvent: (head) => this.#beginLong(head),
        onOversize: () => this.#tooLarge(),
        ...(this.#session === undefined ? {} : { onField: this.#notePosition() }),
      });
    }
  }

  onResponseData(_control: HttpExchangeControl, chunk: Buffer): void {
    if (this.#sse !== undefined) {
      this.#sse.push(chunk);
      return;
    }
    if (this.#long !== undefined) {
      this.#long.part(chunk);
      return;
    }
    const before = this.#bytes;
    this.#bytes += chunk.length;
    const limit = this.#status < 300 ? this.#owner.maxMessageBytes : MAX_ERROR_BYTES;
    if (this.#bytes <= limit) this.#chunks.push(chunk);
    else if (this.#status < 300) this.#tooLarge();
    if (before >= LONG_BYTES || this.#bytes < LONG_BYTES || this.#status >= 300) return;
    const head = Buffer.concat(this.#chunks);
    this.#long = this.#beginLong(head);
    this.#chunks = this.#long === undefined ? [head] : [];
  }

  onResponseEnd(): void {
    if (this.#long !== undefined) {
      this.#long.end();
      return;
    }
    const body = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks);
    if (this.#status >= 300) this.#refused(body);
    else if (this.#sse === undefined && body.length > 0) {
      // A lone "[...]" batch or anything else that is no message leaves the exchange open, and fails it below.
      this.#owner.pending.deliver(body);
    }
    this.#resumeOrFail(undefined, {
      executed: "maybe",
      kind: "protocol",
      message: "the server ended its response without an answer to the request",
    });
  }

  onResponseError(error: Error): void {
    const executed = this.#control === undefined ? "no" : "maybe";
    this.#resumeOrFail(0, { executed, kind: "transport", message: describeError(error), cause: error });
  }

  /** Events with ids can be read on from the last one. */
  #notePosition(): (name: "event" | "id" | "retry", value: string) => void {
    const position: StreamPosition = { lastEventId: undefined, retryMs: undefined };
    this.#position = position;
    return (name, value) => notePosition(position, name, value);
  }

  #resumeOrFail(delayMs: number | undefined, failure: UpstreamFailure): void {
    const position = this.#position;
    if (this.#aborted || position?.lastEventId === undefined || !this.#owner.pending.has(this.id)) {
      this.#fail(failure);
      return;
    }
    if (delayMs === undefined) tellOfPause(this.exchange, position);
    this.#endResumption = this.#owner.resume(this, position, delayMs, () => this.#fail(failure));
  }

  #beginLong(head: Buffer): LongAnswer | undefined {
    const control = this.#control;
    if (control === undefined || this.#aborted) return undefined;
    return beginLongAnswer(head, this.id, this.exchange, {
      maxBytes: this.#owner.maxMessageBytes,
      maxDepth: this.#owner.maxDepth,
      pause: () => control.pause(),
      resume: () => control.resume(),
      takesParts: () => !this.#aborted,
      onEnd: () => this.#owner.pending.take(this.id) !== undefined,
      onBroken: (why) => this.#break(why),
    });
  }

  #tooLarge(): void {
    this.#break(`the answer is longer than the ${this.#owner.maxMessageBytes} bytes allowed`);
  }

  #break(message: string): void {
    this.#fail({ executed: "maybe", kind: "protocol", message });
    this.abort();
  }

  #refused(body: Buffer): void {
    const text = body.toString("utf8", 0, 512);
    // The specification says 404 for a session that is gone; the reference server says 400 and names the session.
    if (
      this.#session !== undefined &&
      (this.#status === 404 || (this.#status === 400 && /session/i.test(text)))
    ) {
      // First, so that the call does not try the same session again.
      this.#owner.onSessionLost(this.#session);
      this.#fail({ executed: "no", kind: "session-lost", message: "the server no longer knows the session" });
      return;
    }
    // Some servers put their JSON-RPC error into a 4xx; it is an answer all the same.
    if (this.#status < 500 && this.#status !== 429) this.#owner.pending.deliver(body);
    const message = `the server answered HTTP ${this.#status}${text === "" ? "" : `: ${text}`}`;
    const retryAfterMs = this.#retryAfterMs;
    const facts = { status: this.#status, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
    if (this.#status === 429) this.#fail({ executed: "no", kind: "overload", message, ...facts });
    else if (this.#status < 500) this.#fail({ executed: "no", kind: "refused", message, ...facts });
    else
      this.#fail({
        executed: "maybe",
        kind: this.#status === 503 ? "overload" : "transport",
        message,
        ...facts,
      });
  }

  #fail(failure: UpstreamFailure): void {
    this.#owner.pending.take(this.id)?.exchange.onFailure(failure);
  }
}

/** A host with several addresses fails once for each; the first message names an address. */
export function describeError(error: Error): string {
  const inner = error instanceof AggregateError ? (error.errors[0] as Error | undefined) : undefined;
  return (inner ?? error).message || error.name;
}
