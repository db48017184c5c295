// One request of a client on its way, and the end that it comes to once. A class, because one is made per request: its
// functions are shared. (On V8 13.6, Node 24, whatever a closure that was stored in a field refers to survived minor
// collections, even after the field was emptied: a third of the cost of a call. Hence objects instead of closures here.)

import type { IncomingHttpHeaders } from "node:http";
import type { Caller } from "../caller.ts";
import type { Scope } from "../catalog/catalog.ts";
import type { Era } from "../era.ts";
import { type AggregatorError, isOverload } from "../errors.ts";
import type { Work } from "../pool/policy.ts";
import type { SessionClient } from "../upstream/client-session.ts";
import type { AnswerSink } from "../upstream/connection.ts";
import { type Envelope, textOf } from "../wire/envelope.ts";
import { failureMessage } from "../wire/reply.ts";
import type { Spliced } from "../wire/splice.ts";
import type { Client, Exchange, ExchangeObserver } from "./client.ts";
import type { RequestTrack } from "./gate.ts";
import { sessionClientOf } from "./session-client.ts";

/** How a front answers. */
export interface Responder {
  /** `retryAfterMs` goes out where there are header fields. */
  reply(message: Buffer, status?: number, retryAfterMs?: number): void;
  /** As {@link reply}, if this front can write it without putting it together first. */
  replyWith?(result: Spliced): void;
  /** Where it differs from replying with the printed error. */
  fail?(error: AggregatorError): void;
  notify(message: Buffer): void;
  drop(): void;
  /** The server ended its stream, to go on after `retryMs`; left out by who has nothing to end. */
  pause?(retryMs: number): void;
  /** Takes an answer in parts, if this front can; `resume` is called when a slow reader has caught up. */
  inParts?(resume: () => void): ResponseParts | undefined;
}

export type ResponseParts = Omit<AnswerSink, "id">;

export interface ExchangeFields {
  readonly era: Era;
  readonly client: Client;
  readonly caller: Caller;
  readonly scope: Scope;
  readonly message: Buffer;
  readonly envelope: Envelope;
  readonly headers: IncomingHttpHeaders | undefined;
}

export class ClientExchange implements Exchange {
  readonly era: Era;
  readonly client: Client;
  readonly caller: Caller;
  readonly scope: Scope;
  readonly message: Buffer;
  readonly envelope: Envelope;
  readonly id: Buffer;
  readonly name: string | undefined;
  readonly headers: IncomingHttpHeaders | undefined;
  capabilities: readonly string[] | undefined = undefined;
  work: Work | undefined = undefined;
  observer: ExchangeObserver | undefined = undefined;
  track: RequestTrack | undefined = undefined;
  #responder: Responder;
  #ended = false;

  constructor(
    { era, client, caller, scope, message, envelope, headers }: ExchangeFields,
    responder: Responder,
  ) {
    this.era = era;
    this.client = client;
    this.caller = caller;
    this.scope = scope;
    this.message = message;
    this.envelope = envelope;
    this.id = message.subarray(envelope.id.start, envelope.id.end);
    this.name = textOf(message, envelope.method === "resources/read" ? envelope.uri : envelope.name);
    this.headers = headers;
    this.#responder = responder;
  }

  reply(message: Buffer, status?: number, retryAfterMs?: number): void {
    if (!this.#end()) return;
    const answer = this.track === undefined ? message : this.track.answered(message, this.id.length);
    this.#responder.reply(answer, status, retryAfterMs);
  }

  replyWith(result: Spliced): void {
    const responder = this.#responder;
    if (responder.replyWith === undefined) {
      this.reply(result.whole());
      return;
    }
    if (!this.#end()) return;
    this.track?.streamed(result.length);
    responder.replyWith(result);
  }

  fail(error: AggregatorError): void {
    const responder = this.#responder;
    if (!this.#end()) return;
    if (responder.fail !== undefined) {
      this.track?.failed(error.code);
      responder.fail(error);
      return;
    }
    this.track?.noteError(error.code);
    const failure = failureMessage(this.id, error);
    const message = this.track === undefined ? failure : this.track.answered(failure, this.id.length);
    if (isOverload(error)) responder.reply(message, 503, error.facts.retryAfterMs);
    else responder.reply(message);
  }

  replyInParts(resume: () => void): AnswerSink | undefined {
    const parts = this.#ended ? undefined : this.#responder.inParts?.(resume);
    if (parts === undefined) return undefined;
    let bytes = 0;
    return {
      id: this.id,
      begin: () => parts.begin(),
      write: (part) => {
        bytes += part.length;
        return parts.write(part);
      },
      end: () => {
        if (!this.#end()) return;
        this.track?.streamed(bytes);
        parts.end();
      },
    };
  }

  notify(message: Buffer): void {
    if (!this.#ended) this.#responder.notify(message);
  }

  pause(retryMs: number): void {
    if (!this.#ended) this.#responder.pause?.(retryMs);
  }

  drop(): void {
    if (!this.#end()) return;
    this.track?.cancelled();
    this.#responder.drop();
  }

  hold(responder: Responder): Responder {
    const before = this.#responder;
    this.#responder = responder;
    return before;
  }

  sessionClient(): SessionClient {
    return sessionClientOf(this);
  }

  cancel(): void {
    this.work?.cancel("the client cancelled the request");
    this.drop();
  }

  /** True for the first end only. */
  #end(): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    this.observer?.ended(this);
    return true;
  }
}
