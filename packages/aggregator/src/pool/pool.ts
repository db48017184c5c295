// The upstreams of one namespace: their lives, their catalog, and the calls that run on them.
import type { BalancerEvent, BalancerSnapshot, Explanation } from "@fairlead/balancer";
import {
  type Clock,
  createRetryBudget,
  createTimerWheel,
  type Random,
  sharedTimerWheel,
  systemClock,
} from "@fairlead/core";
import type { CallWindow } from "../analytics/call-window.ts";
import { PoolMeter } from "../analytics/pool-meter.ts";
import { LIST_KINDS, type ListKind } from "../catalog/lists.ts";
import { createPoolCatalog, type PoolCatalog } from "../catalog/pool-catalog.ts";
import type { LimitsConfig, PoolConfig } from "../config.ts";
import { AggregatorError } from "../errors.ts";
import { noneFor, satisfies } from "../router/requirements.ts";
import { IdTable } from "../upstream/id-table.ts";
import type { Replica } from "../upstream/replica.ts";
import type { StartLimiter } from "../upstream/start-limiter.ts";
import type { Envelope } from "../wire/envelope.ts";
import { rpcCode } from "../wire/reply.ts";
import { createAdmission } from "./admission.ts";
import { createAutoscaler } from "./autoscaler.ts";
import { type ClientSessions, createClientSessions } from "./client-sessions.ts";
import { callableInMs, isServing, type PoolMember, stateOf } from "./member.ts";
import { createMembers } from "./members.ts";
import type { AttemptOutcome } from "./outcome.ts";
import { type CallPolicy, createPolicies, type PolicyHost, type Work } from "./policy.ts";
import { type Attempt, PoolCall, type PoolCallOwner, type PoolRequest } from "./pool-call.ts";
import { createRelist } from "./relist.ts";
import { createResultCache, type ResultCache } from "./result-cache.ts";
import { createSubscriptions, type KeptRequest } from "./subscriptions.ts";
import { createUpstreams, type Upstreams } from "./upstreams.ts";

export interface PoolOptions {
  readonly config: PoolConfig;
  readonly limits: Required<{ readonly [K in keyof LimitsConfig]: number }>;
  readonly clientInfo: { readonly name: string; readonly version: string };
  /** Zone that the gateway is in. */
  readonly zone: string | undefined;
  /** Built-in strategies that routing rules now ask for instead of the pool's own. */
  readonly routingStrategies: () => readonly string[];
  readonly starts: StartLimiter;
  readonly clock: Clock;
  readonly random: Random;
  readonly listener: PoolListener;
}

export interface PoolListener {
  onCatalogChange(pool: Pool, kinds: readonly ListKind[]): void;
  onMemberState(pool: Pool, member: PoolMember): void;
  /** A message of the server that belongs to no call, list changes excepted. */
  onServerNotification(pool: Pool, member: PoolMember, message: Buffer, envelope: Envelope): void;
  onStderr(pool: Pool, member: PoolMember, text: string): void;
  /** A list could not be read again after the server said that it changed. */
  onProblem(pool: Pool, member: PoolMember, message: string): void;
  /** An upstream gets more or fewer replicas. */
  onScaled(pool: Pool, upstream: string, from: number, to: number, reason: string): void;
  /** Also told while the pool is being made. */
  onBalancerEvent(namespace: string, event: BalancerEvent): void;
  /** A call that failed on `from` goes on on `to`. */
  onFailover(pool: Pool, from: string, to: string, reason: string): void;
}

export interface Pool {
  readonly namespace: string;
  /** As it is now; its upstreams are those of `upstreams`. */
  readonly config: PoolConfig;
  /** The balancer's view of its upstreams. */
  readonly balancing: BalancerSnapshot;
  readonly catalog: PoolCatalog;
  /** Who belongs to it, and who is on the way out. */
  readonly members: readonly PoolMember[];
  readonly upstreams: Upstreams;
  readonly inFlight: number;
  readonly queued: number;
  readonly calls: { readonly total: number; readonly failed: number };
  /** What its calls were like lately. */
  readonly window: CallWindow;
  /** The sessions that clients have with its upstreams. */
  readonly sessions: ClientSessions;
  /** Whether each client has a session of its own, as far as the servers keep any. */
  readonly isPerClient: boolean;
  start(): void;
  /** Runs a request; the returned handle cancels it. */
  dispatch(request: PoolRequest): Work;
  /** What holds for a call of `method` on what the upstreams call `original`. */
  policyOf(method: string, original: string): CallPolicy;
  /** Kept results; undefined when no tool has any. */
  readonly cache: ResultCache | undefined;
  /** Second attempts, and how many of them answered first. */
  readonly hedges: { readonly started: number; readonly won: number };
  /** Sends a control request to every upstream that is connected, and to those that come later. */
  keep(key: string, request: KeptRequest): void;
  /** Sends a control request to every upstream that is connected, and forgets what was kept under the key. */
  drop(key: string, request?: KeptRequest): void;
  /** Applies other options; the upstreams in them are not looked at. @throws {@link AggregatorError} `INVALID_CONFIG` */
  configure(config: PoolConfig): void;
  /** No new calls for it, in a moment none at all: resolves when it has none, or after `timeoutMs`. */
  drain(member: PoolMember, reason: string, timeoutMs: number): Promise<void>;
  undrain(member: PoolMember): void;
  /** How a call of the tool would be placed now; of any, without one. */
  explain(tool?: string): Explanation;
  /** Moves its calls that may be repeated to other upstreams; returns how many. */
  moveCalls(member: PoolMember, reason: string): number;
  /** Resolves when no call runs or waits, or after `timeoutMs`. */
  drainAll(timeoutMs: number): Promise<void>;
  stop(): Promise<void>;
}

const NOBODY: readonly string[] = [];
const DRAIN_POLL_MS = 10;
const START_TIMEOUT_MS = 10_000;
/** How long calls on a replica that is no longer needed may take to end, in milliseconds. */
const SHRINK_DRAIN_MS = 30_000;

/** Creates a pool that has not been started. @throws {@link AggregatorError} `INVALID_CONFIG` */
export function createPool(options: PoolOptions): Pool {
  return checked(options.config.namespace, () => makePool(options));
}

function makePool(options: PoolOptions): Pool {
  const { clock, listener } = options;
  let { config } = options;
  const { namespace } = config;
  const startTimeoutMs = (): number => config.startTimeoutMs ?? START_TIMEOUT_MS;
  const catalog = createPoolCatalog();
  const active = new IdTable<PoolCall>();
  const wheel = clock === systemClock ? sharedTimerWheel : createTimerWheel({ clock });
  const admission = createAdmission({
    clock,
    wheel,
    maxQueue: () => config.maxQueue ?? 1_000,
    queueTimeoutMs,
    ageingMs: () => config.queueAgeingMs ?? 200,
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
  let stopped = false;
  let upstreams: Upstreams | undefined;

  const owner: PoolCallOwner = {
    namespace,
    get queueTimeoutMs() {
      return queueTimeoutMs();
    },
    budget,
    wheel,
    now: () => clock.now(),
    attempt,
    get is503Rejection() {
      return config.on503 === "rejected";
    },
    get isQueueing() {
      return admission.size > 0;
    },
    get isServing() {
      return [...members.byId.values()].some(isServing);
    },
    retryAfterMs: admission.retryAfterMs,
    enqueue: (call) => admission.enter(call, groupOf(call.request)),
    dequeue: admission.leave,
    onAttemptEnd,
    onFailure({ member: { id, replica } }, failure) {
      reasons.set(id, failure.message);
      if (failure.kind === "transport") replica.suspect();
      // Its tools want other header fields than they did when they were listed.
      if (failure.rpcError?.code === rpcCode.headerMismatch) relist.soon(replica, ["tools"]);
    },
    onEnd(call, end) {
      active.take(call.id);
      meter.callEnded(call, end);
      if (end === "failed") counts.failed++;
      if (admission.size > 0) queueMicrotask(admission.pump);
    },
  };

  const sessions = createClientSessions({
    config: () => config,
    upstreams: () => upstreams?.configured.values() ?? config.upstreams,
    clientInfo: options.clientInfo,
    timeoutMs: startTimeoutMs,
    clock,
    onServerNotification(replica, client, message, envelope) {
      const kinds = CHANGED_KINDS[envelope.method];
      if (kinds === undefined) client.onServerNotification(message, envelope);
      else relist.soon(replica, kinds);
    },
  });
  const members = createMembers(config, {
    ...options,
    wheel,
    hello: sessions.hello,
    listener: {
      async onConnected(replica, open) {
        // Subscribed first: a list that changes while it is read is read again.
        await subscriptions.connected(replica, open);
        await relist.all(replica, open);
      },
      onState,
      onJoined: ({ replica }) => relist.take(replica),
      onLeft({ id }) {
        reasons.delete(id);
        changed(catalog.remove(id));
      },
      onServerNotification,
      onStderr(replica, text) {
        const member = members.of(replica);
        if (member !== undefined) listener.onStderr(pool, member, text);
      },
      onBalancerEvent: (event) => listener.onBalancerEvent(namespace, event),
    },
  });
  const subscriptions = createSubscriptions({
    clock,
    timeoutMs: START_TIMEOUT_MS,
    replicas: () => members.all.map(({ replica }) => replica),
    onMissed: (replica) => relist.soon(replica, LIST_KINDS),
  });
  const relist = createRelist({
    catalog,
    clock,
    timeoutMs: startTimeoutMs,
    isCurrent(replica) {
      const member = members.of(replica);
      return !stopped && member !== undefined && members.isCurrent(member);
    },
    onChange: changed,
    onProblem(replica, message) {
      const member = members.of(replica);
      if (member !== undefined) listener.onProblem(pool, member, message);
    },
  });

  const host: PolicyHost = {
    clock,
    wheel,
    budget,
    run,
    leaseNow(request, exclude) {
      // Whoever has a session with one upstream has nothing that it knows on another.
      if (sessions.pinOf(request.origin) !== undefined) return undefined;
      return lease(request, [...excludedFor(request), ...exclude], clock.now());
    },
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
    cache: (maxBytes) => createResultCache(maxBytes, clock),
  };
  let policies = createPolicies(config, host);

  const autoscaler = createAutoscaler({
    clock,
    wheel,
    replicasOf: (upstream) => [...members.byId.values()].filter((member) => member.upstream === upstream),
    queue: () => ({ queued: admission.size, waitedMs: admission.oldestMs }),
    grow: (upstream, by) => upstreams?.grow(upstream, by),
    shrink: (member) => void members.retire(member, SHRINK_DRAIN_MS),
    onScaled: (upstream, from, to, reason) => listener.onScaled(pool, upstream, from, to, reason),
  });
  upstreams = createUpstreams(namespace, config.upstreams, members, autoscaler);

  const pool: Pool = {
    namespace,
    get config() {
      return config;
    },
    get balancing() {
      return members.balancing;
    },
    catalog,
    get members() {
      return members.all;
    },
    upstreams,
    get inFlight() {
      return active.size;
    },
    get queued() {
      return admission.size;
    },
    calls: counts,
    window: meter.window,
    sessions,
    get isPerClient() {
      return (
        sessions.policy() === "per-client" &&
        members.all.every(({ replica }) => replica.connection === undefined || replica.keepsSessions)
      );
    },
    start: members.start,
    dispatch(request) {
      const { dispatch } = request.policy;
      return dispatch === undefined ? run(request) : dispatch(request);
    },
    policyOf: (method, original) => policies.of(method, original),
    get cache() {
      return policies.cache;
    },
    hedges,
    keep: subscriptions.keep,
    drop: subscriptions.drop,
    configure(next) {
      checked(namespace, () => {
        const nextPolicies = createPolicies(next, host);
        members.configure(next);
        policies = nextPolicies;
      });
      config = next;
      admission.pump();
    },
    drain(member, reason, timeoutMs) {
      members.setMode(member, "draining", reason);
      return members.idle(member, timeoutMs);
    },
    undrain(member) {
      if (member.mode === "draining") members.setMode(member, "active", null);
    },
    explain: (tool) => members.explain(tool === undefined ? {} : { taskClass: tool }),
    moveCalls(member, reason) {
      let moved = 0;
      reasons.set(member.id, reason);
      for (const call of active.values()) if (call.member === member && call.move(reason)) moved++;
      return moved;
    },
    async drainAll(timeoutMs) {
      const deadline = clock.now() + timeoutMs;
      while (active.size > 0 && clock.now() < deadline) await clock.sleep(DRAIN_POLL_MS);
    },
    async stop() {
      stopped = true;
      autoscaler.stop();
      for (const call of active.values()) {
        call.abort(
          new AggregatorError("DRAINING", "The gateway is shutting down.", {
            pool: namespace,
            outcome: "unknown",
          }),
        );
      }
      await Promise.all([sessions.closeAll(), members.stop()]);
    },
  };
  return pool;

  function queueTimeoutMs(): number {
    return config.queueTimeoutMs ?? 2_000;
  }

  /** Names the upstreams that could serve a call. */
  function groupOf({ entry, onlyModern, routing, origin }: PoolRequest): string {
    const only = entry?.only === undefined ? "" : [...entry.only].join(" ");
    // Who waits for the upstream that holds its session does not keep others from theirs.
    const pin = sessions.pinOf(origin);
    const able = `${onlyModern ? "modern " : ""}${only}${pin === undefined ? "" : ` at ${pin}`}`;
    return routing === undefined ? able : `${able} ${routing.group}`;
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

  function attempt(call: PoolCall): Attempt | "wait" | "pause" | AggregatorError {
    const { request, tried, mayReturn } = call;
    const startedAt = meter.attemptBegins(call);
    const pin = sessions.pinOf(request.origin);
    const pinned = pin === undefined ? undefined : attemptWhere(pin, call, startedAt);
    if (pinned !== undefined) return pinned;
    const unable = excludedFor(request);
    const first = lease(request, unable.length === 0 ? tried : [...tried, ...unable], startedAt);
    if (tried.length === 0) return first ?? refusal(call);
    if (first === undefined)
      return mayReturn ? (lease(request, unable, startedAt) ?? refusal(call)) : "pause";
    const from = tried.at(-1) ?? "";
    listener.onFailover(pool, from, first.member.id, reasons.get(from) ?? "unknown");
    return first;
  }

  /** Where its client has a session; undefined when the call has to go elsewhere. */
  function attemptWhere(pin: string, call: PoolCall, startedAt: number): Attempt | "wait" | undefined {
    const { entry, onlyModern, routing } = call.request;
    if (call.tried.includes(pin) || entry?.only?.has(pin) === false || onlyModern) return undefined;
    const member = members.byId.get(pin);
    // What a rule asks for goes before what the session remembers.
    if (member === undefined || (routing !== undefined && !satisfies(member, routing))) return undefined;
    const others = [...members.byId.keys()].filter((id) => id !== pin);
    const granted = lease(call.request, others, startedAt);
    if (granted !== undefined) return granted;
    const isBusy = isServing(member) && member.breaker.retryAfterMs() === 0;
    return isBusy ? "wait" : undefined;
  }

  /** Those that cannot do it, whatever their state. */
  function excludedFor({ entry, onlyModern }: PoolRequest): readonly string[] {
    if (entry?.only === undefined && !onlyModern) return NOBODY;
    const unable = [...members.byId].filter(
      ([id, { replica }]) =>
        entry?.only?.has(id) === false || (onlyModern && replica.state.info?.era !== "modern"),
    );
    return unable.map(([id]) => id);
  }

  function lease(request: PoolRequest, exclude: readonly string[], startedAt: number): Attempt | undefined {
    const { entry, method, routing } = request;
    const taskClass = entry?.key ?? method;
    // A filter that filters nothing costs the balancer a list of its own.
    const plain = exclude.length === 0 ? { taskClass } : { taskClass, exclude };
    const granted =
      routing === undefined
        ? members.acquire(plain)
        : members.acquire({ ...plain, ...routing.filter }, routing.strategy);
    if (granted === undefined) return undefined;
    const { lease: held, member, permit } = granted;
    const connection = sessions.connectionFor(request.origin, member.replica);
    if (connection?.isOpen !== true) {
      // Gone, though not yet reported so; the next one may be there.
      member.breaker.release(permit, "ignored");
      held.release("not-sent");
      return lease(request, [...exclude, member.id], startedAt);
    }
    member.calls++;
    member.inFlight++;
    return { lease: held, connection, member, breaker: member.breaker, permit, startedAt };
  }

  /** Open breakers are no reason to wait when they stay open for longer than a call would; anything else is. */
  function refusal({ request: { routing, subject } }: PoolCall): "wait" | AggregatorError {
    if (routing !== undefined && ![...members.byId.values()].some((member) => satisfies(member, routing)))
      return noneFor(namespace, subject, routing);
    const connected = [...members.byId.values()].filter(isServing);
    const retryAfterMs = Math.ceil(Math.min(...connected.map(callableInMs)));
    if (connected.length === 0 || retryAfterMs <= queueTimeoutMs()) return "wait";
    if (connected.some(({ breaker }) => breaker.retryAfterMs() <= queueTimeoutMs()))
      return new AggregatorError(
        "RATE_LIMITED",
        `Every upstream of ${namespace} has had the calls that it allows in a minute; the next may go in ${Math.ceil(retryAfterMs / 1_000)} s.`,
        { pool: namespace, outcome: "not-executed", retryAfterMs },
      );
    return new AggregatorError(
      "CIRCUIT_OPEN",
      `Every upstream of ${namespace} failed too often lately; the next try is in ${Math.ceil(retryAfterMs / 1_000)} s.`,
      { pool: namespace, outcome: "not-executed", retryAfterMs },
    );
  }

  function onState(member: PoolMember): void {
    const { replica } = member;
    if (replica.connection === undefined) subscriptions.disconnected(replica);
    if (replica.state.status === "stopped") void sessions.close(replica);
    const { status, reason } = stateOf(member);
    if (status === "ready") admission.pump();
    else if (status === "unhealthy") {
      for (const call of active.values()) {
        if (call.member === member) call.abandon(reason ?? "unhealthy");
      }
    }
    listener.onMemberState(pool, member);
  }

  function onServerNotification(replica: Replica, message: Buffer, envelope: Envelope): void {
    const kinds = CHANGED_KINDS[envelope.method];
    const member = members.of(replica);
    if (kinds !== undefined) relist.soon(replica, kinds);
    else if (member !== undefined) listener.onServerNotification(pool, member, message, envelope);
  }

  function changed(kinds: readonly ListKind[]): void {
    // Whoever lists other tools may have other results.
    if (kinds.includes("tools")) policies.cache?.clear();
    if (kinds.length > 0) listener.onCatalogChange(pool, kinds);
  }
}

/** What options mean is checked by those who use them; who is told needs to know where it stood. */
function checked<T>(namespace: string, use: () => T): T {
  try {
    return use();
  } catch (error) {
    if (error instanceof AggregatorError || !(error instanceof Error)) throw error;
    throw new AggregatorError(
      "INVALID_CONFIG",
      `pool "${namespace}": ${error.message}`,
      {},
      { cause: error },
    );
  }
}

const CHANGED_KINDS: Readonly<Record<string, readonly ListKind[] | undefined>> = {
  "notifications/tools/list_changed": ["tools"],
  "notifications/resources/list_changed": ["resources", "resourceTemplates"],
  "notifications/prompts/list_changed": ["prompts"],
};
