// The balancer: it decides which endpoints may be picked, the strategy decides which one of them is. All
// bookkeeping that a strategy could get wrong (counts, limits, health) is on this side.
import { systemClock } from "@fairlead/core";
import type { AcquireRequest } from "./acquire-request.ts";
import { type BalancerOptions, validateBalancerOptions } from "./balancer-options.ts";
import type { CandidateSet } from "./candidate-set.ts";
import { type LeaseOutcome, type LoadReport, NO_PICK, type Strategy, type StrategyHost } from "./contract.ts";
import type { EndpointHealth, EndpointOptions, EndpointPatch } from "./endpoint.ts";
import type { BalancerEvent } from "./events.ts";
import { type Explanation, explainRequest } from "./explain.ts";
import { hashString } from "./hash.ts";
import { type Lease, type LeaseOwner, LeaseRecord } from "./lease.ts";
import { createLeaseAges } from "./lease-ages.ts";
import type { Level } from "./level.ts";
import { createMembership } from "./membership.ts";
import { isFailure, isNeutral } from "./outcome.ts";
import { createOutlierDetector } from "./outlier-ejection.ts";
import { createRequestFilter, hasFilters, rejects } from "./request-filter.ts";
import { createSlowStart } from "./slow-start.ts";
import { type BalancerSnapshot, describeEndpoint } from "./snapshot.ts";
import { leastConnections } from "./strategies/least-connections.ts";
import { createStrategyGuard, type StrategyGuard } from "./strategy-guard.ts";
import { instantiate } from "./strategy-registry.ts";
import { createTable, type EndpointRecord } from "./table.ts";
import { createWaitQueue } from "./wait-queue.ts";

const NOTHING: readonly string[] = [];

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
  /** Notes what an endpoint says about its load. @throws {@link EndpointError} `ENDPOINT_UNKNOWN` */
  report(id: string, report: LoadReport): void;
  /** Hands out an endpoint, or `undefined` when none may be picked. Synchronous; allocates the lease only. */
  acquire(request?: AcquireRequest): Lease | undefined;
  /**
   * Hands out an endpoint as soon as one is free, in the order of {@link QueueOptions}.
   *
   * @throws {@link NoEndpointError} when none could serve the request even if it were free;
   * {@link QueueFullError}; the signal's reason
   */
  wait(request?: AcquireRequest, signal?: AbortSignal): Promise<Lease>;
  /** How a request would be placed now; changes nothing. */
  explain(request?: AcquireRequest): Explanation;
  /** State for dashboards. */
  snapshot(): BalancerSnapshot;
  /** Forgets all endpoints and rejects who waits; nothing can be acquired afterwards. Idempotent. */
  close(): void;
}

/** Creates a balancer without endpoints. @throws RangeError naming the option and its value; {@link StrategyError} */
export function createBalancer(options: BalancerOptions = {}): Balancer {
  validateBalancerOptions(options);
  const { clock = systemClock, random = Math.random, maxLeaseMs = Number.POSITIVE_INFINITY } = options;
  const { strategy: chosen = "shortest-expected-delay", strategyOptions, outlierEjection = {} } = options;

  const table = createTable();
  const detector =
    outlierEjection === false ? undefined : createOutlierDetector(() => clock.now(), outlierEjection);
  const host: StrategyHost = {
    clock,
    random,
    table,
    child: (factory, childOptions): Strategy => instantiate(factory, childOptions, host),
  };
  const membership = createMembership({
    table,
    clock,
    createGuard,
    detector,
    slowStart: createSlowStart(options.slowStart),
    panicThresholdRatio: options.panicThresholdRatio ?? 0.5,
    overprovisioningFactor: options.overprovisioningFactor ?? 1.4,
    emit,
  });
  const { levels, byId } = membership;
  const [firstLevel] = levels;
  const needs = new Set(firstLevel?.guard.current.needs);
  const needsLatency = needs.has("latency") || detector?.needsLatency === true;
  const needsKey = needs.has("key");
  const needsTaskClass = needs.has("task-class");
  const detectsLeaks = maxLeaseMs !== Number.POSITIVE_INFINITY;
  const needsStart = needsLatency || detectsLeaks;

  const taskClasses = new Map<string, number>();
  const pickRequest = {
    keyHash: 0,
    cost: 1,
    taskClass: 0,
    attempt: 0,
    capabilities: NOTHING,
    prefers: NOTHING,
  };
  const filter = createRequestFilter(table);
  const ages = createLeaseAges();
  const queue = createWaitQueue(options.queue ?? {}, clock, acquire, mayServeLater);
  const owner: LeaseOwner = { settle, releasedTwice };
  let doubleReleases = 0;
  let leakedLeases = 0;
  let handedOutAny = false;
  let closed = false;
  let watching = false;
  const closing = new AbortController();

  return {
    get size() {
      return byId.size;
    },
    get eligibleCount() {
      catchUp();
      let count = 0;
      for (const level of levels) count += level.candidates.count;
      return count;
    },
    add(endpoint) {
      if (closed) throw new RangeError(`add must not be called on a closed balancer, got "${endpoint.id}"`);
      membership.add(endpoint, handedOutAny);
      queue.pump();
    },
    update(id, patch) {
      membership.update(id, patch);
      queue.pump();
    },
    remove(id) {
      const removed = membership.remove(id);
      queue.pump();
      return removed;
    },
    setHealth(id, health, reason) {
      membership.setHealth(id, health, reason);
      queue.pump();
    },
    report(id, load) {
      const record = membership.get(id);
      record.load = load;
      record.loadReportedAtMs = clock.now();
      record.level.guard.onLoadReport(record.slot, load);
    },
    acquire,
    wait(request = {}, signal) {
      const lease = queue.wait(request, signal);
      watch();
      return lease;
    },
    explain(request = {}) {
      catchUp();
      describeRequest(request);
      return explainRequest(request, pickRequest, levels, byId.values(), table);
    },
    snapshot,
    close() {
      closed = true;
      closing.abort();
      queue.close();
      for (const id of [...byId.keys()]) membership.remove(id);
    },
  };

  function acquire(request?: AcquireRequest): Lease | undefined {
    if (membership.nextChangeAtMs !== Number.POSITIVE_INFINITY) membership.tick(clock.now());
    if (detectsLeaks) takeBackLeaked(clock.now());
    describeRequest(request);
    const filtered = request !== undefined && hasFilters(request) ? request : undefined;
    const start = levels.length === 1 ? firstLevel : spillOver();
    const lease = start === undefined ? undefined : acquireFrom(start, filtered);
    if (lease !== undefined || levels.length === 1) return lease;
    for (const level of levels) {
      if (level === start) continue;
      const other = acquireFrom(level, filtered);
      if (other !== undefined) return other;
    }
    return undefined;
  }

  function describeRequest(request: AcquireRequest | undefined): void {
    const { key, taskClass, exclude, cost, capabilities, prefers } = request ?? {};
    pickRequest.cost = cost !== undefined && cost > 0 ? cost : 1;
    pickRequest.attempt = exclude === undefined ? 0 : exclude.length;
    pickRequest.capabilities = capabilities ?? NOTHING;
    pickRequest.prefers = prefers ?? NOTHING;
    pickRequest.keyHash = needsKey && key !== undefined ? hashString(key) : 0;
    pickRequest.taskClass = needsTaskClass && taskClass !== undefined ? internTaskClass(taskClass) : 0;
  }

  /** The level at which this request begins its search. */
  function spillOver(): Level | undefined {
    if (firstLevel?.load === 1) return firstLevel;
    let left = random();
    for (const level of levels) {
      left -= level.load;
      if (left < 0) return level;
    }
    return firstLevel;
  }

  function acquireFrom(level: Level, request: AcquireRequest | undefined): Lease | undefined {
    if (level.candidates.count === 0) return undefined;
    let candidates: CandidateSet = level.candidates;
    if (request !== undefined) {
      filter.begin(request);
      candidates = narrow(level);
    }
    let lease: Lease | undefined;
    let refused = false;
    while (candidates.count > 0) {
      const slot = level.guard.pick(candidates, pickRequest, candidates.has);
      if (slot === NO_PICK) break;
      const record = table.record(slot);
      if (record.admit === undefined || record.admit()) {
        lease = handOut(level, record);
        break;
      }
      refused = true;
      record.refused += 1;
      filter.refuse(slot);
      candidates = narrow(level);
    }
    if (refused || request !== undefined) filter.end();
    return lease;
  }

  function narrow(level: Level): CandidateSet {
    level.narrowed.refill(level.candidates, filter.accepts);
    return level.narrowed;
  }

  function handOut(level: Level, record: EndpointRecord): Lease {
    const { slot } = record;
    const inFlight = (table.inFlight[slot] as number) + 1;
    table.inFlight[slot] = inFlight;
    record.picked += 1;
    handedOutAny = true;
    const startedAtMs = needsStart ? clock.now() : Number.NaN;
    const lease = new LeaseRecord(owner, record.id, slot, inFlight, pickRequest, startedAtMs);
    if (detectsLeaks) ages.add(lease);
    level.guard.onStart(lease);
    if (inFlight === table.maxConcurrency[slot]) membership.refresh(record);
    return lease;
  }

  function settle(lease: LeaseRecord, outcome: LeaseOutcome, reportedMs: number | undefined): void {
    const { slot } = lease;
    const record = table.record(slot);
    const inFlight = (table.inFlight[slot] as number) - 1;
    table.inFlight[slot] = inFlight;
    if (detectsLeaks) ages.delete(lease);
    const latencyMs = reportedMs ?? (needsLatency ? clock.now() - lease.startedAtMs : Number.NaN);
    record.level.guard.onEnd(lease, outcome, latencyMs);
    if (isNeutral(outcome)) record.neutral += 1;
    else {
      const failed = isFailure(outcome);
      if (failed) record.failed += 1;
      else record.succeeded += 1;
      membership.judge(record, failed, latencyMs);
    }
    if (record.removed) {
      if (inFlight === 0) table.free(slot);
    } else if (inFlight + 1 === table.maxConcurrency[slot]) membership.refresh(record);
    if (queue.size === 0) return;
    queue.pump();
    watch();
  }

  function releasedTwice(lease: LeaseRecord): void {
    doubleReleases += 1;
    emit({ type: "lease-released-twice", endpointId: lease.endpointId });
  }

  function takeBackLeaked(nowMs: number): void {
    for (let lease = ages.oldest(); lease !== undefined; lease = ages.oldest()) {
      const ageMs = nowMs - lease.startedAtMs;
      if (!(ageMs > maxLeaseMs)) return;
      leakedLeases += 1;
      lease.release("cancelled", Number.NaN);
      emit({ type: "lease-leaked", endpointId: lease.endpointId, ageMs });
    }
  }

  /** While requests wait, endpoints must return from ejection even if nobody acquires or releases. */
  function watch(): void {
    if (watching || closed || queue.size === 0 || membership.nextChangeAtMs === Number.POSITIVE_INFINITY)
      return;
    watching = true;
    const done = (): void => {
      watching = false;
      if (closed) return;
      catchUp();
      queue.pump();
      watch();
    };
    clock.sleep(Math.max(1, membership.nextChangeAtMs - clock.now()), closing.signal).then(done, () => {
      watching = false;
    });
  }

  /** Does what became due while nobody acquired. */
  function catchUp(): void {
    const nowMs = clock.now();
    membership.tick(nowMs);
    if (detectsLeaks) takeBackLeaked(nowMs);
  }

  /** Whether an endpoint that is full now could serve the request later. */
  function mayServeLater(request: AcquireRequest): boolean {
    for (const record of byId.values()) {
      const limit = table.maxConcurrency[record.slot] as number;
      const full = limit > 0 && (table.inFlight[record.slot] as number) >= limit;
      if (full && (record.serving || (record.level.panic && record.health === "healthy")))
        if (rejects(record, request) === undefined) return true;
    }
    return false;
  }

  function createGuard(): StrategyGuard {
    return createStrategyGuard({
      strategy: instantiate(chosen, strategyOptions, host),
      createFallback: () => leastConnections(undefined, host),
      clock,
      stallMs: typeof chosen === "string" ? Number.POSITIVE_INFINITY : (options.strategyStallMs ?? 1),
      maxStrikes: options.strategyMaxStrikes ?? 3,
      onFault: (fault, strategy, cause) =>
        emit({ type: "strategy-fault", strategy: strategy.name, fault, cause }),
      onQuarantine: (strategy, fallback) =>
        emit({ type: "strategy-quarantined", strategy: strategy.name, fallback: fallback.name }),
    });
  }

  function internTaskClass(name: string): number {
    const found = taskClasses.get(name);
    if (found !== undefined) return found;
    // Bounded, as names come from clients; names beyond the bound share class 0.
    if (taskClasses.size >= 1023) return 0;
    taskClasses.set(name, taskClasses.size + 1);
    return taskClasses.size;
  }

  function snapshot(): BalancerSnapshot {
    catchUp();
    const strategyState = firstLevel?.guard.snapshot();
    return {
      strategy: firstLevel?.guard.current.name ?? "none",
      strategyQuarantined: levels.some((level) => level.guard.quarantined),
      strategyFaults: levels.reduce((sum, level) => sum + level.guard.faults, 0),
      strategyState,
      doubleReleases,
      leakedLeases,
      waiting: queue.size,
      endpoints: Array.from(byId.values(), (record) => describeEndpoint(record, table)),
    };
  }

  function emit(event: BalancerEvent): void {
    options.onEvent?.(event);
  }
}
