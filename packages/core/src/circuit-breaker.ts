// Stops calling what keeps failing, and finds out with a few probes whether it works again (Nygard, "Release It!"). A
// permit carries the generation that it was given in, so that a late result cannot change a state it does not belong to.
import {
  type CircuitBreakerOptions,
  type CircuitSettings,
  type RatioRule,
  settingsOf,
} from "./circuit-settings.ts";
import { type CircuitSnapshot, checkSnapshot } from "./circuit-snapshot.ts";
import type { CircuitOutcome, CircuitReason, CircuitState } from "./circuit-state.ts";
import { CircuitOpenError, isRefusal, withoutStack } from "./errors.ts";
import { createHalfOpenQueue, type HalfOpenQueue } from "./half-open-queue.ts";
import { rejectLater } from "./reject-later.ts";
import { createSlidingWindow, type SlidingWindow } from "./sliding-window.ts";

/** Options of one call through a breaker. */
export interface ExecuteOptions {
  /** Passed to the function; a call that is aborted by it counts neither as failure nor as success. */
  readonly signal?: AbortSignal;
}

/** Lets calls through, or not, by how earlier ones went. */
export interface CircuitBreaker {
  /** Reading it moves a breaker whose reset timeout is over to half-open. */
  readonly state: CircuitState;
  /** Whether {@link CircuitBreaker.release} needs the duration (a slow-call rule is set). */
  readonly needsDuration: boolean;
  /** Whether {@link CircuitBreaker.acquire} may wait (`halfOpenMaxQueue` is above 0). */
  readonly queues: boolean;
  /** A permit (above 0) for one call, or 0: the call must not be made. A permit is given back exactly once. */
  tryAcquire(): number;
  /**
   * As {@link CircuitBreaker.tryAcquire}, but up to `halfOpenMaxQueue` calls wait for the verdict of the probes. When the
   * breaker closes they are let go a few at a time: two more with each answer, so that they do not fall on the target at once.
   *
   * @throws {@link CircuitOpenError} when the breaker refuses, also after the wait.
   * @throws the signal's reason when it aborts.
   */
  acquire(options?: ExecuteOptions): Promise<number>;
  /**
   * Gives a permit back with the call's outcome. A permit from before the last state change counts for nothing any more.
   *
   * @param durationMs - how long the call took; only a slow-call rule reads it
   */
  release(permit: number, outcome: CircuitOutcome, durationMs?: number): void;
  /** What an error means to this breaker. */
  outcomeOfError(error: unknown): CircuitOutcome;
  /** What a returned value means to this breaker. */
  outcomeOfValue(value: unknown): CircuitOutcome;
  /** Until a call may pass, in milliseconds: 0 unless open, `Infinity` when only a person or health check ends it. */
  retryAfterMs(): number;
  /** Opens it until `forceClose` or `reset`. */
  forceOpen(reason: string): void;
  /** Closes it with empty counts. */
  forceClose(reason?: string): void;
  /** Back to the beginning: closed, empty counts, no memory of earlier trips. */
  reset(): void;
  /**
   * Runs a health check, without waiting for the reset timeout, and counts it as a probe: for recovery that does not risk calls
   * of callers (with `recovery: "manual"`, the only way besides a person). While forced open it is refused.
   */
  probe<T>(check: (signal?: AbortSignal) => PromiseLike<T> | T, options?: ExecuteOptions): Promise<T>;
  /** The state as plain data, to be kept or sent elsewhere; counts within a window are not part of it. */
  snapshot(): CircuitSnapshot;
  /**
   * Takes over a snapshot, of this breaker or another.
   *
   * @throws RangeError when it is no snapshot.
   */
  restore(snapshot: CircuitSnapshot): void;
  /**
   * Runs `fn` if a permit is to be had, classifies how it ended and gives the permit back.
   *
   * @throws {@link CircuitOpenError} without running `fn` when the breaker refuses.
   * @throws the signal's reason without running `fn` when it is already aborted.
   * @throws whatever `fn` throws.
   */
  execute<T>(fn: (signal?: AbortSignal) => PromiseLike<T> | T, options?: ExecuteOptions): Promise<T>;
}

/**
 * A closed breaker. It holds no timer: what depends on time is worked out when it is asked. Call its functions on it
 * (`breaker.tryAcquire()`); they cannot be taken off.
 *
 * @throws RangeError when an option is out of range.
 */
export function createCircuitBreaker(options: CircuitBreakerOptions = {}): CircuitBreaker {
  return new Breaker(settingsOf(options), options.name);
}

/** Breakers of the same options, told apart by name in their events. */
export function createNamedBreaker(options: CircuitBreakerOptions, name: string | undefined): CircuitBreaker {
  return new Breaker(settingsOf(options), name);
}

/** A class inside, because methods on a prototype keep an instance small: one breaker per endpoint and tool adds up. */
class Breaker implements CircuitBreaker {
  readonly #settings: CircuitSettings;
  readonly #name: string | undefined;
  readonly #failures: SlidingWindow | undefined;
  readonly #slowCalls: SlidingWindow | undefined;
  #status: CircuitState["status"] = "closed";
  /** Counts state changes, from 1; a permit is the generation that it was given in. */
  #generation = 1;
  #changedAt: number;
  #consecutiveFailures = 0;
  /** When the last `failureThreshold` failures in a row happened; made at the first failure. */
  #failedAt: number[] | undefined;
  #reason: CircuitReason = "reset";
  #detail: string | undefined;
  #trips = 0;
  #openForMs = 0;
  #inFlight = 0;
  #probedAt = 0;
  #successes = 0;
  #queue: HalfOpenQueue | undefined;

  constructor(settings: CircuitSettings, name: string | undefined) {
    this.#settings = settings;
    this.#name = name;
    const { failureRatio, slowCallRatio } = settings;
    this.#failures = failureRatio && createSlidingWindow(failureRatio.window);
    this.#slowCalls = slowCallRatio && createSlidingWindow(slowCallRatio.window);
    this.#changedAt = settings.clock.now();
  }

  get state(): CircuitState {
    this.#refresh();
    if (this.#status === "closed")
      return { status: "closed", consecutiveFailures: this.#consecutiveFailures };
    if (this.#status === "half-open")
      return { status: "half-open", inFlight: this.#inFlight, successes: this.#successes };
    return {
      status: "open",
      reason: this.#reason,
      ...(this.#detail === undefined ? {} : { detail: this.#detail }),
      retryAfterMs: this.#remainingMs(),
      trips: this.#trips,
    };
  }

  get needsDuration(): boolean {
    return this.#slowCalls !== undefined;
  }

  get queues(): boolean {
    return this.#settings.halfOpenMaxQueue > 0;
  }

  tryAcquire(): number {
    if (this.#status === "closed") return this.#generation;
    this.#refresh();
    if (this.#status === "open") return 0;
    const { halfOpenMaxCalls, successThreshold } = this.#settings;
    const wanted = Math.max(halfOpenMaxCalls, successThreshold);
    if (this.#inFlight >= halfOpenMaxCalls || this.#inFlight + this.#successes >= wanted) return 0;
    this.#inFlight += 1;
    this.#probedAt = this.#settings.clock.now();
    return this.#generation;
  }

  release(permit: number, outcome: CircuitOutcome, durationMs = 0): void {
    if (permit !== this.#generation) return;
    if (this.#status === "half-open") this.#releaseProbe(outcome, durationMs);
    else if (this.#status === "closed" && outcome !== "ignored")
      this.#count(outcome === "failure", durationMs);
    if (this.#queue !== undefined) this.#queue.letIn(2);
  }

  acquire({ signal }: ExecuteOptions = {}): Promise<number> {
    if (signal?.aborted) return refuse(signal.reason);
    const permit = this.tryAcquire();
    if (permit !== 0) return Promise.resolve(permit);
    const { halfOpenMaxQueue, halfOpenTimeoutMs, clock } = this.#settings;
    if (this.#status !== "half-open" || (this.#queue?.size ?? 0) >= halfOpenMaxQueue)
      return refuse(this.#refusal());
    this.#queue ??= createHalfOpenQueue(clock, halfOpenTimeoutMs, () => this.tryAcquire() || this.#refusal());
    return this.#queue.wait(signal);
  }

  outcomeOfError(error: unknown): CircuitOutcome {
    const { classifyError } = this.#settings.options;
    if (classifyError !== undefined) return classifyError(error);
    return isRefusal(error) ? "ignored" : "failure";
  }

  outcomeOfValue(value: unknown): CircuitOutcome {
    const { classifyResult } = this.#settings.options;
    return classifyResult === undefined ? "success" : classifyResult(value);
  }

  retryAfterMs(): number {
    return this.#status === "open" ? this.#remainingMs() : 0;
  }

  forceOpen(reason: string): void {
    this.#open("forced", Infinity, reason);
  }

  forceClose(reason?: string): void {
    this.#change("closed", "forced", reason);
  }

  reset(): void {
    this.#trips = 0;
    this.#change("closed", "reset");
  }

  execute<T>(fn: (signal?: AbortSignal) => PromiseLike<T> | T, options: ExecuteOptions = {}): Promise<T> {
    const { signal } = options;
    if (signal?.aborted) return refuse(signal.reason);
    const permit = this.tryAcquire();
    if (permit !== 0) return this.#run(permit, fn, signal);
    if (!this.queues) return refuse(this.#refusal());
    return this.acquire(options).then((waited) => this.#run(waited, fn, signal));
  }

  probe<T>(check: (signal?: AbortSignal) => PromiseLike<T> | T, options: ExecuteOptions = {}): Promise<T> {
    if (this.#status === "open" && this.#reason !== "forced") this.#change("half-open", "probe");
    return this.execute(check, options);
  }

  snapshot(): CircuitSnapshot {
    this.#refresh();
    const remainingMs = this.#status === "open" ? this.#remainingMs() : 0;
    return {
      version: 1,
      status: this.#status,
      reason: this.#reason,
      detail: this.#detail ?? null,
      remainingMs: remainingMs === Infinity ? null : remainingMs,
      consecutiveFailures: this.#consecutiveFailures,
      trips: this.#trips,
    };
  }

  restore(snapshot: CircuitSnapshot): void {
    const { status, reason, detail, remainingMs, consecutiveFailures, trips } = checkSnapshot(snapshot);
    const { failureThreshold, clock } = this.#settings;
    this.#trips = trips;
    this.#openForMs = remainingMs ?? Infinity;
    this.#change(status, "restored", detail ?? undefined);
    this.#reason = reason;
    if (status !== "closed" || failureThreshold === Infinity) return;
    this.#consecutiveFailures = Math.min(consecutiveFailures, failureThreshold - 1);
    this.#failedAt = Array.from({ length: this.#consecutiveFailures }, () => clock.now());
  }

  async #run<T>(
    permit: number,
    fn: (signal?: AbortSignal) => PromiseLike<T> | T,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    const { clock } = this.#settings;
    const startedAt = this.needsDuration ? clock.now() : 0;
    let outcome: CircuitOutcome = "ignored";
    try {
      const value = await fn(signal);
      outcome = this.outcomeOfValue(value);
      return value;
    } catch (error) {
      if (signal?.aborted !== true) outcome = this.outcomeOfError(error);
      throw error;
    } finally {
      this.release(permit, outcome, this.needsDuration ? clock.now() - startedAt : 0);
    }
  }

  #refusal(): CircuitOpenError {
    const retryAfterMs = this.retryAfterMs();
    return withoutStack(() => new CircuitOpenError(retryAfterMs));
  }

  #count(failed: boolean, durationMs: number): void {
    const { failureRatio, slowCallRatio, windowNeedsClock, clock } = this.#settings;
    const now = failed || windowNeedsClock ? clock.now() : 0;
    if (this.#failures !== undefined) this.#failures.record(failed, now);
    if (this.#slowCalls !== undefined && slowCallRatio !== undefined)
      this.#slowCalls.record(durationMs > slowCallRatio.slowCallMs, now);
    if (!failed) this.#consecutiveFailures = 0;
    if (failed && this.#tooManyInARow(now)) this.#trip("consecutive-failures");
    else if (failed && exceeds(this.#failures, failureRatio)) this.#trip("failure-ratio");
    else if (exceeds(this.#slowCalls, slowCallRatio)) this.#trip("slow-call-ratio");
  }

  #tooManyInARow(now: number): boolean {
    const { failureThreshold, monitoringWindowMs } = this.#settings;
    this.#consecutiveFailures += 1;
    if (failureThreshold === Infinity) return false;
    this.#failedAt ??= [];
    this.#failedAt[(this.#consecutiveFailures - 1) % failureThreshold] = now;
    if (this.#consecutiveFailures < failureThreshold) return false;
    const oldest = this.#failedAt[this.#consecutiveFailures % failureThreshold] ?? now;
    return now - oldest <= monitoringWindowMs;
  }

  #releaseProbe(outcome: CircuitOutcome, durationMs: number): void {
    const { slowCallRatio, successThreshold } = this.#settings;
    this.#inFlight = Math.max(0, this.#inFlight - 1);
    if (outcome === "ignored") return;
    const slow = slowCallRatio !== undefined && durationMs > slowCallRatio.slowCallMs;
    if (outcome === "success" && !slow) this.#successes += 1;
    else this.#trip("probe-failed");
    if (this.#successes >= successThreshold) this.#change("closed", "probes-succeeded");
  }

  #trip(reason: CircuitReason): void {
    const { options, clock, monitoringWindowMs, resetTimeoutMs, maxResetTimeoutMs } = this.#settings;
    const stable = this.#status === "closed" && clock.now() - this.#changedAt >= monitoringWindowMs;
    const { resetTimeoutFactor = 1, resetJitterRatio = 0, random = Math.random, recovery } = options;
    this.#trips = stable ? 1 : this.#trips + 1;
    const backedOff = Math.min(maxResetTimeoutMs, resetTimeoutMs * resetTimeoutFactor ** (this.#trips - 1));
    const jitter = resetJitterRatio === 0 ? 0 : random() * resetJitterRatio * backedOff;
    this.#open(reason, recovery === "manual" ? Infinity : backedOff + jitter);
  }

  #open(reason: CircuitReason, forMs: number, detail?: string): void {
    this.#openForMs = forMs;
    this.#change("open", reason, detail);
  }

  /** Does what time alone has brought about since the last look. */
  #refresh(): void {
    if (this.#status === "open") {
      if (this.#remainingMs() === 0) this.#change("half-open", "reset-timeout");
    } else if (this.#status === "half-open" && this.#inFlight > 0) {
      const { clock, halfOpenTimeoutMs } = this.#settings;
      if (clock.now() - this.#probedAt >= halfOpenTimeoutMs) this.#change("half-open", "probes-lost");
    }
  }

  #remainingMs(): number {
    if (this.#openForMs === Infinity) return Infinity;
    return Math.max(0, this.#changedAt + this.#openForMs - this.#settings.clock.now());
  }

  #change(to: CircuitState["status"], reason: CircuitReason, detail?: string): void {
    const from = this.#status;
    this.#status = to;
    this.#generation += 1;
    this.#changedAt = this.#settings.clock.now();
    this.#reason = reason;
    this.#detail = detail;
    this.#consecutiveFailures = this.#inFlight = this.#successes = 0;
    this.#failures?.clear();
    this.#slowCalls?.clear();
    this.#queue?.letIn(this.#settings.halfOpenMaxCalls);
    const { onEvent } = this.#settings.options;
    if (onEvent === undefined) return;
    const event = { type: "circuit-state-change", name: this.#name, from, to, reason } as const;
    onEvent(detail === undefined ? event : { ...event, detail });
  }
}

function exceeds(window: SlidingWindow | undefined, rule: Required<RatioRule> | undefined): boolean {
  if (window === undefined || rule === undefined || window.calls < rule.minimumCalls) return false;
  return window.hits >= rule.ratio * window.calls;
}

function refuse(reason: unknown): Promise<never> {
  return new Promise((_, reject) => rejectLater(reject, reason));
}
