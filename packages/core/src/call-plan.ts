// What a pipeline's options are compiled to, and the two interfaces in it that users meet.
import type { Bulkhead } from "./bulkhead.ts";
import type { CallContext } from "./call-context.ts";
import type { CircuitBreaker } from "./circuit-breaker.ts";
import type { CircuitOutcome } from "./circuit-state.ts";
import type { Clock } from "./clock.ts";
import type { RetryPlan } from "./retry.ts";
import type { TimerWheel } from "./timer-wheel.ts";

/** Told after every attempt, before the next one is waited for. */
export interface AttemptEvent {
  readonly type: "attempt";
  readonly attempt: number;
  readonly key: string | undefined;
  /** `refused`: the breaker did not let it through, nothing was executed. */
  readonly outcome: "success" | "failure" | "refused" | "cancelled";
  /** How it failed. */
  readonly error?: unknown;
  /** How long until the next attempt, in milliseconds; absent when there is none. */
  readonly retryInMs?: number;
}

/** Says how long an attempt may take, and learns how long attempts take. */
export interface TimeoutSource {
  /** The limit for this attempt, in milliseconds; `Infinity` for none. */
  timeoutMs(context: CallContext): number;
  /** How long an attempt took and how it ended; one that timed out is a failure that took at least its limit. */
  record?(durationMs: number, outcome: CircuitOutcome, context: CallContext): void;
}

/** Checked and completed; what is `undefined` or `Infinity` is left out. */
export interface CallPlan {
  readonly timeoutMs: number;
  readonly retry: RetryPlan | undefined;
  /** Whether a call pays into the retry's budget; not where another policy has done so. */
  readonly deposits: boolean;
  readonly breaker: CircuitBreaker | undefined;
  readonly bulkhead: Bulkhead | undefined;
  readonly attemptTimeoutMs: number;
  readonly adaptive: TimeoutSource | undefined;
  readonly onEvent: ((event: AttemptEvent) => void) | undefined;
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  /** Whether anybody wants to know how long an attempt took; if not, no clock is read for it. */
  readonly measures: boolean;
}
