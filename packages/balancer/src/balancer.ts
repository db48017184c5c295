// The balancer: it decides which endpoints may be picked, the strategy decides which one of them is. All
// bookkeeping that a strategy could get wrong (counts, limits, health) is here.
import { type Clock, type Random, systemClock } from "@fairlead/core";
import type { CandidateSet } from "./candidate-set.ts";
import type { Strategy, StrategyHost } from "./contract.ts";
import { type LeaseOutcome, NO_PICK, type StrategyFactory } from "./contract.ts";
import type { EndpointSnapshot } from "./endpoint.ts";
import {
  type EndpointHealth,
  type EndpointOptions,
  type EndpointPatch,
  validateEndpoint,
} from "./endpoint.ts";
import { EndpointError } from "./errors.ts";
import type { BalancerEvent } from "./events.ts";
import { hashString } from "./hash.ts";
import { type Lease, type LeaseOwner, LeaseRecord } from "./lease.ts";
import { createLevel, type Level } from "./level.ts";
import { isFailure, isNeutral } from "./outcome.ts";
import { leastConnections } from "./strategies/least-connections.ts";
import { createStrategyGuard } from "./strategy-guard.ts";
import { instantiate } from "./strategy-registry.ts";
import { createTable, type EndpointRecord } from "./table.ts";

/** Options of {@link createBalancer}. */
export interface BalancerOptions {
  /** A built-in strategy's name, or a factory. @defaultValue `"least-connections"` */
  readonly strategy?: string | StrategyFactory<never>;
  /** Passed to the strategy's factory, which validates them. */
  readonly strategyOptions?: unknown;
  /** @defaultValue the system's monotonic clock */
  readonly clock?: Clock;
  /** Uniform in [0, 1). @defaultValue `Math.random` */
  readonly random?: Random;
  /** A pick of a strategy that takes longer, in ms, counts as a fault; `Infinity` switches the check off. @defaultValue 1 */
  readonly strategyStallMs?: number;
  /** Faults after which the strategy is replaced by least-connections for good; an integer ≥ 1. @defaultValue 3 */
  readonly strategyMaxStrikes?: number;
  /** Called synchronously for every event; must not throw. */
  readonly onEvent?: (event: BalancerEvent) => void;
}

/** What a request asks for; everything is optional. */
export interface AcquireRequest {
  /** Affinity key for strategies that hash: a session, a prompt prefix. */
  readonly key?: string;
  /** Expected work relative to an average request. @defaultValue 1 */
  readonly cost?: number;
  /** Kind of work (a tool, a model) for strategies that learn per kind. */
  readonly taskClass?: string;
  /** Only endpoints with all of these capabilities. */
  readonly capabilities?: readonly string[];
  /** Only endpoints with all of these tags. */
  readonly tags?: readonly string[];
  /** Order in the waiting queue; lower goes first. @defaultValue 0 */
  readonly priority?: number;
  /** Ids of endpoints already tried for the same call. */
  readonly exclude?: readonly string[];
}

/** State of a balancer for dashboards. */
export interface BalancerSnapshot {
  /** The strategy in charge. */
  readonly strategy: string;
  /** `true` once the configured strategy was replaced by the fallback. */
  readonly strategyQuarantined: boolean;
  /** Picks of the strategy that were replaced. */
  readonly strategyFaults: number;
  /** Calls of `release` on a lease that was released before. */
  readonly doubleReleases: number;
  readonly endpoints: readonly EndpointSnapshot[];
}

/** Hands out endpoints. */
export interface Balancer {
  /** Endpoints, whatever their state. */
  readonly size: number;
  /** Endpoints that a request without filters could get now. */
  readonly eligibleCount: number;
  /** Adds an endpoint. @throws {@link EndpointError} `ENDPOINT_EXISTS`; RangeError for a bad option */
  add(options: EndpointOptions): void;
  /** Changes what is given and leaves the rest. @throws {@link EndpointError} `ENDPOINT_UNKNOWN`; RangeError */
  update(id: string, patch: EndpointPatch): void;
  /** Removes an endpoint; leases that are out stay valid. @returns `false` when there was none */
  remove(id: string): boolean;
  /** Sets what the health monitor found. @throws {@link EndpointError} `ENDPOINT_UNKNOWN` */
  setHealth(id: string, health: EndpointHealth, reason?: string): void;
  /** Hands out an endpoint, or `undefined` when none may be picked. Synchronous; allocates the lease only. */
  acquire(request?: AcquireRequest): Lease | undefined;
  /** State for dashboards. */
  snapshot(): BalancerSnapshot;
  /** Forgets all endpoints; nothing can be acquired afterwards. Idempotent. */
  close(): void;
}

/** Creates a balancer without endpoints. @throws RangeError naming the option and its value */
export function createBalancer(options: BalancerOptions = {}): Balancer {
  const { clock = systemClock, random = Math.random, strategyStallMs = 1, strategyMaxStrikes = 3 } = options;
  const { strategy: chosen = "least-connections", strategyOptions } = options;
  if (!(strategyStallMs > 0)) throw new RangeError(`strategyStallMs must be > 0, got ${strategyStallMs}`);
  if (!(Number.isInteger(strategyMaxStrikes) && strategyMaxStrikes >= 1))
    throw new RangeError(`strategyMaxStrikes must be an integer >= 1, got ${strategyMaxStrikes}`);

  const table = createTable();
  const byId = new Map<string, EndpointRecord>();
  const levels: Level[] = [];
  const host: StrategyHost = {
    clock,
    random,
    table,
    child: (factory, childOptions): Strategy => instantiate(factory, childOptions, host),
  };
  // Level 0 exists from the start, so that bad strategy options fail at construction.
  const first = levelFor(0);
  const needs = new Set(first.guard.current.needs);
  const needsLatency = needs.has("latency");
  const needsKey = needs.has("key");
  const needsTaskClass = needs.has("task-class");
  const taskClasses = new Map<string, number>();
  const pickRequest = { keyHash: 0, cost: 1, taskClass: 0, attempt: 0 };
  let doubleReleases = 0;
  let closed = false;

  // The request being narrowed for; set around CandidateSet.refill so that no closure is made per pick.
  let filter: AcquireRequest = {};
  let refusedSlots = new Uint8Array(table.capacity);
  let refusedCount = 0;

  const owner: LeaseOwner = { settle, releasedTwice };

  return {
    get size() {
      return byId.size;
    },
    get eligibleCount() {
      let count = 0;
      for (const level of levels) count += level.candidates.count;
      return count;
    },
    add,
    update,
    remove,
    setHealth,
    acquire,
    snapshot,
    close,
  };

  function add(endpoint: EndpointOptions): void {
    if (closed) throw new RangeError(`add must not be called on a closed balancer, got "${endpoint.id}"`);
    validateEndpoint(endpoint);
    if (byId.has(endpoint.id)) throw new EndpointError("ENDPOINT_EXISTS", endpoint.id);
    const record = table.insert(endpoint);
    byId.set(record.id, record);
    const level = levelFor(record.priority);
    level.size += 1;
    level.guard.onEndpoint(record.slot, "reset");
    refresh(record);
    emit({ type: "endpoint-added", endpointId: record.id });
  }

  function update(id: string, patch: EndpointPatch): void {
    validateEndpoint(patch);
    const record = known(id);
    if (patch.tags !== undefined) record.tags = new Set(patch.tags);
    if (patch.capabilities !== undefined) record.capabilities = new Set(patch.capabilities);
    if (patch.admit !== undefined) record.admit = patch.admit;
    if (patch.maxConcurrency !== undefined) table.maxConcurrency[record.slot] = patch.maxConcurrency;
    if (patch.weight !== undefined) {
      record.staticWeight = patch.weight;
      table.weight[record.slot] = patch.weight;
      levelFor(record.priority).guard.onEndpoint(record.slot, "weight");
    }
    if (patch.priority !== undefined && patch.priority !== record.priority) moveTo(record, patch.priority);
    refresh(record);
    emit({ type: "endpoint-updated", endpointId: id });
  }

  function moveTo(record: EndpointRecord, priority: number): void {
    const from = levelFor(record.priority);
    from.size -= 1;
    if (from.candidates.delete(record.slot)) from.guard.onEndpoint(record.slot, "ineligible");
    record.priority = priority;
    const to = levelFor(priority);
    to.size += 1;
    to.guard.onEndpoint(record.slot, "reset");
  }

  function remove(id: string): boolean {
    const record = byId.get(id);
    if (record === undefined) return false;
    byId.delete(id);
    record.removed = true;
    levelFor(record.priority).size -= 1;
    refresh(record);
    if (table.inFlight[record.slot] === 0) table.free(record.slot);
    emit({ type: "endpoint-removed", endpointId: id });
    return true;
  }

  function setHealth(id: string, health: EndpointHealth, reason?: string): void {
    const record = known(id);
    record.healthReason = reason;
    if (record.health === health) return;
    record.health = health;
    refresh(record);
    emit({ type: "health-changed", endpointId: id, health, reason });
  }

  function acquire(request?: AcquireRequest): Lease | undefined {
    pickRequest.cost = request?.cost ?? 1;
    pickRequest.attempt = request?.exclude?.length ?? 0;
    pickRequest.keyHash = needsKey && request?.key !== undefined ? hashString(request.key) : 0;
    pickRequest.taskClass =
      needsTaskClass && request?.taskClass !== undefined ? internTaskClass(request.taskClass) : 0;
    const filtered =
      request !== undefined &&
      (request.exclude !== undefined || request.capabilities !== undefined || request.tags !== undefined);
    for (const level of levels) {
      if (level.candidates.count === 0) continue;
      const lease = acquireFrom(level, filtered ? request : undefined);
      if (lease !== undefined) return lease;
    }
    return undefined;
  }

  function acquireFrom(level: Level, request: AcquireRequest | undefined): Lease | undefined {
    let candidates: CandidateSet = level.candidates;
    if (request !== undefined) candidates = narrow(level, request);
    let lease: Lease | undefined;
    while (candidates.count > 0) {
      const slot = level.guard.pick(candidates, pickRequest, candidates.has);
      if (slot === NO_PICK) break;
      const record = table.record(slot);
      if (record.admit === undefined || record.admit()) {
        lease = handOut(level, record);
        break;
      }
      record.refused += 1;
      if (refusedSlots.length < table.capacity) {
        const larger = new Uint8Array(table.capacity);
        larger.set(refusedSlots);
        refusedSlots = larger;
      }
      refusedSlots[slot] = 1;
      refusedCount += 1;
      candidates = narrow(level, request ?? {});
    }
    if (refusedCount > 0) {
      refusedSlots.fill(0);
      refusedCount = 0;
    }
    return lease;
  }

  function handOut(level: Level, record: EndpointRecord): Lease {
    const { slot } = record;
    const inFlight = (table.inFlight[slot] as number) + 1;
    table.inFlight[slot] = inFlight;
    record.picked += 1;
    const startedAtMs = needsLatency ? clock.now() : Number.NaN;
    const lease = new LeaseRecord(owner, record.id, slot, inFlight, pickRequest, startedAtMs);
    level.guard.onStart(lease);
    if (inFlight === table.maxConcurrency[slot]) refresh(record);
    return lease;
  }

  function settle(lease: LeaseRecord, outcome: LeaseOutcome, reportedMs: number | undefined): void {
    const { slot } = lease;
    const record = table.record(slot);
    const inFlight = (table.inFlight[slot] as number) - 1;
    table.inFlight[slot] = inFlight;
    if (isFailure(outcome)) record.failed += 1;
    else if (isNeutral(outcome)) record.neutral += 1;
    else record.succeeded += 1;
    const latencyMs = reportedMs ?? (needsLatency ? clock.now() - lease.startedAtMs : Number.NaN);
    levelFor(record.priority).guard.onEnd(lease, outcome, latencyMs);
    if (record.removed) {
      if (inFlight === 0) table.free(slot);
    } else if (inFlight + 1 === table.maxConcurrency[slot]) refresh(record);
  }

  function releasedTwice(lease: LeaseRecord): void {
    doubleReleases += 1;
    emit({ type: "lease-released-twice", endpointId: lease.endpointId });
  }

  function narrow(level: Level, request: AcquireRequest): CandidateSet {
    filter = request;
    level.narrowed.refill(level.candidates, passesFilter);
    filter = {};
    return level.narrowed;
  }

  function passesFilter(slot: number): boolean {
    if (refusedCount > 0 && refusedSlots[slot] === 1) return false;
    const record = table.record(slot);
    const { exclude, capabilities, tags } = filter;
    if (exclude !== undefined) for (const id of exclude) if (id === record.id) return false;
    if (capabilities !== undefined)
      for (const capability of capabilities) if (!record.capabilities.has(capability)) return false;
    if (tags !== undefined) for (const tag of tags) if (!record.tags.has(tag)) return false;
    return true;
  }

  /** Brings an endpoint's membership in its level's candidates in line with its state. */
  function refresh(record: EndpointRecord): void {
    const { slot } = record;
    const limit = table.maxConcurrency[slot] as number;
    const eligible =
      !record.removed &&
      record.health === "healthy" &&
      (limit === 0 || (table.inFlight[slot] as number) < limit);
    const level = levelFor(record.priority);
    if (eligible && level.candidates.insert(slot)) level.guard.onEndpoint(slot, "eligible");
    else if (!eligible && level.candidates.delete(slot)) level.guard.onEndpoint(slot, "ineligible");
  }

  function levelFor(priority: number): Level {
    let index = 0;
    for (; index < levels.length; index++) {
      const level = levels[index];
      if (level === undefined || level.priority > priority) break;
      if (level.priority === priority) return level;
    }
    const guard = createStrategyGuard({
      strategy: instantiate(chosen, strategyOptions, host),
      createFallback: () => leastConnections(undefined, host),
      clock,
      stallMs: typeof chosen === "string" ? Number.POSITIVE_INFINITY : strategyStallMs,
      maxStrikes: strategyMaxStrikes,
      onFault: (fault, strategy, cause) =>
        emit({ type: "strategy-fault", strategy: strategy.name, fault, cause }),
      onQuarantine: (strategy, fallback) =>
        emit({ type: "strategy-quarantined", strategy: strategy.name, fallback: fallback.name }),
    });
    const created = createLevel(priority, table, guard);
    levels.splice(index, 0, created);
    return created;
  }

  function internTaskClass(name: string): number {
    const found = taskClasses.get(name);
    if (found !== undefined) return found;
    // Bounded: names come from clients. Names beyond the bound share class 0.
    if (taskClasses.size >= 1023) return 0;
    taskClasses.set(name, taskClasses.size + 1);
    return taskClasses.size;
  }

  function known(id: string): EndpointRecord {
    const record = byId.get(id);
    if (record === undefined) throw new EndpointError("ENDPOINT_UNKNOWN", id);
    return record;
  }

  function snapshot(): BalancerSnapshot {
    const guard = first.guard;
    return {
      strategy: guard.current.name,
      strategyQuarantined: guard.quarantined,
      strategyFaults: levels.reduce((sum, level) => sum + level.guard.faults, 0),
      doubleReleases,
      endpoints: [...byId.values()].map(describe),
    };
  }

  function describe(record: EndpointRecord): EndpointSnapshot {
    const { slot, picked, succeeded, failed, neutral, refused } = record;
    return {
      id: record.id,
      health: record.health,
      healthReason: record.healthReason,
      priority: record.priority,
      weight: record.staticWeight,
      effectiveWeight: table.weight[slot] as number,
      maxConcurrency: table.maxConcurrency[slot] as number,
      inFlight: table.inFlight[slot] as number,
      ejected: false,
      eligible: levelFor(record.priority).candidates.has(slot),
      counts: { picked, succeeded, failed, neutral, refused, ejections: 0 },
    };
  }

  function close(): void {
    closed = true;
    for (const id of [...byId.keys()]) remove(id);
  }

  function emit(event: BalancerEvent): void {
    options.onEvent?.(event);
  }
}
