// The balancer of a pool: who is in it and how well they are, and another one in its place when its options change.
import { isDeepStrictEqual } from "node:util";
import {
  type AcquireRequest,
  type Balancer,
  type BalancerEvent,
  type BalancerSnapshot,
  createBalancer,
  type Explanation,
  type Lease,
} from "@fairlead/balancer";
import type { Clock, Random, TimerWheel } from "@fairlead/core";
import type { PoolConfig } from "../config.ts";
import { switchingStrategy } from "../router/switching-strategy.ts";
import { BALANCER_KEYS, balancerOptions } from "./balancer-options.ts";
import { createLoadWatch } from "./load-watch.ts";
import { endpointOf, isServing, type PoolMember } from "./member.ts";

export interface BalancingOptions {
  /** Zone that the gateway is in. */
  readonly zone: string | undefined;
  /** Built-in strategies that routing rules now ask for instead of the pool's own. */
  readonly routingStrategies: () => readonly string[];
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly random: Random;
  /** Those that belong to the pool. */
  readonly members: () => Iterable<PoolMember>;
  readonly listener: { onBalancerEvent(event: BalancerEvent): void };
}

export interface Balancing {
  /** The permit that the member's breaker gave during the last `acquire`. */
  readonly permit: number;
  /** `strategy` is one of {@link BalancingOptions.routingStrategies}; without it the pool's own picks. */
  acquire(request: AcquireRequest, strategy?: string): Lease | undefined;
  explain(request: AcquireRequest): Explanation;
  snapshot(): BalancerSnapshot;
  add(member: PoolMember): void;
  /** Leases that are out stay valid. */
  remove(id: string): void;
  /** Its weight, limits or labels have changed. */
  adjust(member: PoolMember): void;
  /** Its state has changed, or what its operator wants of it. */
  showHealth(member: PoolMember): void;
  /** Applies other options. @throws RangeError and others, and then nothing has changed */
  configure(config: PoolConfig): void;
  close(): void;
}

export function createBalancing(initial: PoolConfig, options: BalancingOptions): Balancing {
  const { clock, zone, members } = options;
  let config = initial;
  /** The strategy that the last `acquire` asked for. */
  let selected: string | undefined;
  let permit = 0;
  let switchable = options.routingStrategies();
  let balancer = createBalancerFor(config, switchable, options, () => selected);
  const loadWatch = createLoadWatch({
    clock,
    wheel: options.wheel,
    members,
    report(member, load) {
      for (const known of members()) if (known === member) balancer.report(member.id, load);
    },
  });
  loadWatch.turn(wantsLoad(config, switchable));

  return {
    get permit() {
      return permit;
    },
    acquire(request, strategy) {
      selected = strategy;
      return balancer.acquire(request);
    },
    explain: (request) => balancer.explain(request),
    snapshot: () => balancer.snapshot(),
    add(member) {
      introduce(balancer, member);
      showHealth(member);
    },
    remove: (id) => void balancer.remove(id),
    adjust: (member) => balancer.update(member.id, endpointOf(member.config, zone)),
    showHealth,
    configure(next) {
      const strategies = options.routingStrategies();
      const isSame = BALANCER_KEYS.every((key) => isDeepStrictEqual(config[key], next[key]));
      if (!isSame || !isDeepStrictEqual(strategies, switchable)) {
        const old = balancer;
        balancer = createBalancerFor(next, strategies, options, () => selected);
        for (const member of members()) {
          introduce(balancer, member);
          showHealth(member);
        }
        old.close();
      }
      config = next;
      switchable = strategies;
      loadWatch.turn(wantsLoad(next, strategies));
    },
    close() {
      loadWatch.turn(false);
      balancer.close();
    },
  };

  function introduce(to: Balancer, member: PoolMember): void {
    to.add({
      id: member.id,
      ...endpointOf(member.config, zone),
      admit() {
        // The balancer counts too; but calls that began under another strategy were counted by another balancer.
        const { maxConcurrency } = member.config;
        if (maxConcurrency !== undefined && member.inFlight >= maxConcurrency) return false;
        if (member.rate !== undefined && member.rate.retryAfterMs() > 0) return false;
        permit = member.breaker.tryAcquire();
        return permit !== 0 && (member.rate === undefined || member.rate.tryAcquire());
      },
    });
  }

  function showHealth(member: PoolMember): void {
    const { status, reason } = member.replica.state;
    if (member.mode === "active")
      balancer.setHealth(member.id, isServing(member) ? "healthy" : "unhealthy", reason ?? status);
    // Not among those whose share decides about panic.
    else balancer.setHealth(member.id, "draining", member.modeReason ?? member.mode);
  }
}

function createBalancerFor(
  config: PoolConfig,
  switchable: readonly string[],
  { clock, random, listener }: Pick<BalancingOptions, "clock" | "random" | "listener">,
  selected: () => string | undefined,
): Balancer {
  const options = balancerOptions(config);
  const { strategy } = options;
  return createBalancer({
    ...options,
    strategy: switchable.length === 0 ? strategy : switchingStrategy(strategy, switchable, selected),
    clock,
    random,
    onEvent: (event) => listener.onBalancerEvent(event),
  });
}

function wantsLoad({ strategy, loadReports }: PoolConfig, switchable: readonly string[]): boolean {
  return loadReports ?? [strategy, ...switchable].includes("resource-aware");
}
