// The upstreams of one namespace: their lives, their catalog, and the calls that run on them.
import type { BalancerEvent, BalancerSnapshot, Explanation } from "@fairlead/balancer";
import { type Clock, createTimerWheel, type Random, sharedTimerWheel, systemClock } from "@fairlead/core";
import { LIST_KINDS, type ListKind } from "../catalog/lists.ts";
import { createPoolCatalog, type PoolCatalog } from "../catalog/pool-catalog.ts";
import type { LimitsConfig, PoolConfig } from "../config.ts";
import { AggregatorError } from "../errors.ts";
import type { Replica } from "../upstream/replica.ts";
import type { StartLimiter } from "../upstream/start-limiter.ts";
import type { Envelope } from "../wire/envelope.ts";
import { rpcCode } from "../wire/reply.ts";
import { createAutoscaler } from "./autoscaler.ts";
import { type Calls, createCalls } from "./calls.ts";
import { type ClientSessions, createClientSessions } from "./client-sessions.ts";
import { type PoolMember, stateOf } from "./member.ts";
import { createMembers } from "./members.ts";
import { createRelist } from "./relist.ts";
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
  readonly calls: Calls;
  /** The sessions that clients have with its upstreams. */
  readonly sessions: ClientSessions;
  /** Whether each client has a session of its own, as far as the servers keep any. */
  readonly isPerClient: boolean;
  start(): void;
  /** A client asks for a list, and gets what is known of it. */
  noteListing(kind: ListKind): void;
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
  stop(): Promise<void>;
}

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
  const wheel = clock === systemClock ? sharedTimerWheel : createTimerWheel({ clock });
  let stopped = false;
  let upstreams: Upstreams | undefined;

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
        calls.forget(id);
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

  const calls = createCalls({
    namespace,
    config: () => config,
    clock,
    wheel,
    members,
    sessions,
    onFailure({ replica }, failure) {
      // A server that has no room at all says so to health checks, too, which then also see when it has room again.
      if (failure.kind === "transport" || failure.status === 503) replica.suspect();
      // Its tools want other header fields than they did when they were listed.
      if (failure.rpcError?.code === rpcCode.headerMismatch) relist.soon(replica, ["tools"]);
    },
    onFailover: (from, to, reason) => listener.onFailover(pool, from, to, reason),
  });
  const autoscaler = createAutoscaler({
    clock,
    wheel,
    replicasOf: (upstream) => [...members.byId.values()].filter((member) => member.upstream === upstream),
    queue: () => calls,
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
    calls,
    sessions,
    get isPerClient() {
      return (
        sessions.policy() === "per-client" &&
        members.all.every(({ replica }) => replica.connection === undefined || replica.keepsSessions)
      );
    },
    start: members.start,
    noteListing(kind) {
      for (const { replica } of members.all)
        if (replica.state.status === "ready") relist.asked(replica, kind);
    },
    keep: subscriptions.keep,
    drop: subscriptions.drop,
    configure(next) {
      checked(namespace, () => {
        const apply = calls.prepare(next);
        members.configure(next);
        config = next;
        apply();
      });
    },
    drain(member, reason, timeoutMs) {
      members.setMode(member, "draining", reason);
      return members.idle(member, timeoutMs);
    },
    undrain(member) {
      if (member.mode === "draining") members.setMode(member, "active", null);
    },
    explain: (tool) => members.explain(tool === undefined ? {} : { taskClass: tool }),
    async stop() {
      stopped = true;
      autoscaler.stop();
      calls.abortAll(
        new AggregatorError("DRAINING", "The gateway is shutting down.", {
          pool: namespace,
          outcome: "unknown",
        }),
      );
      await Promise.all([sessions.closeAll(), members.stop()]);
    },
  };
  return pool;

  function onState(member: PoolMember): void {
    const { replica } = member;
    if (replica.connection === undefined) subscriptions.disconnected(replica);
    if (replica.state.status === "stopped") void sessions.close(replica);
    const { status, reason } = stateOf(member);
    if (status === "ready") calls.pump();
    else if (status === "unhealthy") calls.abandon(member, reason ?? "unhealthy");
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
    if (kinds.includes("tools")) calls.cache?.clear();
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
