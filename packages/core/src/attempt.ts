// One attempt of a call: what the operation sees of it, and how it ends. It ends once; a result that comes later is dropped.
import type { Call } from "./call.ts";
import type { CallContext, Priority } from "./call-context.ts";
import type { CircuitOutcome } from "./circuit-state.ts";
import { AttemptTimeoutError, withoutStack } from "./errors.ts";
import type { TimerHandle } from "./timer-wheel.ts";

export class Attempt<T> implements CallContext {
  readonly attempt: number;
  /** A call inside this attempt; it is told of an abort directly, which saves a signal and its listener. */
  child: { cancel(reason: unknown): void } | undefined;
  /** Waits for a slot: the target knows nothing of it yet. */
  queued = false;
  aborted = false;
  reason: unknown;
  readonly #call: Call<T>;
  readonly #permit: number;
  #timer: TimerHandle | undefined;
  #startedAt = 0;
  #controller: AbortController | undefined;

  constructor(call: Call<T>, attempt: number, permit: number) {
    this.#call = call;
    this.attempt = attempt;
    this.#permit = permit;
  }

  get deadline(): number {
    return this.#call.deadline;
  }

  get key(): string | undefined {
    return this.#call.key;
  }

  get priority(): Priority | undefined {
    return this.#call.priority;
  }

  get request(): unknown {
    return this.#call.request;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.aborted) this.#controller.abort(this.reason);
    }
    return this.#controller.signal;
  }

  /** Arms the timer anew: at `limitMs` the attempt, or with `isDeadline` the whole call, has run out of time. */
  start(limitMs: number, isDeadline: boolean): void {
    const { plan } = this.#call;
    if (this.#timer !== undefined) plan.wheel.cancel(this.#timer);
    this.#timer = undefined;
    if (plan.measures) this.#startedAt = plan.clock.now();
    if (limitMs !== Infinity)
      this.#timer = isDeadline
        ? plan.wheel.schedule<Expiring>(limitMs, onDeadline, this)
        : plan.wheel.schedule<Expiring>(limitMs, onTimeout, this);
  }

  succeed(value: T): void {
    const call = this.#call;
    if (call.current !== this) return;
    const { breaker } = call.plan;
    let outcome: CircuitOutcome = "success";
    try {
      if (breaker !== undefined) outcome = breaker.outcomeOfValue(value);
      this.end(outcome);
      call.succeed(this.attempt, value);
    } catch (error) {
      call.crash(error);
    }
  }

  fail(error: unknown): void {
    const call = this.#call;
    if (call.current !== this) return;
    const { breaker } = call.plan;
    try {
      this.end(breaker === undefined ? "failure" : breaker.outcomeOfError(error));
      call.attemptFailed(this, "failure", error);
    } catch (thrown) {
      call.crash(thrown);
    }
  }

  /** As {@link fail}, and tells the operation to stop. */
  abandon(error: unknown): void {
    this.fail(error);
    this.abort(error);
  }

  abort(reason: unknown): void {
    this.aborted = true;
    this.reason = reason;
    this.#controller?.abort(reason);
    this.child?.cancel(reason);
  }

  end(outcome: CircuitOutcome): void {
    const call = this.#call;
    if (call.current !== this) return;
    const { plan } = call;
    call.current = undefined;
    if (this.#timer !== undefined) plan.wheel.cancel(this.#timer);
    const durationMs = plan.measures ? plan.clock.now() - this.#startedAt : 0;
    if (this.#permit !== 0) plan.breaker?.release(this.#permit, outcome, durationMs);
    plan.adaptive?.record?.(durationMs, outcome, this);
  }

  expire(): void {
    const timeoutMs = this.#timer?.delayMs ?? 0;
    this.abandon(withoutStack(() => new AttemptTimeoutError(timeoutMs, this.attempt)));
  }

  expireCall(): void {
    const call = this.#call;
    const error = call.deadlineError();
    const { breaker } = call.plan;
    try {
      if (this.queued) this.end("ignored");
      else this.end(breaker === undefined ? "failure" : breaker.outcomeOfError(error));
      call.deadlinePassed(this.attempt, error);
    } catch (thrown) {
      call.crash(thrown);
    }
    this.abort(error);
  }
}

interface Expiring {
  expire(): void;
  expireCall(): void;
}

function onTimeout(attempt: Expiring): void {
  attempt.expire();
}

function onDeadline(attempt: Expiring): void {
  attempt.expireCall();
}
