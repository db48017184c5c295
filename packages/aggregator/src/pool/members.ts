// Who belongs to a pool at run time: upstreams join, leave and are replaced while calls run.
import { isDeepStrictEqual } from "node:util";
import type { AcquireRequest, BalancerEvent, BalancerSnapshot, Explanation, Lease } from "@fairlead/balancer";
import {
  type Clock,
  createCircuitBreaker,
  createRateLimiter,
  type Random,
  type RateLimiter,
  type TimerWheel,
} from "@fairlead/core";
import { CallWindow } from "../analytics/call-window.ts";
import type { LimitsConfig, PoolConfig, UpstreamConfig } from "../config.ts";
import type { Hello } from "../upstream/control.ts";
import { createReplica, type Replica, type ReplicaListener } from "../upstream/replica.ts";
import type { StartLimiter } from "../upstream/start-limiter.ts";
import { breakerOptions } from "./balancer-options.ts";
import { createBalancing } from "./balancing.ts";
import type { MemberMode, PoolMember } from "./member.ts";
import { createMemberExit, type ReplaceOptions } from "./member-exit.ts";
import { isSameConnection } from "./update-plan.ts";

export interface MembersOptions {
  readonly limits: Required<{ readonly [K in keyof LimitsConfig]: number }>;
  readonly clientInfo: { readonly name: string; readonly version: string };
  /** How their own connections introduce themselves. */
  readonly hello: () => Hello;
  /** Zone that the gateway is in. */
  readonly zone: string | undefined;
  /** Built-in strategies that routing rules now ask for instead of the pool's own. */
  readonly routingStrategies: () => readonly string[];
  readonly starts: StartLimiter;
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly random: Random;
  readonly listener: MembersListener;
}

interface MembersListener extends Omit<ReplicaListener, "onStateChange" | "onChecked"> {
  /** Its state, or what its operator wants of it, has changed. */
  onState(member: PoolMember): void;
  /** It has taken the place of another one, or is new: from here on its lists count. */
  onJoined(member: PoolMember): void;
  /** Its id belongs to nobody any more. */
  onLeft(member: PoolMember): void;
  onBalancerEvent(event: BalancerEvent): void;
}

/** An upstream for one attempt. */
interface Grant {
  readonly lease: Lease;
  readonly member: PoolMember;
  /** The permit of the member's breaker. */
  readonly permit: number;
}

export interface Members {
  /** Those that belong to the pool, by id. */
  readonly byId: ReadonlyMap<string, PoolMember>;
  /** Those that belong to it and those that are on their way out. */
  readonly all: readonly PoolMember[];
  readonly balancing: BalancerSnapshot;
  /** Whose replica it is, as long as it has not been stopped. */
  of(replica: Replica): PoolMember | undefined;
  isCurrent(member: PoolMember): boolean;
  /** `strategy` is one of {@link MembersOptions.routingStrategies}; without it the pool's own picks. */
  acquire(request: AcquireRequest, strategy?: string): Grant | undefined;
  /** How a request would be placed now; changes nothing. */
  explain(request: AcquireRequest): Explanation;
  /** Adds an upstream and, unless it is disabled or the pool has not been started, starts it. */
  join(id: string, upstream: string, config: UpstreamConfig): PoolMember;
  /** Takes it out at once; resolves when its calls have ended, or `drainTimeoutMs` have passed, and it has been stopped. */
  retire(member: PoolMember, drainTimeoutMs: number): Promise<void>;
  /**
   * Puts a new one in its place: when that is ready, or at once if there is nothing to lose. With `endFirst` the old one
   * finishes and ends before the new one starts.
   * @throws {@link AggregatorError} `CONNECTION_FAILED` when it did not become ready; the old one goes on
   */
  replace(member: PoolMember, config: UpstreamConfig, options: ReplaceOptions): Promise<void>;
  /** Changes what needs no new process. */
  adjust(member: PoolMember, config: UpstreamConfig): void;
  setMode(member: PoolMember, mode: MemberMode, reason: string | null): void;
  /** Resolves when it has no calls, or after `timeoutMs`, or when it no longer drains. */
  idle(member: PoolMember, timeoutMs: number): Promise<void>;
  /** Resolves when it is ready, or has failed once; at once in a pool that has not been started. */
  settled(member: PoolMember): Promise<void>;
  start(): void;
  /** Applies another configuration of the pool; the upstreams in it are not its business. */
  configure(config: PoolConfig): void;
  stop(): Promise<void>;
}

export function createMembers(initial: PoolConfig, options: MembersOptions): Members {
  const { clock, listener } = options;
  const byId = new Map<string, PoolMember>();
  const live = new Map<Replica, PoolMember>();
  const waiting = new Map<Replica, Set<() => void>>();
  const rates = new Map<string, { readonly perMinute: number; readonly limiter: RateLimiter }>();
  let config = initial;
  const balancing = createBalancing(config, { ...options, members: () => byId.values() });
  let started = false;
  let stopped = false;

  const replicaListener: ReplicaListener = {
    ...listener,
    onChecked(replica) {
      const breaker = live.get(replica)?.breaker;
      if (breaker !== undefined && breaker.state.status !== "closed") breaker.reset();
    },
    onStateChange(replica) {
      const member = live.get(replica);
      if (member === undefined) return;
      if (replica.state.status !== "starting") {
        for (const wake of waiting.get(replica) ?? []) wake();
        waiting.delete(replica);
      }
      // What the breaker knows is about the connection before.
      if (replica.state.status === "ready") member.breaker.reset();
      if (isCurrent(member)) balancing.showHealth(member);
      // A candidate is nobody's business until it has joined.
      if (isCurrent(member) || member.mode === "leaving") listener.onState(member);
    },
  };

  const exit = createMemberExit({
    clock,
    isStarted: () => started,
    isStopped: () => stopped,
    isCurrent,
    create,
    swap(member, next) {
      byId.delete(member.id);
      balancing.remove(member.id);
      enter(next);
      listener.onJoined(next);
      if (started && next.mode !== "disabled" && next.replica.state.status !== "ready") next.replica.start();
      listener.onState(next);
    },
    setMode,
    settled,
    forget({ replica, upstream }) {
      live.delete(replica);
      // What a provider allows is remembered for as long as anybody goes to it.
      if (![...live.values()].some((other) => other.upstream === upstream)) rates.delete(upstream);
    },
  });

  return {
    byId,
    get all() {
      return [...byId.values(), ...[...live.values()].filter(({ mode }) => mode === "leaving")];
    },
    get balancing() {
      return balancing.snapshot();
    },
    of: (replica) => live.get(replica),
    isCurrent,
    acquire(request, strategy) {
      const lease = balancing.acquire(request, strategy);
      if (lease === undefined) return undefined;
      const member = byId.get(lease.endpointId);
      if (member === undefined) {
        lease.release("not-sent");
        return undefined;
      }
      return { lease, member, permit: balancing.permit };
    },
    explain: balancing.explain,
    join(id, upstream, upstreamConfig) {
      const member = create(id, upstream, upstreamConfig);
      enter(member);
      if (started && member.mode === "active") member.replica.start();
      else if (started) listener.onState(member);
      return member;
    },
    async retire(member, drainTimeoutMs) {
      if (isCurrent(member)) {
        byId.delete(member.id);
        balancing.remove(member.id);
        listener.onLeft(member);
      }
      await exit.finish(member, drainTimeoutMs);
    },
    replace: exit.replace,
    adjust(member, next) {
      member.config = next;
      member.rate = rateOf(member.upstream, next.requestsPerMinute);
      balancing.adjust(member);
    },
    setMode,
    idle: exit.idle,
    settled,
    start() {
      started = true;
      for (const { mode, replica } of byId.values()) if (mode !== "disabled") replica.start();
    },
    configure,
    async stop() {
      stopped = true;
      await Promise.all([...live.keys()].map((replica) => replica.stop()));
      balancing.close();
    },
  };

  function isCurrent(member: PoolMember): boolean {
    return byId.get(member.id) === member;
  }

  function create(id: string, upstream: string, upstreamConfig: UpstreamConfig): PoolMember {
    const { enabled = true } = upstreamConfig;
    const twin = [...byId.values()].find(
      (member) => member.upstream === upstream && isSameConnection(member.config, upstreamConfig),
    );
    const replica = createReplica({
      ...options,
      hello: options.hello(),
      id,
      config: upstreamConfig,
      startTimeoutMs: config.startTimeoutMs ?? 10_000,
      maxMessageBytes: options.limits.maxResponseBytes,
      maxDepth: options.limits.maxDepth,
      health: config.healthCheck ?? {},
      restart: config.restart ?? {},
      listener: replicaListener,
      // Each of them is the same server, which was asked already.
      ...(twin === undefined ? {} : { era: twin.replica.era }),
    });
    const member: PoolMember = {
      id,
      upstream,
      config: upstreamConfig,
      replica,
      breaker: breakerFor(id, config),
      mode: enabled ? "active" : "disabled",
      modeReason: enabled ? null : "disabled in the configuration",
      inFlight: 0,
      rate: rateOf(upstream, upstreamConfig.requestsPerMinute),
      calls: 0,
      failures: 0,
      window: new CallWindow(clock.now()),
      brokenTogether: undefined,
    };
    live.set(replica, member);
    return member;
  }

  /** All replicas of an upstream, and those that follow them, share what its provider allows. */
  function rateOf(upstream: string, perMinute: number | undefined): RateLimiter | undefined {
    const known = rates.get(upstream);
    if (known?.perMinute === perMinute) return known?.limiter;
    if (perMinute === undefined) {
      rates.delete(upstream);
      return undefined;
    }
    const limiter = createRateLimiter({ ratePerSecond: perMinute / 60, burst: perMinute, clock });
    rates.set(upstream, { perMinute, limiter });
    return limiter;
  }

  function breakerFor(id: string, { breaker }: PoolConfig): PoolMember["breaker"] {
    return createCircuitBreaker({ ...breakerOptions(breaker), name: id, clock });
  }

  function enter(member: PoolMember): void {
    byId.set(member.id, member);
    balancing.add(member);
  }

  function setMode(member: PoolMember, mode: MemberMode, reason: string | null): void {
    member.mode = mode;
    member.modeReason = reason;
    if (isCurrent(member)) balancing.showHealth(member);
    listener.onState(member);
  }

  function settled({ replica }: PoolMember): Promise<void> {
    if (!started || replica.state.status !== "starting") return Promise.resolve();
    return new Promise((resolve) => {
      const wakes = waiting.get(replica) ?? new Set();
      waiting.set(replica, wakes.add(resolve));
    });
  }

  function configure(next: PoolConfig): void {
    const isSameBreaker = isDeepStrictEqual(config.breaker, next.breaker);
    // Whatever is wrong with the options is found before anything changes.
    breakerFor("", next);
    balancing.configure(next);
    config = next;
    for (const member of byId.values()) {
      if (!isSameBreaker) member.breaker = breakerFor(member.id, next);
      member.replica.configure(next.healthCheck ?? {}, next.restart ?? {});
    }
  }
}
