// One call under deadline, retry, breaker and attempt timeout, as a single state machine: layers of async functions
// would cost half as much again. A call that succeeds makes no AbortController, no timer of the system and no error.
import { Scope } from "./abort-scope.ts";
import { Attempt } from "./attempt.ts";
import type { Bulkhead } from "./bulkhead.ts";
import type { CallContext, CallOptions, Operation, Priority } from "./call-context.ts";
import type { AttemptEvent, CallPlan } from "./call-plan.ts";
import type { CircuitBreaker } from "./circuit-breaker.ts";
import {
  CircuitOpenError,
  DeadlineExceededError,
  RetriesExhaustedError,
  type RetryLimit,
  withoutStack,
} from "./errors.ts";
import { outcomeForSlot, type Permit } from "./permit.ts";
import { rejectLater } from "./reject-later.ts";
import { type RetryPlan, retryAfterOf } from "./retry.ts";
import { RootContext } from "./root-context.ts";

/** Runs a call on its own (`options`), or as a part of another one (`parent`). */
export function runCall<T>(
  plan: CallPlan,
  operation: Operation<T>,
  options: CallOptions | undefined,
  parent: CallContext | undefined,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const call = new Call(plan, operation, options, parent, resolve, reject);
    try {
      call.begin();
    } catch (error) {
      call.crash(error);
    }
  });
}

export class Call<T> {
  readonly plan: CallPlan;
  deadline: number = Infinity;
  /** The attempt that runs; none while the call waits for the next one, or after its end. */
  current: Attempt<T> | undefined;
  readonly #operation: Operation<T>;
  /** The caller's wishes, or the call that this one is a part of. */
  readonly #from: CallOptions | CallContext | undefined;
  readonly #isPart: boolean;
  readonly #resolve: (value: T) => void;
  readonly #reject: (reason: unknown) => void;
  /** The promise has been handed out, so that its rejection will find a handler. */
  #begun = false;
  #signal: AbortSignal | Scope | undefined;
  #startedAt = 0;
  #attempts = 0;
  #delayMs: number | undefined;
  #errors: unknown[] | undefined;
  #waiting: AbortController | undefined;

  constructor(
    plan: CallPlan,
    operation: Operation<T>,
    options: CallOptions | undefined,
    parent: CallContext | undefined,
    resolve: (value: T) => void,
    reject: (reason: unknown) => void,
  ) {
    this.plan = plan;
    this.#operation = operation;
    this.#from = parent ?? options;
    this.#isPart = parent !== undefined;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  get key(): string | undefined {
    return this.#from?.key;
  }

  get priority(): Priority | undefined {
    return this.#from?.priority;
  }

  get request(): unknown {
    return this.#from?.request;
  }

  begin(): void {
    const { timeoutMs, retry, deposits, clock } = this.plan;
    if (this.#from !== undefined && !this.#listen(this.#from)) return;
    const given = this.#from?.deadline ?? Infinity;
    if (
      timeoutMs !== Infinity ||
      given !== Infinity ||
      (retry !== undefined && retry.maxElapsedMs !== Infinity)
    ) {
      this.#startedAt = clock.now();
      this.deadline = Math.min(given, this.#startedAt + timeoutMs);
    }
    if (deposits) retry?.budget?.deposit();
    this.#startAttempt(this.deadline - this.#startedAt);
    this.#begun = true;
  }

  /** The caller's signal aborted. */
  handleEvent(): void {
    this.cancel(this.#signal?.reason);
  }

  cancel(reason: unknown): void {
    const attempt = this.current;
    this.#waiting?.abort();
    try {
      attempt?.end("ignored");
      attempt?.abort(reason);
      if (attempt !== undefined) this.#report(attempt.attempt, "cancelled", reason);
      this.fail(reason);
    } catch (error) {
      this.crash(error);
    }
  }

  /** A hook, a classifier or a timeout source threw: the call fails with that, and keeps no permit. */
  crash(error: unknown): void {
    try {
      this.current?.end("ignored");
    } finally {
      this.fail(error);
    }
  }

  succeed(attempt: number, value: T): void {
    if (this.plan.onEvent !== undefined) this.#report(attempt, "success");
    this.#unlisten();
    this.#resolve(value);
  }

  fail(reason: unknown): void {
    this.#unlisten();
    if (this.#begun) this.#reject(reason);
    else rejectLater(this.#reject, reason);
  }

  attemptFailed(attempt: Attempt<T>, outcome: "failure" | "refused", error: unknown): void {
    const { retry } = this.plan;
    const next = retry === undefined ? undefined : this.#planNext(retry, attempt, error);
    this.#report(attempt.attempt, outcome, error, typeof next === "number" ? next : undefined);
    if (typeof next === "number") this.#startAfter(next);
    else this.fail(next === undefined ? error : this.#exhausted(next, error));
  }

  deadlineError(): DeadlineExceededError {
    const cause = this.#errors && new AggregateError(this.#errors, `${this.#errors.length} attempts failed`);
    const timeoutMs = Math.max(0, this.deadline - this.#startedAt);
    return withoutStack(() => new DeadlineExceededError(timeoutMs, cause && { cause }));
  }

  deadlinePassed(attempt: number, error: DeadlineExceededError): void {
    this.#report(attempt, "failure", error);
    this.fail(error);
  }

  #startAttempt(remainingMs: number): void {
    const { breaker } = this.plan;
    if (remainingMs <= 0) {
      this.fail(this.deadlineError());
      return;
    }
    this.#attempts += 1;
    const permit = breaker === undefined ? 0 : breaker.tryAcquire();
    if (breaker === undefined || permit !== 0) this.#startWith(permit, remainingMs);
    else if (breaker.queues) this.#waitFor(breaker);
    else this.#refused(refusalOf(breaker));
  }

  #startWith(permit: number, remainingMs: number): void {
    const { bulkhead } = this.plan;
    const attempt = new Attempt(this, this.#number(), permit);
    this.current = attempt;
    const slot = bulkhead?.tryAcquire();
    if (bulkhead === undefined || slot !== undefined) this.#run(attempt, remainingMs, slot);
    else this.#waitForSlot(attempt, bulkhead, remainingMs);
  }

  #waitForSlot(attempt: Attempt<T>, bulkhead: Bulkhead, remainingMs: number): void {
    // The deadline is this call's to keep; the attempt's own time begins when it has its slot.
    attempt.queued = true;
    attempt.start(remainingMs, true);
    const { signal, key, priority } = attempt;
    bulkhead.acquire({ signal, key, priority }).then(
      (slot) => {
        if (this.current === attempt) this.#guarded(() => this.#run(attempt, this.#remainingMs(), slot));
        else slot.release("ignored");
      },
      (error: unknown) => attempt.fail(error),
    );
  }

  #guarded(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.crash(error);
    }
  }

  #refused(error: unknown): void {
    const attempt = this.#number();
    if (this.plan.retry?.asksAboutRefusals === true) {
      this.attemptFailed(new Attempt(this, attempt, 0), "refused", error);
      return;
    }
    this.#report(attempt, "refused", error);
    this.fail(error);
  }

  /** The breaker is half-open and may have room for calls that wait. */
  #waitFor(breaker: CircuitBreaker): void {
    const { wheel } = this.plan;
    const waiting = new AbortController();
    this.#waiting = waiting;
    const remainingMs = this.#remainingMs();
    const timer =
      remainingMs === Infinity
        ? undefined
        : wheel.schedule(Math.max(0, remainingMs), () => waiting.abort(this.deadlineError()));
    const done = (next: () => void): void => {
      if (timer !== undefined) wheel.cancel(timer);
      this.#waiting = undefined;
      this.#guarded(next);
    };
    breaker.acquire(waiting).then(
      (permit) =>
        done(() => {
          if (waiting.signal.aborted) breaker.release(permit, "ignored");
          else this.#startWith(permit, this.#remainingMs());
        }),
      (error: unknown) => done(() => (waiting.signal.aborted ? this.fail(error) : this.#refused(error))),
    );
  }

  #remainingMs(): number {
    return this.deadline === Infinity ? Infinity : this.deadline - this.plan.clock.now();
  }

  #run(attempt: Attempt<T>, remainingMs: number, slot: Permit | undefined): void {
    const { attemptTimeoutMs, adaptive } = this.plan;
    let result: PromiseLike<T> | T;
    attempt.queued = false;
    try {
      const limitMs = adaptive === undefined ? attemptTimeoutMs : adaptive.timeoutMs(attempt);
      attempt.start(Math.min(limitMs, remainingMs), remainingMs <= limitMs);
    } catch (error) {
      slot?.release("ignored");
      throw error;
    }
    try {
      result = this.#operation(attempt);
    } catch (error) {
      attempt.fail(error);
      slot?.release(outcomeForSlot(error, attempt));
      return;
    }
    // The slot is given back when the operation has ended, even if the attempt has long been given up.
    if (isThenable(result))
      result.then(
        (value) => {
          attempt.succeed(value);
          slot?.release();
        },
        (error: unknown) => {
          attempt.fail(error);
          slot?.release(outcomeForSlot(error, attempt));
        },
      );
    else {
      attempt.succeed(result);
      slot?.release();
    }
  }

  /** Without a retry of its own, a part of a call goes by the attempts of the whole. */
  #number(): number {
    return this.#isPart && this.plan.retry === undefined
      ? ((this.#from as CallContext).attempt ?? 1)
      : this.#attempts;
  }

  /** Milliseconds to the next attempt, or what there is none left of, or nothing when the error is not for trying again. */
  #planNext(retry: RetryPlan, context: Attempt<T>, error: unknown): number | RetryLimit | undefined {
    this.#errors ??= [];
    this.#errors.push(error);
    const { attempt } = context;
    if (!retry.shouldRetry(error, context)) return undefined;
    if (attempt >= retry.maxAttempts) return "attempts";
    const delayMs = Math.max(retry.backoff.delayMs(attempt, this.#delayMs), retryAfterOf(error));
    const end = Math.min(this.deadline, this.#startedAt + retry.maxElapsedMs);
    if (end !== Infinity && this.plan.clock.now() + delayMs >= end) return "time";
    if (retry.budget !== undefined && !retry.budget.tryWithdraw()) return "budget";
    this.#delayMs = delayMs;
    return delayMs;
  }

  #exhausted(limit: RetryLimit, error: unknown): unknown {
    const errors = this.#errors ?? [];
    return errors.length < 2 ? error : withoutStack(() => new RetriesExhaustedError(limit, errors));
  }

  #startAfter(delayMs: number): void {
    const waiting = new AbortController();
    const { clock } = this.plan;
    this.#waiting = waiting;
    clock.sleep(delayMs, waiting.signal).then(
      () => {
        // The caller may have gone between the end of the sleep and this turn.
        if (waiting.signal.aborted) return;
        this.#waiting = undefined;
        this.#guarded(() => this.#startAttempt(this.#remainingMs()));
      },
      (error: unknown) => this.fail(error),
    );
  }

  #report(attempt: number, outcome: AttemptEvent["outcome"], error?: unknown, retryInMs?: number): void {
    const { onEvent } = this.plan;
    if (onEvent === undefined) return;
    onEvent({
      type: "attempt",
      attempt,
      key: this.key,
      outcome,
      ...(outcome === "success" ? {} : { error }),
      ...(retryInMs === undefined ? {} : { retryInMs }),
    });
  }

  /** False when the caller has gone already; the call is then over. */
  #listen(from: CallOptions | CallContext): boolean {
    if (from instanceof Attempt && from.child === undefined && !from.aborted) {
      from.child = this;
      return true;
    }
    const given = from instanceof RootContext ? from.given : from.signal;
    if (given === undefined) return true;
    const signal = given instanceof Scope || !("signal" in given) ? given : given.signal;
    if (signal.aborted) rejectLater(this.#reject, signal.reason);
    else if (signal instanceof Scope) signal.add(this);
    else signal.addEventListener("abort", this);
    this.#signal = signal;
    return !signal.aborted;
  }

  #unlisten(): void {
    const signal = this.#signal;
    if (signal instanceof Scope) signal.remove(this);
    else if (signal !== undefined) signal.removeEventListener("abort", this);
    else if (this.#from instanceof Attempt && this.#from.child === this) this.#from.child = undefined;
  }
}

function refusalOf(breaker: CircuitBreaker): CircuitOpenError {
  const retryAfterMs = breaker.retryAfterMs();
  return withoutStack(() => new CircuitOpenError(retryAfterMs));
}

function isThenable<T>(value: PromiseLike<T> | T): value is PromiseLike<T> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
