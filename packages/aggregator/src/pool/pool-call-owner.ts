// What a call and its pool have to do with each other.
import type { Lease } from "@fairlead/balancer";
import type { CircuitBreaker, RetryBudget, TimerWheel } from "@fairlead/core";
import type { AggregatorError } from "../errors.ts";
import type { UpstreamConnection, UpstreamFailure } from "../upstream/connection.ts";
import type { PoolMember } from "./member.ts";
import type { AttemptOutcome } from "./outcome.ts";
import type { PoolCall } from "./pool-call.ts";

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

/** How a call ends: `server-error` is an answer, too, but one that says that the server is at fault. */
export type CallEnd = "answered" | "server-error" | "failed" | "cancelled";
