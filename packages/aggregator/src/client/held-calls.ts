// A legacy server asks in the middle of a call, and waits; a modern client is asked between two requests. So the call is
// held here: the first request ends with `input_required`, and a further one brings the answers and takes the rest.
import { randomBytes } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { Clock } from "@fairlead/core";
import { setTimerOn } from "../timer.ts";
import type { ServerRequest } from "../upstream/connection.ts";
import { type Span, scanEnvelope } from "../wire/envelope.ts";
import { bytesOf, membersOf } from "../wire/members.ts";
import { errorMessage, resultMessage, rpcCode } from "../wire/reply.ts";
import { splice } from "../wire/splice.ts";
import type { Exchange } from "./client.ts";
import type { Responder } from "./exchange.ts";
import { modernParams } from "./input-request.ts";

export interface HeldCalls {
  /** A server asks something on behalf of a modern client's call. */
  ask(exchange: Exchange, request: ServerRequest): void;
  /** Takes a further round of a call that is held here; false when it is of another server. */
  resume(exchange: Exchange): boolean;
}

/** Calls that may be held at a time. */
const MAX_HELD = 1_000;
/** How long a call is held for its next round. */
const TIMEOUT_MS = 600_000;
/** How long a question waits for others of its call, in milliseconds. */
const GATHER_MS = 20;
/** Questions of one call that may wait. */
const MAX_QUESTIONS = 16;
/** Parameters that differ from round to round. */
const OF_A_ROUND: readonly string[] = ["_meta", "inputResponses", "requestState"];

export function createHeldCalls(clock: Clock): HeldCalls {
  /** No state of another gateway, or of this one before its restart, begins with it. */
  const prefix = `fairlead:${randomBytes(6).toString("base64url")}:`;
  const calls = new WeakMap<Exchange, HeldCall>();
  const byState = new Map<string, HeldCall>();

  return {
    ask(exchange, request) {
      const known = calls.get(exchange);
      if (known === undefined && byState.size >= MAX_HELD) {
        refuse(request, `${MAX_HELD} calls wait for input already`);
        return;
      }
      const held = known ?? new HeldCall(exchange, clock, prefix, byState);
      calls.set(exchange, held);
      held.ask(request);
    },
    resume(exchange) {
      const { message, envelope } = exchange;
      const raw = bytesOf(message, membersOf(message, envelope.params).get("requestState"));
      const state: unknown = raw === undefined ? undefined : JSON.parse(raw.toString("utf8"));
      if (typeof state !== "string" || !state.startsWith("fairlead:")) return false;
      const held = byState.get(state);
      if (held === undefined) refuseRound(exchange, "requestState has expired; start the call again");
      else if (!held.matches(exchange)) refuseRound(exchange, "requestState belongs to another call");
      else held.resume(exchange);
      return true;
    },
  };
}

/** Answers in the place of the exchange that began the call, whose own request has been answered. */
class HeldCall implements Responder {
  readonly #exchange: Exchange;
  readonly #clock: Clock;
  readonly #prefix: string;
  readonly #byState: Map<string, HeldCall>;
  /** Questions that the client has not seen yet, and those that it was asked in this round. */
  readonly #unasked: ServerRequest[] = [];
  readonly #asked = new Map<string, ServerRequest>();
  /** The client's own answer to the first request; gone once it was given. */
  #first: Responder | undefined;
  /** The request that waits for the rest. */
  #waiting: Exchange | undefined;
  #outcome: { readonly message: Buffer | undefined; readonly status: number | undefined } | undefined;
  #state: string | undefined;
  #lastKey = 0;
  #planned = false;
  #cancelTimer: () => void = () => {};

  constructor(exchange: Exchange, clock: Clock, prefix: string, byState: Map<string, HeldCall>) {
    this.#exchange = exchange;
    this.#clock = clock;
    this.#prefix = prefix;
    this.#byState = byState;
    this.#first = exchange.hold(this);
  }

  ask(request: ServerRequest): void {
    if (this.#unasked.length + this.#asked.size >= MAX_QUESTIONS) {
      refuse(request, `the call has ${MAX_QUESTIONS} questions open already`);
      return;
    }
    request.whenCancelled(() => this.#withdraw(request));
    this.#unasked.push(request);
    this.#askSoon();
  }

  /** Whether the request is a further round of this call: the same client asks for the same thing. */
  matches({ client, scope, message, envelope }: Exchange): boolean {
    const first = this.#exchange;
    return (
      client.key === first.client.key &&
      scope === first.scope &&
      envelope.method === first.envelope.method &&
      isDeepStrictEqual(subjectOf(message, envelope.params), subjectOf(first.message, first.envelope.params))
    );
  }

  resume(exchange: Exchange): void {
    this.#forgetState();
    this.#waiting = exchange;
    exchange.work = { cancel: () => this.#exchange.cancel() };
    const { message, envelope } = exchange;
    const params = membersOf(message, envelope.params);
    const responses = membersOf(message, params.get("inputResponses") ?? { start: -1, end: -1 });
    for (const [key, request] of this.#asked) {
      const response = bytesOf(message, responses.get(key));
      // What was left out is asked again.
      if (response === undefined) this.#unasked.push(request);
      else request.reply(resultMessage(idOf(request), response));
    }
    this.#asked.clear();
    if (this.#outcome !== undefined) this.#finish();
    else if (this.#unasked.length > 0) this.#askSoon();
  }

  reply(message: Buffer, status?: number): void {
    this.#outcome = { message, status };
    this.#finish();
  }

  notify(message: Buffer): void {
    if (this.#first !== undefined) this.#first.notify(message);
    else if (this.#waiting !== undefined) this.#waiting.notify(forRound(message, this.#waiting));
  }

  drop(): void {
    this.#outcome = { message: undefined, status: undefined };
    this.#finish();
  }

  /** Questions that come together are asked together, since each round costs the client a request. */
  #askSoon(): void {
    if (this.#planned) return;
    this.#planned = true;
    setTimerOn(
      this.#clock,
      () => {
        this.#planned = false;
        if (this.#unasked.length > 0 && this.#outcome === undefined) this.#askNow();
      },
      GATHER_MS,
    );
  }

  #askNow(): void {
    const asker = this.#first ?? this.#waiting;
    // Between two rounds: the next one is told.
    if (asker === undefined) return;
    const id = (this.#waiting ?? this.#exchange).id;
    for (const request of this.#unasked.splice(0)) this.#asked.set(`input-${++this.#lastKey}`, request);
    const requests = [...this.#asked].map(([key, { message, envelope }]) => {
      const params = modernParams(bytesOf(message, envelope.params));
      return `"${key}":{"method":${JSON.stringify(envelope.method)},"params":${params}}`;
    });
    this.#state = this.#prefix + randomBytes(24).toString("base64url");
    this.#byState.set(this.#state, this);
    this.#cancelTimer = setTimerOn(this.#clock, () => this.#expire(), TIMEOUT_MS);
    this.#first = undefined;
    this.#waiting = undefined;
    asker.reply(
      resultMessage(
        id,
        `{"resultType":"input_required","inputRequests":{${requests.join(",")}},"requestState":"${this.#state}"}`,
      ),
    );
  }

  #withdraw(request: ServerRequest): void {
    const at = this.#unasked.indexOf(request);
    if (at !== -1) this.#unasked.splice(at, 1);
    for (const [key, asked] of this.#asked) if (asked === request) this.#asked.delete(key);
  }

  #expire(): void {
    this.#forgetState();
    this.#exchange.cancel();
  }

  #forgetState(): void {
    if (this.#state !== undefined) this.#byState.delete(this.#state);
    this.#state = undefined;
    this.#cancelTimer();
  }

  /** Gives the outcome to who waits for it; kept for the next round when nobody does. */
  #finish(): void {
    const { message, status } = this.#outcome ?? {};
    const first = this.#first;
    const waiting = this.#waiting;
    if (first === undefined && waiting === undefined) return;
    this.#forgetState();
    if (message === undefined) (first ?? waiting)?.drop();
    else if (first !== undefined) first.reply(message, status);
    else if (waiting !== undefined) waiting.reply(forRound(message, waiting), status);
  }
}

/** Under the id, or the progress token, of the round that it goes to. */
function forRound(message: Buffer, { id, message: asked, envelope }: Exchange): Buffer {
  const scanned = scanEnvelope(message);
  if (scanned.kind !== "notification") return splice(message, [{ span: scanned.id, bytes: id }]);
  const token = bytesOf(asked, envelope.metaProgressToken);
  if (scanned.progressToken.start === -1 || token === undefined) return message;
  return splice(message, [{ span: scanned.progressToken, bytes: token }]);
}

/** What a call is about: its parameters without those of a round. */
function subjectOf(message: Buffer, { start, end }: Readonly<Span>): unknown {
  const params = JSON.parse(message.toString("utf8", start, end)) as Record<string, unknown>;
  return Object.entries(params)
    .filter(([name]) => !OF_A_ROUND.includes(name))
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

function idOf({ message, envelope }: ServerRequest): Buffer {
  return message.subarray(envelope.id.start, envelope.id.end);
}

function refuse(request: ServerRequest, why: string): void {
  request.reply(errorMessage(idOf(request), rpcCode.internalError, why));
}

function refuseRound(exchange: Exchange, why: string): void {
  exchange.reply(errorMessage(exchange.id, rpcCode.invalidParams, why));
}
