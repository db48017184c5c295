// One call on its way through a pool: picks an upstream, waits when there is none, fails over where that is safe, keeps
// the deadline, and ends in exactly one answer or error. A class, because one is made per call: it is the exchange,
// the timer's argument and the queue's entry at once.
import type { TimerHandle } from "@fairlead/core";
import { DEFAULT_PRIORITY, MAX_PRIORITY } from "../caller.ts";
import { AggregatorError } from "../errors.ts";
import type { AnswerSink, ServerRequest, UpstreamExchange, UpstreamFailure } from "../upstream/connection.ts";
import type { RequestTarget } from "../upstream/request-target.ts";
import { type Envelope, integerOf } from "../wire/envelope.ts";
import type { Spliced } from "../wire/splice.ts";
import type { TraceContext } from "../wire/trace-context.ts";
import type { Waiting } from "./admission.ts";
import { type Breakage, breakageOf, isBreakage, isBroken, NO_BREAKAGES } from "./breakage.ts";
import {
  brokenOff,
  type CallFault,
  deadlineExceeded,
  failoverExhausted,
  noServers,
  outcomeUnknown,
  queueFull,
  queueTimeout,
  refused,
} from "./call-errors.ts";
import { isHopError, refusalOf } from "./hop-error.ts";
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
import type { Attempt, CallEnd, PoolCallOwner } from "./pool-call-owner.ts";
import type { PoolRequest } from "./pool-request.ts";
import { isSpent, pauseMs } from "./retry.ts";

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
  /** Attempts whose connections broke; none for nearly all calls. */
  #breakages: readonly Breakage[] = NO_BREAKAGES;
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
    this.#fail(queueFull(this.#owner.namespace, this.#owner.retryAfterMs()));
  }

  encode(id: number, target: RequestTarget): Buffer | Spliced {
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
    const broke = isBreakage(failure);
    if (isBroken(failure) || failure.kind === "overload") this.mayReturn = false;
    const upstream = attempt.member.id;
    this.#lastFailure = failure;
    if (failure.executed === "maybe") this.#mayHaveRun = true;
    if (broke) this.#breakages = [...this.#breakages, breakageOf(attempt, failure, this.#owner.now())];
    this.tried.push(upstream);
    this.#settle(outcomeOfFailure(failure));
    this.#owner.onFailure(attempt, failure);
    if (this.#ended) return;
    const { subject, repeatable } = this.request;
    if (this.#hasBegun) this.#fail(brokenOff(subject, upstream, failure));
    else if (failure.executed === "maybe" && !repeatable)
      this.#fail(outcomeUnknown(subject, upstream, failure));
    else if (failure.kind === "refused") this.#fail(refused(subject, upstream, failure));
    else if (this.#isSpent && !broke) this.#exhausted();
    else if (failure.executed === "maybe" && !this.#owner.budget.tryWithdraw()) this.#exhausted();
    // Whether the server is gone, and how many calls with it, shows in a moment.
    else if (this.#isSpent) this.#pause();
    else this.#next();
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
    if (attempt === undefined || !this.request.repeatable || this.#hasBegun || this.#isSpent) return false;
    this.#mayHaveRun = true;
    this.tried.push(attempt.member.id);
    this.#dropAttempt(reason, CANCELLED);
    this.#next();
    return true;
  }

  /** The upstream that it pauses for is known to be gone: there is nothing to wait for but the next one. */
  resume(): void {
    if (this.#paused && this.#lastFailure !== undefined && isBroken(this.#lastFailure)) this.#endPause();
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
    if (attempt === "pause") this.#pause();
    else if (attempt === "wait") this.#wait();
    else this.#take(attempt);
  }

  #wait(): void {
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
    const delayMs = pauseMs(this.#lastFailure, this.#attempts);
    this.#paused = delayMs <= Math.min(this.#owner.queueTimeoutMs, this.#leftMs());
    if (this.#paused) this.#arm(delayMs);
    else this.#exhausted();
  }

  #endPause(): void {
    this.#paused = false;
    this.mayReturn = true;
    this.#arm(this.#leftMs());
    if (this.#isSpent) this.#exhausted();
    else this.#next();
  }

  #take(attempt: Attempt | AggregatorError): void {
    if (attempt instanceof AggregatorError) {
      this.#fail(attempt);
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
    if (this.#waiting) this.#exhausted();
    else if (this.#paused) this.#endPause();
    else this.#late();
  }

  #late(): void {
    const upstream = this.member?.id;
    const timeoutMs = Math.round(this.#owner.now() - this.startedAt);
    this.#dropAttempt("timeout", TIMEOUT);
    this.#fail(deadlineExceeded(this.request.subject, upstream, timeoutMs));
  }

  get #isSpent(): boolean {
    return isSpent(this.#attempts, this.request.policy.maxAttempts, this.#breakages);
  }

  #exhausted(): void {
    const { namespace, queueTimeoutMs, isServing } = this.#owner;
    const { subject } = this.request;
    const failure = this.#lastFailure;
    if (failure !== undefined) this.#fail(failoverExhausted(subject, this.tried, failure));
    else if (!isServing) this.#fail(noServers(namespace, subject, queueTimeoutMs));
    else this.#fail(queueTimeout(namespace, this.#owner.now() - this.queuedAt, this.#owner.retryAfterMs()));
  }

  #fail({ code, message, facts, cause }: CallFault): void {
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

function expire(call: PoolCall): void {
  call.onTimer();
}
