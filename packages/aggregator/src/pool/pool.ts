// The upstreams of one namespace: their lives, their catalog, and the calls that run on them.
import { type Balancer, createBalancer } from "@fairlead/balancer";
import {
  type CircuitBreaker,
  type Clock,
  createCircuitBreaker,
  createRetryBudget,
  createTimerWheel,
  type Random,
  sharedTimerWheel,
  systemClock,
} from "@fairlead/core";
import { fetchList, fetchLists, LIST_KINDS, type ListKind } from "../catalog/lists.ts";
import { createPoolCatalog, type PoolCatalog } from "../catalog/pool-catalog.ts";
import { DEFAULT_STRATEGY, type LimitsConfig, type PoolConfig } from "../config.ts";
import { AggregatorError } from "../errors.ts";
import { IdTable } from "../upstream/id-table.ts";
import { createReplica, type Replica, type ReplicaListener } from "../upstream/replica.ts";
import type { StartLimiter } from "../upstream/start-limiter.ts";
import type { Envelope } from "../wire/envelope.ts";
import { rpcCode } from "../wire/reply.ts";
import { type ClientSessions, createClientSessions } from "./client-sessions.ts";
import { type Attempt, PoolCall, type PoolCallOwner, type PoolRequest } from "./pool-call.ts";
import { createSubscriptions, type KeptRequest } from "./subscriptions.ts";

export interface PoolOptions {
  readonly config: PoolConfig;
  readonly limits: Defined<Required<LimitsConfig>>;
  readonly clientInfo: { readonly name: string; readonly version: string };
  readonly starts: StartLimiter;
  readonly clock: Clock;
  readonly random: Random;
  readonly listener: PoolListener;
}

export interface PoolListener {
  onCatalogChange(pool: Pool, kinds: readonly ListKind[]): void;
  onReplicaState(pool: Pool, member: PoolMember): void;
  /** A message of the server that belongs to no call, list changes excepted. */
  onServerNotification(pool: Pool, member: PoolMember, message: Buffer, envelope: Envelope): void;
  onStderr(pool: Pool, member: PoolMember, text: string): void;
  /** A list could not be read again after the server said that it changed. */
  onProblem(pool: Pool, member: PoolMember, message: string): void;
}

/** One upstream with what the pool knows about it. */
export interface PoolMember {
  readonly replica: Replica;
  readonly breaker: CircuitBreaker;
  calls: number;
  failures: number;
}

export interface Pool {
  readonly namespace: string;
  readonly config: PoolConfig;
  readonly strategy: string;
  readonly catalog: PoolCatalog;
  readonly members: readonly PoolMember[];
  readonly inFlight: number;
  readonly queued: number;
  readonly calls: { readonly total: number; readonly failed: number };
  /** The sessions that clients have with its upstreams. */
  readonly sessions: ClientSessions;
  /** Whether each client has a session of its own, as far as the servers keep any. */
  readonly isPerClient: boolean;
  start(): void;
  /** Runs a request; the returned handle cancels it. */
  dispatch(request: PoolRequest): PoolCall;
  /** Sends a control request to every upstream that is connected, and to those that come later. */
  keep(key: string, request: KeptRequest): void;
  /** Sends a control request to every upstream that is connected, and forgets what was kept under the key. */
  drop(key: string, request?: KeptRequest): void;
  inFlightOf(member: PoolMember): number;
  stop(): Promise<void>;
}

const RELIST_DELAY_MS = 100;

export function createPool(options: PoolOptions): Pool {
  const { config, limits, clock, random, listener } = options;
  const {
    namespace,
    strategy = DEFAULT_STRATEGY,
    maxAttempts = 3,
    queueTimeoutMs = 2_000,
    maxQueue = 1_000,
  } = config;
  const startTimeoutMs = config.startTimeoutMs ?? 10_000;
  const catalog = createPoolCatalog();
  const members = new Map<string, PoolMember>();
  const active = new IdTable<PoolCall>();
  const queue = new Set<PoolCall>();
  const relists = new Map<Replica, Set<ListKind>>();
  const counts = { total: 0, failed: 0 };
  const balancer = balancerFor({ ...config, strategy }, { clock, random });
  /** The permit that the breaker gave during the last `acquire`. */
  let permit = 0;
  let stopped = false;

  const owner: PoolCallOwner = {
    namespace,
    maxAttempts,
    queueTimeoutMs,
    // One crash fails all that ran on an upstream at once; the budget must hold that burst, and still end a storm.
    budget: createRetryBudget({
      ratio: 0.2,
      floorPerSecond: 10,
      maxTokens: 1_000,
      initialTokens: 100,
      clock,
    }),
    wheel: clock === systemClock ? sharedTimerWheel : createTimerWheel({ clock }),
    now: () => clock.now(),
    attempt,
    enqueue(call) {
      if (queue.size >= maxQueue) return false;
      queue.add(call);
      return true;
    },
    dequeue: (call) => void queue.delete(call),
    onAttemptEnd(upstream, { breaker }) {
      const member = members.get(upstream);
      if (member !== undefined && breaker === "failure") member.failures++;
    },
    onFailure(upstream, failure) {
      const replica = members.get(upstream)?.replica;
      if (replica === undefined) return;
      if (failure.kind === "transport") replica.suspect();
      // Its tools want other header fields than they did when they were listed.
      if (failure.rpcError?.code === rpcCode.headerMismatch) relistSoon(replica, ["tools"]);
    },
    onEnd(call, failed) {
      active.take(call.id);
      if (failed) counts.failed++;
      if (queue.size > 0) queueMicrotask(wakeQueue);
    },
  };

  const sessions = createClientSessions({
    config,
    clientInfo: options.clientInfo,
    timeoutMs: startTimeoutMs,
    clock,
    onServerNotification(replica, client, message, envelope) {
      const kinds = CHANGED_KINDS[envelope.method];
      if (kinds === undefined) client.onServerNotification(message, envelope);
      else relistSoon(replica, kinds);
    },
  });

  const subscriptions = createSubscriptions({
    clock,
    timeoutMs: startTimeoutMs,
    replicas: () => [...members.values()].map(({ replica }) => replica),
    onMissed: (replica) => relistSoon(replica, LIST_KINDS),
  });

  const replicaListener: ReplicaListener = {
    async onConnected(replica, open) {
      // Subscribed first: a list that changes while it is read is read again.
      await subscriptions.connected(replica, open);
      const lists = await fetchLists(open.connection, {
        capabilities: open.info.capabilities,
        timeoutMs: startTimeoutMs,
        clock,
      });
      changed(catalog.update(replica.id, lists));
    },
    onStateChange,
    onServerNotification,
    onStderr: (replica, text) => listener.onStderr(pool, memberOf(replica), text),
  };

  for (const [at, upstream] of config.upstreams.entries()) {
    const id = upstream.id ?? `${namespace}-${at + 1}`;
    const { weight = 1, priority = 1, maxConcurrency } = upstream;
    const breaker = createCircuitBreaker({ ...defined(config.breaker ?? {}), name: id, clock });
    const replica = createReplica({
      id,
      config: upstream,
      startTimeoutMs,
      maxMessageBytes: limits.maxResponseBytes,
      maxDepth: limits.maxDepth,
      clientInfo: options.clientInfo,
      hello: sessions.hello,
      health: config.healthCheck ?? {},
      restart: config.restart ?? {},
      starts: options.starts,
      clock,
      random,
      listener: replicaListener,
    });
    members.set(id, { replica, breaker, calls: 0, failures: 0 });
    balancer.add({
      id,
      weight,
      priority,
      ...(maxConcurrency === undefined ? {} : { maxConcurrency }),
      admit() {
        permit = breaker.tryAcquire();
        return permit !== 0;
      },
    });
    balancer.setHealth(id, "unhealthy", "not started");
  }

  const pool: Pool = {
    namespace,
    config,
    get strategy() {
      return balancer.snapshot().strategy;
    },
    catalog,
    members: [...members.values()],
    get inFlight() {
      return active.size;
    },
    get queued() {
      return queue.size;
    },
    calls: counts,
    sessions,
    get isPerClient() {
      return (
        sessions.policy === "per-client" &&
        [...members.values()].every(
          ({ replica }) => replica.connection === undefined || replica.keepsSessions,
        )
      );
    },
    start() {
      for (const { replica } of members.values()) replica.start();
    },
    dispatch(request) {
      const call = new PoolCall(owner, request);
      counts.total++;
      call.id = active.add(call);
      call.start();
      return call;
    },
    keep: subscriptions.keep,
    drop: subscriptions.drop,
    inFlightOf: ({ replica }) => (replica.connection?.inFlight ?? 0) + sessions.countsOf(replica).inFlight,
    async stop() {
      stopped = true;
      for (const call of active.values()) {
        call.abort(
          new AggregatorError("DRAINING", "The gateway is shutting down.", {
            pool: namespace,
            outcome: "unknown",
          }),
        );
      }
      await Promise.all(
        [...members.values()].map(async ({ replica }) => {
          await sessions.close(replica);
          await replica.stop();
        }),
      );
      balancer.close();
    },
  };
  return pool;

  function attempt(call: PoolCall): Attempt | "wait" | AggregatorError {
    const pin = sessions.pinOf(call.request.origin);
    const pinned = pin === undefined ? undefined : attemptWhere(pin, call);
    if (pinned !== undefined) return pinned;
    const exclude =
      call.request.entry?.only === undefined && !call.request.onlyModern ? call.tried : excluded(call);
    return (
      lease(call, exclude) ??
      (call.tried.length > 0 ? lease(call, exclude.slice(call.tried.length)) : undefined) ??
      refusal()
    );
  }

  /** Where its client has a session; undefined when the call has to go elsewhere. */
  function attemptWhere(pin: string, call: PoolCall): Attempt | "wait" | undefined {
    const { entry, onlyModern } = call.request;
    if (call.tried.includes(pin) || entry?.only?.has(pin) === false || onlyModern) return undefined;
    const others = [...members.keys()].filter((id) => id !== pin);
    const granted = lease(call, others);
    if (granted !== undefined) return granted;
    const member = members.get(pin);
    const isBusy = member?.replica.state.status === "ready" && member.breaker.retryAfterMs() === 0;
    return isBusy ? "wait" : undefined;
  }

  /** Those that have failed, and those that cannot do it. */
  function excluded({ tried, request: { entry, onlyModern } }: PoolCall): readonly string[] {
    const unable = [...members].filter(
      ([id, { replica }]) =>
        entry?.only?.has(id) === false || (onlyModern && replica.state.info?.era !== "modern"),
    );
    return [...tried, ...unable.map(([id]) => id)];
  }

  function lease(call: PoolCall, exclude: readonly string[]): Attempt | undefined {
    const granted = balancer.acquire({ exclude, taskClass: call.request.subject });
    if (granted === undefined) return undefined;
    const member = members.get(granted.endpointId);
    const connection = member && sessions.connectionFor(call.request.origin, member.replica);
    if (member === undefined || connection === undefined) {
      granted.release("not-sent");
      return undefined;
    }
    member.calls++;
    return { lease: granted, connection, breaker: member.breaker, permit };
  }

  /** Open breakers are no reason to wait when they stay open for longer than a call would; anything else is. */
  function refusal(): "wait" | AggregatorError {
    const connected = [...members.values()].filter(({ replica }) => replica.state.status === "ready");
    const retryAfterMs = Math.min(...connected.map(({ breaker }) => breaker.retryAfterMs()));
    if (connected.length === 0 || retryAfterMs <= queueTimeoutMs) return "wait";
    return new AggregatorError(
      "CIRCUIT_OPEN",
      `Every upstream of ${namespace} failed too often lately; the next try is in ${Math.ceil(retryAfterMs / 1_000)} s.`,
      { pool: namespace, outcome: "not-executed", retryAfterMs: Math.ceil(retryAfterMs) },
    );
  }

  function wakeQueue(): void {
    for (const call of queue) {
      // Who waits for the upstream that holds its session does not keep others from theirs.
      if (!call.wake() && sessions.pinOf(call.request.origin) === undefined) return;
    }
  }

  function onStateChange(replica: Replica): void {
    const { status, reason } = replica.state;
    const member = memberOf(replica);
    balancer.setHealth(replica.id, status === "ready" ? "healthy" : "unhealthy", reason ?? status);
    if (replica.connection === undefined) subscriptions.disconnected(replica);
    if (status === "ready") {
      // What the breaker knows is about the connection before.
      member.breaker.reset();
      wakeQueue();
    } else if (status === "unhealthy") {
      for (const call of active.values()) {
        if (call.upstream === replica.id) call.abandon(reason ?? "unhealthy");
      }
    }
    listener.onReplicaState(pool, member);
  }

  function onServerNotification(replica: Replica, message: Buffer, envelope: Envelope): void {
    const kinds = CHANGED_KINDS[envelope.method];
    if (kinds === undefined) listener.onServerNotification(pool, memberOf(replica), message, envelope);
    else relistSoon(replica, kinds);
  }

  /** Many changes in a row, as while a server registers its tools, become one new reading of the list. */
  function relistSoon(replica: Replica, kinds: readonly ListKind[]): void {
    const planned = relists.get(replica);
    if (planned !== undefined) {
      for (const kind of kinds) planned.add(kind);
      return;
    }
    relists.set(replica, new Set(kinds));
    void clock.sleep(RELIST_DELAY_MS).then(() => relist(replica));
  }

  async function relist(replica: Replica): Promise<void> {
    const kinds = [...(relists.get(replica) ?? [])];
    relists.delete(replica);
    const { connection } = replica;
    // Without a connection there is nothing to ask; the next one is listed anyway.
    if (connection === undefined || stopped) return;
    try {
      const capabilities = replica.state.info?.capabilities ?? {};
      const lists = { ...catalog.listsOf(replica.id) };
      for (const kind of kinds)
        lists[kind] = await fetchList(connection, kind, { capabilities, timeoutMs: startTimeoutMs, clock });
      changed(catalog.update(replica.id, lists));
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      listener.onProblem(pool, memberOf(replica), `its lists could not be read again: ${why}`);
    }
  }

  function changed(kinds: readonly ListKind[]): void {
    if (kinds.length > 0) listener.onCatalogChange(pool, kinds);
  }

  function memberOf(replica: Replica): PoolMember {
    const member = members.get(replica.id);
    if (member === undefined) throw new Error(`unknown replica ${replica.id}`);
    return member;
  }
}

function balancerFor(
  { namespace, strategy, strategyOptions }: PoolConfig,
  { clock, random }: Pick<PoolOptions, "clock" | "random">,
): Balancer {
  try {
    return createBalancer({
      ...(strategy === undefined ? {} : { strategy }),
      strategyOptions,
      clock,
      random,
      // A pause of this process during a pick is no fault of a built-in strategy.
      ...(typeof strategy === "string" ? { strategyStallMs: Infinity } : {}),
    });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new AggregatorError("INVALID_CONFIG", `pool "${namespace}": ${why}`, {}, { cause: error });
  }
}

const CHANGED_KINDS: Readonly<Record<string, readonly ListKind[] | undefined>> = {
  "notifications/tools/list_changed": ["tools"],
  "notifications/resources/list_changed": ["resources", "resourceTemplates"],
  "notifications/prompts/list_changed": ["prompts"],
};

type Defined<T> = { readonly [K in keyof T]: Exclude<T[K], undefined> };

/** Without the fields that are undefined, so that they do not override defaults. */
function defined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as Defined<T>;
}
