// The calls of one pool, from their start to their end: those that run and those that wait, what holds for them, and what
// became of them.
import { type Clock, createRetryBudget, type TimerWheel } from "@fairlead/core";
import type { CallWindow } from "../analytics/call-window.ts";
import { PoolMeter } from "../analytics/pool-meter.ts";
import type { PoolConfig } from "../config.ts";
import type { AggregatorError } from "../errors.ts";
import type { UpstreamFailure } from "../upstream/connection.ts";
import { IdTable } from "../upstream/id-table.ts";
import { createAdmission } from "./admission.ts";
import type { ClientSessions } from "./client-sessions.ts";
import { isServing, type PoolMember } from "./member.ts";
import type { Members } from "./members.ts";
import type { AttemptOutcome } from "./outcome.ts";
import { createPlacement } from "./placement.ts";
import { type CallPolicy, createPolicies, type PolicyHost, type Work } from "./policy.ts";
import { PoolCall } from "./pool-call.ts";
import type { Attempt, PoolCallOwner } from "./pool-call-owner.ts";
import type { PoolRequest } from "./pool-request.ts";
import { createResultCache, type ResultCache } from "./result-cache.ts";

export interface CallsOptions {
  readonly namespace: string;
  /** The pool's options as they are now. */
  readonly config: () => PoolConfig;
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly members: Members;
  readonly sessions: ClientSessions;
  /** An attempt on the upstream failed. */
  readonly onFailure: (member: PoolMember, failure: UpstreamFailure) => void;
  /** A call that failed on `from` goes on on `to`. */
  readonly onFailover: (from: string, to: string, reason: string) => void;
}

export interface Calls {
  readonly running: number;
  readonly queued: number;
  /** How long the call that waits longest has waited, in milliseconds. */
  readonly waitedMs: number;
  readonly counts: { readonly total: number; readonly failed: number };
  /** What calls were like lately. */
  readonly window: CallWindow;
  /** Kept results; undefined when no tool has any. */
  readonly cache: ResultCache | undefined;
  /** Second attempts, and how many of them answered first. */
  readonly hedges: { readonly started: number; readonly won: number };
  dispatch(request: PoolRequest): Work;
  policyOf(method: string, original: string): CallPolicy;
  /** Works out what other options mean; they hold from the call of what is returned. */
  prepare(config: PoolConfig): () => void;
  /** Upstreams may have become free. */
  pump(): void;
  /** Moves the upstream's calls that may be repeated elsewhere; returns how many. */
  move(member: PoolMember, reason: string): number;
  /** The upstream stopped answering. */
  abandon(member: PoolMember, reason: string): void;
  /** The upstream is gone: calls that broke off on it need not give it time. */
  resume(member: PoolMember): void;
  /** The upstream's id belongs to nobody any more. */
  forget(upstream: string): void;
  /** Resolves when no call runs or waits, or after `timeoutMs`. */
  drained(timeoutMs: number): Promise<void>;
  abortAll(error: AggregatorError): void;
}

const DRAIN_POLL_MS = 10;

export function createCalls(options: CallsOptions): Calls {
  const { namespace, config, clock, wheel, members, sessions } = options;
  const active = new IdTable<PoolCall>();
  const admission = createAdmission({
    clock,
    wheel,
    maxQueue: () => config().maxQueue ?? 1_000,
    queueTimeoutMs,
    ageingMs: () => config().queueAgeingMs ?? 200,
  });
  const counts = { total: 0, failed: 0 };
  const hedges = { started: 0, won: 0 };
  // One crash fails all that ran on an upstream at once; the budget must hold that burst, and still end a storm.
  const budget = createRetryBudget({
    ratio: 0.2,
    floorPerSecond: 10,
    maxTokens: 1_000,
    initialTokens: 100,
    clock,
  });
  const meter = new PoolMeter(clock);
  /** Why the last call on an upstream failed, by its id. */
  const reasons = new Map<string, string>();
  const placement = createPlacement({
    namespace,
    members,
    sessions,
    meter,
    queueTimeoutMs,
    onFailover: (from, to) => options.onFailover(from, to, reasons.get(from) ?? "unknown"),
  });

  const owner: PoolCallOwner = {
    namespace,
    get queueTimeoutMs() {
      return queueTimeoutMs();
    },
    budget,
    wheel,
    now: () => clock.now(),
    attempt: placement.attempt,
    get is503Rejection() {
      return config().on503 === "rejected";
    },
    get isQueueing() {
      return admission.size > 0;
    },
    get isServing() {
      return [...members.byId.values()].some(isServing);
    },
    retryAfterMs: admission.retryAfterMs,
    enqueue: (call) => admission.enter(call, placement.groupOf(call.request)),
    dequeue: admission.leave,
    onAttemptEnd,
    onFailure({ member }, failure) {
      reasons.set(member.id, failure.message);
      options.onFailure(member, failure);
    },
    onEnd(call, end) {
      active.take(call.id);
      if (call.isGranted) admission.ended(call);
      meter.callEnded(call, end);
      if (end === "failed") counts.failed++;
      if (admission.size > 0) queueMicrotask(admission.pump);
    },
  };

  const host: PolicyHost = {
    clock,
    wheel,
    budget,
    run,
    leaseNow: (request, exclude) => placement.another(request, exclude, clock.now()),
    settle(attempt, outcome) {
      attempt.breaker.release(attempt.permit, outcome.breaker);
      attempt.lease.release(outcome.lease);
      onAttemptEnd(attempt, outcome);
      if (admission.size > 0) queueMicrotask(admission.pump);
    },
    onHedge(won) {
      hedges.started++;
      if (won) hedges.won++;
    },
    cache: (bounds) => createResultCache({ ...bounds, clock }),
  };
  let policies = createPolicies(config(), host);

  return {
    get running() {
      return active.size;
    },
    get queued() {
      return admission.size;
    },
    get waitedMs() {
      return admission.oldestMs;
    },
    counts,
    window: meter.window,
    get cache() {
      return policies.cache;
    },
    hedges,
    dispatch(request) {
      const { dispatch } = request.policy;
      return dispatch === undefined ? run(request) : dispatch(request);
    },
    policyOf: (method, original) => policies.of(method, original),
    prepare(next) {
      const prepared = createPolicies(next, host);
      return () => {
        policies = prepared;
        admission.pump();
      };
    },
    pump: admission.pump,
    move(member, reason) {
      let moved = 0;
      reasons.set(member.id, reason);
      for (const call of active.values()) if (call.member === member && call.move(reason)) moved++;
      return moved;
    },
    abandon(member, reason) {
      for (const call of active.values()) if (call.member === member) call.abandon(reason);
    },
    resume(member) {
      for (const call of active.values()) if (call.tried.at(-1) === member.id) call.resume();
    },
    forget: (upstream) => void reasons.delete(upstream),
    async drained(timeoutMs) {
      const deadline = clock.now() + timeoutMs;
      while (active.size > 0 && clock.now() < deadline) await clock.sleep(DRAIN_POLL_MS);
    },
    abortAll(error) {
      for (const call of active.values()) call.abort(error);
    },
  };

  function queueTimeoutMs(): number {
    return config().queueTimeoutMs ?? 2_000;
  }

  function run(request: PoolRequest): PoolCall {
    const call = new PoolCall(owner, request);
    counts.total++;
    call.id = active.add(call);
    call.start();
    return call;
  }

  function onAttemptEnd(ended: Attempt, outcome: AttemptOutcome): void {
    const { member } = ended;
    meter.attemptEnded(ended, outcome);
    member.inFlight--;
    if (outcome.breaker === "failure") member.failures++;
  }
}
