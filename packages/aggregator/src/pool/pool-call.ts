// One call on its way through a pool: picks an upstream, waits when there is none, fails over where that is safe, keeps
// the deadline, and ends in exactly one answer or error. A class, because one is made per call: it is the exchange,
// the timer's argument and the queue's entry at once.

import type { Lease } from "@fairlead/balancer";
import type { CircuitBreaker, RetryBudget, TimerHandle, TimerWheel } from "@fairlead/core";
import { type Caller, DEFAULT_PRIORITY, MAX_PRIORITY } from "../caller.ts";
import type { PoolEntry } from "../catalog/pool-catalog.ts";
import type { AttemptTrack } from "../client/gate.ts";
import type { Era } from "../era.ts";
import { AggregatorError, type AggregatorErrorCode, type AggregatorErrorFacts } from "../errors.ts";
import type { RoutingDecision } from "../router/router.ts";
import type {
  AnswerSink,
  ServerRequest,
  UpstreamConnection,
  UpstreamExchange,
  UpstreamFailure,
} from "../upstream/connection.ts";
import type { RequestTarget } from "../upstream/request-target.ts";
import { type Envelope, integerOf } from "../wire/envelope.ts";
import type { Printed } from "../wire/splice.ts";
import type { TraceContext } from "../wire/trace-context.ts";
import type { Waiting } from "./admission.ts";
import type { RequestOrigin } from "./client-sessions.ts";
import type { PoolMember } from "./member.ts";
import {
  type AttemptOutcome,
  CANCELLED,
  HEDGE_LOSER,
  outcomeOfError,
  outcomeOfFailure,
  SUCCESS,
  TIMEOUT,
} from "./outcome.ts";
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
  encode(id: number, target: RequestTarget, trace: TraceContext | undefined): Printed;
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

/** One upstream as a call uses it. */
export interface Attempt {
  readonly lease: Lease;
  readonly connection: UpstreamConnection;
  readonly member: PoolMember;
  readonly breaker: CircuitBreaker;
  readonly permit: number;
  /** On the pool's clock, in milliseconds. */
  readonly startedAt: number;
}

/** What a call needs of its pool. */
export interface PoolCallOwner {
  readonly namespace: string;
  readonly queueTimeoutMs: number;
  readonly budget: RetryBudget;
  readonly wheel: TimerWheel;
  readonly now: () => number;
  /** Whether HTTP 503 says that a call was not executed. */
  readonly is503Rejection: boolean;
  /**
   * Leases an upstream, or says why there is none: worth waiting for, or not; or, of a call that was turned away everywhere,
   * that it is too early to ask again.
   */
  attempt(call: PoolCall): Attempt | "wait" | "pause" | AggregatorError;
  /** Whether calls wait, so that a further one has to get in line. */
  readonly isQueueing: boolean;
  /** Whether any upstream is well, if perhaps busy. */
  readonly isServing: boolean;
  /** When it is worth trying again, in milliseconds. */
  retryAfterMs(): number;
  /** Queues the call; false when the queue is full. */
  enqueue(call: PoolCall): boolean;
  dequeue(call: PoolCall): void;
  onFailure(attempt: Attempt, failure: UpstreamFailure): void;
  onAttemptEnd(attempt: Attempt, outcome: AttemptOutcome): void;
  /** The call has ended. */
  onEnd(call: PoolCall, end: CallEnd): void;
}

/** Before a call goes to upstreams again that had no room and did not say for how long, in milliseconds. */
const OVERLOAD_PAUSE_MS = 250;
/** The first pause before a call goes back to an upstream that broke under it; doubles from there. */
const BROKEN_PAUSE_MS = 100;

/** How a call ends: `server-error` is an answer, too, but one that says that the server is at fault. */
export type CallEnd = "answered" | "server-error" | "failed" | "cancelled";

export class PoolCall implements UpstreamExchange, Waiting {
  readonly request: PoolRequest;
  /** Its number in its pool; set once it is there. */
  id = 0;
  /** Upstreams that this call has failed on. */
  readonly tried: string[] = [];
  /** The upstream whose answer was passed on. */
  answeredBy: string | undefined = undefined;
  queuedAt = 0;
  group = "";
  isGranted = false;
  /** Whether it may go to an upstream again that it has failed on: not to one that has just said that it has no room. */
  mayReturn = true;
  readonly #owner: PoolCallOwner;
  /** On the pool's clock, in milliseconds. */
  readonly startedAt: number;
  /** When the call ends without an answer; progress moves it. */
  #deadlineAt: number;
  #attempts = 0;
  #attemptAt = 0;
  #trace: TraceContext | undefined;
  #current: Attempt | undefined;
  #upstreamId = 0;
  #timer: TimerHandle | undefined;
  #waiting = false;
  #paused = false;
  #lastFailure: UpstreamFailure | undefined;
  /** Whether any attempt so far may have been executed. */
  #mayHaveRun = false;
  #ended = false;
  /** Whether the client has the beginning of the answer. */
  #hasBegun = false;

  constructor(owner: PoolCallOwner, request: PoolRequest) {
    this.#owner = owner;
    this.request = request;
    this.startedAt = owner.now();
    this.#deadlineAt = this.startedAt + request.timeoutMs;
  }

  /** Whether it waits for an upstream to become available. */
  get isWaiting(): boolean {
    return this.#waiting;
  }

  get method(): string {
    return this.request.method;
  }

  /** Whom queues are fair between. */
  get key(): string {
    return this.request.caller.id;
  }

  get priority(): number {
    const { priority } = this.request;
    return priority >= 0 && priority <= MAX_PRIORITY ? Math.round(priority) : DEFAULT_PRIORITY;
  }

  /** The upstream that has the call now. */
  get member(): PoolMember | undefined {
    return this.#current?.member;
  }

  start(): void {
    this.#owner.budget.deposit();
    this.#arm(this.#leftMs());
    this.#next();
  }

  /** An upstream may have become available; true when the call no longer waits. */
  wake(): boolean {
    if (!this.#waiting) return true;
    const attempt = this.#owner.attempt(this);
    if (attempt === "wait" || attempt === "pause") return false;
    this.#waiting = false;
    this.#owner.dequeue(this);
    this.#arm(this.#leftMs());
    this.#take(attempt);
    return true;
  }

  /** There is no place in the queue for it, or not any more. */
  displace(): void {
    const retryAfterMs = this.#owner.retryAfterMs();
    this.#fail(
      "QUEUE_FULL",
      `Too many calls wait for an upstream of ${this.#owner.namespace}; try again in ${inSeconds(retryAfterMs)} s.`,
      { outcome: "not-executed", retryAfterMs },
    );
  }

  encode(id: number, target: RequestTarget): Printed {
    return this.request.encode(id, target, this.#trace);
  }

  headers(): readonly string[] {
    return this.request.headers();
  }

  traceFields(): readonly string[] {
    return this.request.traceFields(this.#trace);
  }

  onNotification(message: Buffer, envelope: Envelope): void {
    if (envelope.method === "notifications/progress") this.#extend(this.request.timeoutMs);
    this.request.onNotification(message, envelope);
  }

  onPause(retryMs: number): void {
    this.request.onPause?.(retryMs);
  }

  /** The client's answer may take a person's time: until it comes, only the longest time counts. */
  onServerRequest(request: ServerRequest): void {
    this.#extend(this.request.maxTimeoutMs);
    this.request.onServerRequest({
      ...request,
      reply: (answer) => {
        if (!this.#ended) this.#extend(this.request.timeoutMs);
        request.reply(answer);
      },
    });
  }

  onAnswer(message: Buffer, envelope: Envelope): void {
    const isError = envelope.kind === "error";
    const code = isError ? integerOf(message, envelope.errorCode) : undefined;
    if (isHopError(code) && this.#current?.connection.target.era === "modern") {
      this.onFailure(refusalOf(message));
      return;
    }
    this.answeredBy = this.member?.id;
    const outcome = isError ? outcomeOfError(code) : SUCCESS;
    this.#settle(outcome);
    if (this.#end(outcome.breaker === "failure" ? "server-error" : "answered"))
      this.request.onAnswer(message, envelope, this.answeredBy ?? "");
  }

  onLongAnswer(resume: () => void): AnswerSink | undefined {
    const era = this.#current?.connection.target.era;
    const sink = era === undefined ? undefined : this.request.onLongAnswer?.(era, resume);
    if (sink === undefined) return undefined;
    return {
      id: sink.id,
      begin: () => {
        this.#hasBegun = true;
        sink.begin();
      },
      write: (part) => {
        this.#extend(this.request.timeoutMs);
        return sink.write(part);
      },
      end: () => {
        this.#settle(SUCCESS);
        if (this.#end("answered")) sink.end();
      },
    };
  }

  onFailure(reported: UpstreamFailure): void {
    const attempt = this.#current;
    if (attempt === undefined) return;
    const failure: UpstreamFailure =
      reported.status === 503 && this.#owner.is503Rejection ? { ...reported, executed: "no" } : reported;
    if (failure.kind === "overload" || isBroken(failure)) this.mayReturn = false;
    const upstream = attempt.member.id;
    this.#lastFailure = failure;
    if (failure.executed === "maybe") this.#mayHaveRun = true;
    this.tried.push(upstream);
    this.#settle(outcomeOfFailure(failure));
    this.#owner.onFailure(attempt, failure);
    if (this.#ended) return;
    if (this.#hasBegun) {
      this.#fail("CONNECTION_FAILED", `The answer to ${this.request.subject} broke off: ${failure.message}`, {
        upstream,
        outcome: "unknown",
      });
    } else if (failure.executed === "maybe" && !this.request.repeatable) {
      this.#fail(
        "OUTCOME_UNKNOWN",
        `${this.request.subject} was sent to ${upstream}, but no answer came: ${failure.message}. It may have been executed; check before you repeat it.`,
        { upstream, outcome: "unknown" },
      );
    } else if (failure.kind === "refused") {
      this.#fail("CONNECTION_FAILED", `${upstream} refused ${this.request.subject}: ${failure.message}`, {
        upstream,
        outcome: "not-executed",
        ...(failure.rpcError === undefined ? {} : { upstreamError: failure.rpcError }),
      });
    } else if (
      this.#attempts >= this.request.policy.maxAttempts ||
      (failure.executed === "maybe" && !this.#owner.budget.tryWithdraw())
    ) {
      this.#exhausted();
    } else {
      this.#next();
    }
  }

  /** The client no longer wants an answer. */
  cancel(reason: string, outcome: AttemptOutcome = CANCELLED): void {
    if (this.#ended) return;
    this.#dropAttempt(reason, outcome);
    // Whoever lost a race has its answer, from another attempt.
    this.#end(outcome === HEDGE_LOSER ? "answered" : "cancelled");
  }

  /** The upstream that has the call stopped answering: a call that may be repeated goes elsewhere. */
  abandon(reason: string): void {
    if (this.#current === undefined || !this.request.repeatable || this.#hasBegun) return;
    this.#current.connection.cancel(this.#upstreamId, reason);
    this.onFailure({ executed: "maybe", kind: "transport", message: reason });
  }

  /** Takes a call that may be repeated to another upstream; false when it goes on where it is. */
  move(reason: string): boolean {
    const attempt = this.#current;
    if (attempt === undefined || !this.request.repeatable || this.#hasBegun) return false;
    if (this.#attempts >= this.request.policy.maxAttempts) return false;
    this.#mayHaveRun = true;
    this.tried.push(attempt.member.id);
    this.#dropAttempt(reason, CANCELLED);
    this.#next();
    return true;
  }

  /** Ends a call that waits, or that must not go on. */
  abort(error: AggregatorError): void {
    if (this.#ended) return;
    this.#dropAttempt(error.message, CANCELLED);
    if (this.#end("failed")) this.request.onError(error);
  }

  #next(): void {
    // Who has to pause does so outside of the queue: there it would stand in the way of others.
    const attempt = this.mayReturn && this.#owner.isQueueing ? "wait" : this.#owner.attempt(this);
    if (attempt === "pause") {
      this.#pause();
      return;
    }
    if (attempt !== "wait") {
      this.#take(attempt);
      return;
    }
    this.mayReturn = true;
    if (!this.#owner.enqueue(this)) {
      this.displace();
      return;
    }
    this.#waiting = true;
    this.#arm(Math.min(this.#owner.queueTimeoutMs, this.#leftMs()));
  }

  /**
   * Only upstreams are left that have failed it. Where they had no room: asks again when they said, if that is soon. Where
   * they broke: gives their end time to be noticed, so that the call then waits for the next process or connection.
   */
  #pause(): void {
    const failure = this.#lastFailure;
    const delayMs =
      failure !== undefined && isBroken(failure)
        ? BROKEN_PAUSE_MS * 2 ** (this.#attempts - 1)
        : (failure?.retryAfterMs ?? OVERLOAD_PAUSE_MS);
    if (delayMs > Math.min(this.#owner.queueTimeoutMs, this.#leftMs())) {
      this.#exhausted();
      return;
    }
    this.#paused = true;
    this.#arm(delayMs);
  }

  #take(attempt: Attempt | AggregatorError): void {
    if (attempt instanceof AggregatorError) {
      this.#fail(attempt.code, attempt.message, attempt.facts);
      return;
    }
    this.#current = attempt;
    this.#attempts++;
    if (this.request.track !== undefined) {
      this.#attemptAt = this.#owner.now();
      this.#trace = this.request.track.attempting();
    }
    this.#upstreamId = attempt.connection.send(this);
  }

  /** The time is up: for an upstream to become available, or for an answer. */
  onTimer(): void {
    if (this.#ended) return;
    if (this.#waiting) {
      this.#exhausted();
      return;
    }
    if (this.#paused) {
      this.#paused = false;
      this.mayReturn = true;
      this.#arm(this.#leftMs());
      this.#next();
      return;
    }
    const upstream = this.member?.id;
    const timeoutMs = Math.round(this.#owner.now() - this.startedAt);
    this.#dropAttempt("timeout", TIMEOUT);
    this.#fail("DEADLINE_EXCEEDED", `${this.request.subject} got no answer within ${timeoutMs / 1_000} s.`, {
      ...(upstream === undefined ? {} : { upstream }),
      timeoutMs,
      outcome: "unknown",
    });
  }

  #exhausted(): void {
    const failure = this.#lastFailure;
    if (failure === undefined && this.#owner.isServing) {
      const retryAfterMs = this.#owner.retryAfterMs();
      this.#fail(
        "QUEUE_TIMEOUT",
        `Every upstream of ${this.#owner.namespace} was busy for ${inSeconds(this.#owner.now() - this.queuedAt)} s; try again in ${inSeconds(retryAfterMs)} s.`,
        { outcome: "not-executed", retryAfterMs },
      );
      return;
    }
    if (failure === undefined) {
      this.#fail(
        "NO_SERVERS_AVAILABLE",
        `No upstream of ${this.#owner.namespace} is available for ${this.request.subject}; see its state in the gateway's status.`,
        {
          outcome: "not-executed",
          retryAfterMs: this.#owner.queueTimeoutMs,
        },
      );
      return;
    }
    this.#fail(
      "FAILOVER_EXHAUSTED",
      `${this.request.subject} failed on ${this.tried.join(", ")}; the last failure: ${failure.message}`,
      {
        outcome: "not-executed",
        ...(failure.retryAfterMs === undefined ? {} : { retryAfterMs: failure.retryAfterMs }),
      },
      failure.cause,
    );
  }

  #fail(code: AggregatorErrorCode, message: string, facts: AggregatorErrorFacts, cause?: unknown): void {
    const all = { pool: this.#owner.namespace, attempts: this.#attempts, ...facts };
    // What the last attempt says does not undo what an earlier one may have done.
    if (this.#mayHaveRun && all.outcome === "not-executed") all.outcome = "unknown";
    if (this.#end("failed")) this.request.onError(new AggregatorError(code, message, all, { cause }));
  }

  #dropAttempt(reason: string, outcome: AttemptOutcome): void {
    this.#current?.connection.cancel(this.#upstreamId, reason);
    this.#settle(outcome);
  }

  #settle(outcome: AttemptOutcome): void {
    const current = this.#current;
    if (current === undefined) return;
    this.#current = undefined;
    current.breaker.release(current.permit, outcome.breaker);
    current.lease.release(outcome.lease);
    this.#owner.onAttemptEnd(current, outcome);
    this.request.track?.attempted({
      upstream: current.lease.endpointId,
      outcome: outcome.lease,
      startedAt: this.#attemptAt,
      endedAt: this.#owner.now(),
      isHedge: false,
      trace: this.#trace,
    });
  }

  /** True for the first end only. */
  #end(end: CallEnd): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    if (this.#timer !== undefined) this.#owner.wheel.cancel(this.#timer);
    if (this.#waiting) this.#owner.dequeue(this);
    this.#waiting = false;
    this.#owner.onEnd(this, end);
    return true;
  }

  /** There is time for more, within the bound. */
  #extend(byMs: number): void {
    this.#deadlineAt = Math.min(this.#owner.now() + byMs, this.startedAt + this.request.maxTimeoutMs);
    this.#arm(this.#leftMs());
  }

  #arm(delayMs: number): void {
    if (this.#timer !== undefined) this.#owner.wheel.cancel(this.#timer);
    this.#timer = this.#owner.wheel.schedule<PoolCall>(Math.max(delayMs, 0), expire, this);
  }

  #leftMs(): number {
    return this.#deadlineAt - this.#owner.now();
  }
}

function inSeconds(ms: number): number {
  return Math.ceil(ms / 100) / 10;
}

/** HeaderMismatch, MissingRequiredClientCapability, UnsupportedProtocolVersion: about the gateway's hop, not the client's. */
function isHopError(code: number | undefined): boolean {
  return code !== undefined && code <= -32_020 && code >= -32_022;
}

function isBroken({ kind }: UpstreamFailure): boolean {
  return kind === "transport" || kind === "closed";
}

function refusalOf(message: Buffer): UpstreamFailure {
  const { error } = JSON.parse(message.toString("utf8")) as { error: UpstreamFailure["rpcError"] };
  const text = error?.message ?? "";
  return {
    executed: "no",
    kind: "refused",
    message: text,
    ...(error === undefined ? {} : { rpcError: error }),
  };
}

function expire(call: PoolCall): void {
  call.onTimer();
}
