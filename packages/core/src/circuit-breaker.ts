// Stops calling what keeps failing, and finds out with a few probes whether it works again (Nygard, "Release It!"). A
// permit carries the generation that it was given in, so that a late result cannot change a state it does not belong to.
import type { CircuitEvent, CircuitOutcome, CircuitReason, CircuitState } from "./circuit-state.ts";
import { type Clock, systemClock } from "./clock.ts";
import { CircuitOpenError, isRefusal, withoutStack } from "./errors.ts";
import type { Random } from "./random.ts";
import { rejectLater } from "./reject-later.ts";
import {
  checkWindow,
  createSlidingWindow,
  needsClock,
  type SlidingWindow,
  type WindowOptions,
} from "./sliding-window.ts";
import { integerBetween, numberBetween, positiveMs } from "./validate.ts";

/** Opens when at least `ratio` of the window's calls failed (or were slow). */
export interface RatioRule {
  /** Above 0, up to 1. */
  readonly ratio: number;
  /** Calls that the window must hold before the ratio means anything, from 1. @defaultValue 10 */
  readonly minimumCalls?: number;
  /** @defaultValue the last `monitoringWindowMs` */
  readonly window?: WindowOptions;
}

export interface SlowCallRule extends RatioRule {
  /** A call that takes longer is slow, in milliseconds. */
  readonly slowCallMs: number;
}

export interface CircuitBreakerOptions {
  /** Told in events. */
  readonly name?: string;
  /** Failures in a row, all within `monitoringWindowMs`, that open it; `Infinity` switches this rule off. @defaultValue 5 */
  readonly failureThreshold?: number;
  /** How far back failures count, in milliseconds. @defaultValue 300_000 */
  readonly monitoringWindowMs?: number;
  /** Opens on a share of failed calls as well. @defaultValue off */
  readonly failureRatio?: RatioRule;
  /** Opens on a share of slow calls as well; `release` must then be told the duration. @defaultValue off */
  readonly slowCallRatio?: SlowCallRule;
  /** How long it stays open before probes are let through, in milliseconds. @defaultValue 60_000 */
  readonly resetTimeoutMs?: number;
  /** The reset timeout is multiplied by this for every repeated trip, from 1. @defaultValue 1 */
  readonly resetTimeoutFactor?: number;
  /** Upper bound of the multiplied reset timeout, in milliseconds. @defaultValue 600_000, or `resetTimeoutMs` if larger */
  readonly maxResetTimeoutMs?: number;
  /** Up to this share is added to each reset timeout at random, so that many instances do not probe at once. @defaultValue 0 */
  readonly resetJitterRatio?: number;
  /** `manual`: stays open until it is told otherwise. @defaultValue "automatic" */
  readonly recovery?: "automatic" | "manual";
  /** Probes at a time while half-open, from 1. @defaultValue 3 */
  readonly halfOpenMaxCalls?: number;
  /** Probes that must succeed to close it, from 1; a single failed one opens it again. @defaultValue 3 */
  readonly successThreshold?: number;
  /** Probes without an answer for this long, in milliseconds, are given up and new ones let through. @defaultValue `resetTimeoutMs` */
  readonly halfOpenTimeoutMs?: number;
  /** What an error means. Not asked when the caller aborted the call: that is ignored. @defaultValue a failure, unless it is a refusal by a limiter or another breaker further in: then ignored */
  readonly classifyError?: (error: unknown) => CircuitOutcome;
  /** What a returned value means. @defaultValue a success */
  readonly classifyResult?: (value: unknown) => CircuitOutcome;
  /** Told of every state change, after it. What it throws reaches the caller that caused the change. */
  readonly onEvent?: (event: CircuitEvent) => void;
  /** @defaultValue systemClock */
  readonly clock?: Clock;
  /** @defaultValue Math.random */
  readonly random?: Random;
}

export interface ExecuteOptions {
  /** Passed to the function; a call that is aborted by it counts neither as failure nor as success. */
  readonly signal?: AbortSignal;
}

export interface CircuitBreaker {
  /** Reading it moves a breaker whose reset timeout is over to half-open. */
  readonly state: CircuitState;
  /** Whether {@link CircuitBreaker.release} needs the duration (a slow-call rule is set). */
  readonly needsDuration: boolean;
  /** A permit (above 0) for one call, or 0: the call must not be made. A permit is given back exactly once. */
  tryAcquire(): number;
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
  /** Opens it until `forceClose`, `reset` or a successful `probe`. */
  forceOpen(reason: string): void;
  /** Closes it with empty counts. */
  forceClose(reason?: string): void;
  /** Back to the beginning: closed, empty counts, no memory of earlier trips. */
  reset(): void;
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
  return new Breaker(settingsOf(options));
}

interface Settings {
  readonly options: CircuitBreakerOptions;
  readonly clock: Clock;
  readonly failureThreshold: number;
  readonly monitoringWindowMs: number;
  readonly failureRatio: Required<RatioRule> | undefined;
  readonly slowCallRatio: Required<SlowCallRule> | undefined;
  readonly windowNeedsClock: boolean;
  readonly resetTimeoutMs: number;
  readonly maxResetTimeoutMs: number;
  readonly halfOpenMaxCalls: number;
  readonly successThreshold: number;
  readonly halfOpenTimeoutMs: number;
}

/** Options that several breakers share are checked and kept once. */
const checked: WeakMap<CircuitBreakerOptions, Settings> = new WeakMap();

function settingsOf(options: CircuitBreakerOptions): Settings {
  const known = checked.get(options);
  if (known !== undefined) return known;
  const {
    failureThreshold = 5,
    monitoringWindowMs = 300_000,
    failureRatio,
    slowCallRatio,
    resetTimeoutMs = 60_000,
    resetTimeoutFactor = 1,
    maxResetTimeoutMs = Math.max(600_000, resetTimeoutMs),
    resetJitterRatio = 0,
    halfOpenMaxCalls = 3,
    successThreshold = 3,
    halfOpenTimeoutMs = resetTimeoutMs,
    clock = systemClock,
  } = options;
  integerBetween("failureThreshold", failureThreshold, 1, Infinity);
  positiveMs("monitoringWindowMs", monitoringWindowMs);
  positiveMs("resetTimeoutMs", resetTimeoutMs);
  numberBetween("resetTimeoutFactor", resetTimeoutFactor, 1, 1e6);
  numberBetween("maxResetTimeoutMs", maxResetTimeoutMs, resetTimeoutMs, Number.MAX_VALUE);
  numberBetween("resetJitterRatio", resetJitterRatio, 0, 1);
  integerBetween("halfOpenMaxCalls", halfOpenMaxCalls, 1, 1e6);
  integerBetween("successThreshold", successThreshold, 1, 1e6);
  positiveMs("halfOpenTimeoutMs", halfOpenTimeoutMs);
  if (slowCallRatio !== undefined) positiveMs("slowCallRatio.slowCallMs", slowCallRatio.slowCallMs);

  const rule = <R extends RatioRule>(
    option: string,
    given: R | undefined,
  ): (R & Required<RatioRule>) | undefined => {
    if (given === undefined) return undefined;
    const { window = { kind: "time", durationMs: monitoringWindowMs }, minimumCalls = 10 } = given;
    if (!(given.ratio > 0 && given.ratio <= 1))
      throw new RangeError(`${option}.ratio must be above 0 and at most 1, got ${String(given.ratio)}`);
    checkWindow(`${option}.window`, window);
    integerBetween(`${option}.minimumCalls`, minimumCalls, 1, window.kind === "count" ? window.calls : 1e9);
    return { ...given, minimumCalls, window };
  };
  const failures = rule("failureRatio", failureRatio);
  const slowCalls = rule("slowCallRatio", slowCallRatio);
  const settings: Settings = {
    options,
    clock,
    failureThreshold,
    monitoringWindowMs,
    failureRatio: failures,
    slowCallRatio: slowCalls,
    windowNeedsClock: [failures, slowCalls].some((each) => each !== undefined && needsClock(each.window)),
    resetTimeoutMs,
    maxResetTimeoutMs,
    halfOpenMaxCalls,
    successThreshold,
    halfOpenTimeoutMs,
  };
  checked.set(options, settings);
  return settings;
}

/** A class inside, because methods on a prototype keep an instance small: one breaker per endpoint and tool adds up. */
class Breaker implements CircuitBreaker {
  readonly #settings: Settings;
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

  constructor(settings: Settings) {
    this.#settings = settings;
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
    this.#refresh();
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

  execute<T>(fn: (signal?: AbortSignal) => PromiseLike<T> | T, { signal }: ExecuteOptions = {}): Promise<T> {
    if (signal?.aborted) return refuse(signal.reason);
    const permit = this.tryAcquire();
    if (permit !== 0) return this.#run(permit, fn, signal);
    const retryAfterMs = this.retryAfterMs();
    return refuse(withoutStack(() => new CircuitOpenError(retryAfterMs)));
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
    const { onEvent, name } = this.#settings.options;
    if (onEvent === undefined) return;
    const event = { type: "circuit-state-change", name, from, to, reason } as const;
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
