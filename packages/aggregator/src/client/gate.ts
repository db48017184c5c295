// Where whoever mounts the multiplexer decides about each request before it is handled, and hears how it ended: limits of
// clients, usage, audit and traces hang here, the same for HTTP, WebSocket and stdio.
import type { Caller } from "../caller.ts";
import type { Era } from "../era.ts";
import { type Envelope, integerOf } from "../wire/envelope.ts";
import { errorMessage } from "../wire/reply.ts";
import type { TraceContext } from "../wire/trace-context.ts";
import type { Exchange } from "./client.ts";

/** A request as the gate sees it. */
export interface GateRequest {
  readonly caller: Caller;
  readonly era: Era;
  readonly method: string;
  /** The tool, prompt or resource that it names, as the client knows it. */
  readonly name: string | undefined;
  /** Length of the message, in bytes. */
  readonly bytes: number;
  /** Bytes of `params`; undefined without them. */
  readonly params: Buffer | undefined;
  /** Bytes of `params._meta`; undefined without one. */
  readonly meta: Buffer | undefined;
  /** Header fields of the HTTP request; undefined on stdio. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>> | undefined;
}

/** How a request ended. */
export interface RequestEnd {
  /** `tool-error`: the tool ran and said so itself (`isError`). */
  readonly outcome: "ok" | "tool-error" | "error" | "cancelled";
  /** JSON-RPC error code, or the gateway's own `data.code`, of an error. */
  readonly code?: string | undefined;
  /** Length of the answer, in bytes; 0 when there was none. */
  readonly bytes: number;
  /** Where it was executed last, when it left the gateway. */
  readonly upstream?: string | undefined;
  readonly attempts: number;
}

/** One attempt of a request on an upstream. */
export interface AttemptEnd {
  readonly upstream: string;
  readonly outcome: string;
  /** On the multiplexer's clock, in milliseconds. */
  readonly startedAt: number;
  readonly endedAt: number;
  /** Whether it was a second one beside another that took long. */
  readonly isHedge: boolean;
  /** What {@link RequestWatch.onAttemptStart} gave it. */
  readonly trace: TraceContext | undefined;
}

/** Who is told of the attempts of a request. */
export interface AttemptTrack {
  /** @returns the span that the attempt is sent within */
  attempting(): TraceContext | undefined;
  attempted(attempt: AttemptEnd): void;
}

/** What is told about an admitted request. */
export interface RequestWatch {
  /** Called once, before the answer goes out. */
  onEnd?(end: RequestEnd): void;
  /**
   * An attempt begins. Returns the span that the server is to be told of, in `_meta` and over HTTP as header fields; without
   * one it is told what the client sent.
   */
  onAttemptStart?(): TraceContext | undefined;
  onAttempt?(attempt: AttemptEnd): void;
  /** Applied to every error before the client gets it, such as to take secrets out. */
  scrub?(text: string): string;
}

/** Why a request may not go on. */
export interface Refusal {
  readonly refuse: {
    /** JSON-RPC code; choose one outside of -32768..-32000. */
    readonly code: number;
    /** HTTP status, where there is one. */
    readonly status: number;
    readonly message: string;
    readonly data: Readonly<Record<string, unknown>>;
    /** Milliseconds; also sent as `Retry-After`. */
    readonly retryAfterMs?: number | undefined;
  };
}

/** Decides about requests. Must neither throw nor wait. */
export interface Gate {
  admit(request: GateRequest): Refusal | RequestWatch | undefined;
  /** Asked before a stream that lasts is opened for a caller; returns what to call at its end. */
  admitStream?(caller: Caller): Refusal | (() => void);
  /**
   * Asked before a session over HTTP is opened for a caller that the front has named; returns what to call at its end.
   * `"replace"` ends the caller's session that was idle for longest and asks again; only where `hasIdle` says that there is
   * one.
   */
  admitSession?(caller: Caller, hasIdle: boolean): Refusal | "replace" | (() => void);
}

type Verdict = Pick<RequestEnd, "outcome" | "code">;

const OK: Verdict = { outcome: "ok" };
const TOOL_ERROR: Verdict = { outcome: "tool-error" };
const CANCELLED: Verdict = { outcome: "cancelled" };
const BEFORE_ID = '{"jsonrpc":"2.0","id":'.length;

/** Follows one request for its watch. A class, because one is made per request. */
export class RequestTrack implements AttemptTrack {
  readonly #watch: RequestWatch;
  #verdict: Verdict | undefined = undefined;
  #upstream: string | undefined = undefined;
  #attempts = 0;

  constructor(watch: RequestWatch) {
    this.#watch = watch;
  }

  attempting(): TraceContext | undefined {
    return this.#watch.onAttemptStart?.();
  }

  attempted(attempt: AttemptEnd): void {
    // Whoever lost a race had no part in the answer.
    if (attempt.outcome !== "hedge-loser" || this.#upstream === undefined) this.#upstream = attempt.upstream;
    this.#attempts++;
    this.#watch.onAttempt?.(attempt);
  }

  /** What a server answered, before it goes on. */
  note(answer: Buffer, answered: Envelope): void {
    if (answered.kind === "error") this.noteError(String(integerOf(answer, answered.errorCode) ?? ""));
    else this.#verdict = answered.isToolError ? TOOL_ERROR : OK;
  }

  noteError(code: string): void {
    this.#verdict = { outcome: "error", code };
  }

  /** The answer goes out: returns it as the client may see it. */
  answered(answer: Buffer, idLength: number): Buffer {
    const verdict = this.#verdict ?? verdictOf(answer, idLength);
    this.#end(verdict, answer.length);
    const { scrub } = this.#watch;
    if (verdict.outcome !== "error" || scrub === undefined) return answer;
    return Buffer.from(scrub(answer.toString("utf8")));
  }

  /** A long result has gone out. */
  streamed(bytes: number): void {
    this.#end(this.#verdict ?? OK, bytes);
  }

  failed(code: string): void {
    this.#end({ outcome: "error", code }, 0);
  }

  cancelled(): void {
    this.#end(CANCELLED, 0);
  }

  #end({ outcome, code }: Verdict, bytes: number): void {
    const upstream = this.#upstream;
    this.#watch.onEnd?.({ outcome, code, bytes, upstream, attempts: this.#attempts });
  }
}

/** Of an answer that the gateway wrote itself, whose layout is known. */
function verdictOf(answer: Buffer, idLength: number): Verdict {
  const start = BEFORE_ID + idLength;
  const [, code] = /^,"error":\{"code":(-?\d+)/.exec(answer.toString("latin1", start, start + 40)) ?? [];
  return code === undefined ? OK : { outcome: "error", code };
}

/** False when the gate has refused, and answered, the request. */
export function passGate(gate: Gate, exchange: Exchange): boolean {
  const { caller, era, message, envelope, name, headers } = exchange;
  const { method, meta, params } = envelope;
  const decision = gate.admit({
    caller,
    era,
    method,
    name,
    bytes: message.length,
    params: params.start === -1 ? undefined : message.subarray(params.start, params.end),
    meta: meta.start === -1 ? undefined : message.subarray(meta.start, meta.end),
    headers,
  });
  if (decision === undefined) return true;
  if (!("refuse" in decision)) {
    exchange.track = new RequestTrack(decision);
    return true;
  }
  exchange.reply(refusalMessage(exchange.id, decision), decision.refuse.status, decision.refuse.retryAfterMs);
  return false;
}

/** The error that the client gets. */
export function refusalMessage(id: Buffer, { refuse }: Refusal): Buffer {
  const { code, message, data, retryAfterMs } = refuse;
  return errorMessage(id, code, message, retryAfterMs === undefined ? data : { ...data, retryAfterMs });
}
