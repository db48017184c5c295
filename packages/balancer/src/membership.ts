// Who may be picked: health, ejection, panic, slow start and priority levels. Keeps every level's candidates and
// the strategies' view of them in line with the state of the endpoints.
import type { Clock } from "@fairlead/core";
import {
  type EndpointHealth,
  type EndpointOptions,
  type EndpointPatch,
  validateEndpoint,
} from "./endpoint.ts";
import { EndpointError } from "./errors.ts";
import type { BalancerEvent } from "./events.ts";
import { assignLoads, createLevel, type Level } from "./level.ts";
import type { EjectionReason, OutlierDetector } from "./outlier-ejection.ts";
import type { SlowStart } from "./slow-start.ts";
import type { StrategyGuard } from "./strategy-guard.ts";
import type { EndpointRecord, Table } from "./table.ts";

export interface MembershipOptions {
  readonly table: Table;
  readonly clock: Clock;
  readonly createGuard: () => StrategyGuard;
  /** `undefined` switches outlier ejection off. */
  readonly detector: OutlierDetector | undefined;
  readonly slowStart: SlowStart;
  readonly panicThresholdRatio: number;
  readonly overprovisioningFactor: number;
  readonly emit: (event: BalancerEvent) => void;
}

export interface Membership {
  readonly byId: ReadonlyMap<string, EndpointRecord>;
  /** In order of preference; the first exists from the start. */
  readonly levels: readonly Level[];
  /** When the next thing happens by itself (an ejection ends, a weight grows); `Infinity` when nothing will. */
  readonly nextChangeAtMs: number;
  add(options: EndpointOptions, ramp: boolean): void;
  update(id: string, patch: EndpointPatch): void;
  remove(id: string): boolean;
  setHealth(id: string, health: EndpointHealth, reason: string | undefined): void;
  get(id: string): EndpointRecord;
  /** Notes how a call ended; may eject the endpoint. */
  judge(record: EndpointRecord, failed: boolean, latencyMs: number): void;
  /** Call after `inFlight` reached or left the endpoint's limit. */
  refresh(record: EndpointRecord): void;
  /** Does what became due. */
  tick(nowMs: number): void;
}

/** Weights change this many times on the way through slow start. */
const SLOW_START_STEPS = 20;

/** Creates an empty membership with level 0. */
export function createMembership(options: MembershipOptions): Membership {
  const { table, clock, createGuard, detector, slowStart, panicThresholdRatio, overprovisioningFactor } =
    options;
  const { emit } = options;
  const byId = new Map<string, EndpointRecord>();
  const levels: Level[] = [];
  levelFor(0);

  const membership = {
    byId,
    levels,
    nextChangeAtMs: Number.POSITIVE_INFINITY,
    add,
    update,
    remove,
    setHealth,
    get,
    judge,
    refresh,
    tick,
  };
  return membership;

  function add(endpoint: EndpointOptions, ramp: boolean): void {
    validateEndpoint(endpoint);
    if (byId.has(endpoint.id)) throw new EndpointError("ENDPOINT_EXISTS", endpoint.id);
    const level = levelFor(endpoint.priority ?? 0);
    const record = table.insert(endpoint, level, detector?.newState());
    byId.set(record.id, record);
    level.size += 1;
    level.guard.onEndpoint(record.slot, "reset");
    if (ramp) beginSlowStart(record);
    review(record);
    emit({ type: "endpoint-added", endpointId: record.id });
  }

  function update(id: string, patch: EndpointPatch): void {
    validateEndpoint(patch);
    const record = get(id);
    if (patch.tags !== undefined) record.tags = new Set(patch.tags);
    if (patch.capabilities !== undefined) record.capabilities = new Set(patch.capabilities);
    if (patch.admit !== undefined) record.admit = patch.admit;
    if (patch.maxConcurrency !== undefined) table.maxConcurrency[record.slot] = patch.maxConcurrency;
    if (patch.weight !== undefined) {
      record.staticWeight = patch.weight;
      setWeight(record, slowStartFactor(record, clock.now()));
    }
    if (patch.priority !== undefined && patch.priority !== record.priority) moveTo(record, patch.priority);
    review(record);
    emit({ type: "endpoint-updated", endpointId: id });
  }

  function moveTo(record: EndpointRecord, priority: number): void {
    const from = record.level;
    leave(record);
    record.priority = priority;
    record.level = levelFor(priority);
    reviewLevel(from);
    if (record.health !== "draining") record.level.size += 1;
    if (isEjected(record)) record.level.ejected += 1;
    record.level.guard.onEndpoint(record.slot, "reset");
  }

  function remove(id: string): boolean {
    const record = byId.get(id);
    if (record === undefined) return false;
    byId.delete(id);
    record.removed = true;
    leave(record);
    reviewLevel(record.level);
    if (table.inFlight[record.slot] === 0) table.free(record.slot);
    emit({ type: "endpoint-removed", endpointId: id });
    return true;
  }

  /** Takes an endpoint out of its level's counts and candidates; the level has to be reviewed afterwards. */
  function leave(record: EndpointRecord): void {
    const { level } = record;
    if (record.health !== "draining") level.size -= 1;
    if (isEjected(record)) level.ejected -= 1;
    if (record.serving) level.serving -= 1;
    record.serving = false;
    if (level.candidates.delete(record.slot)) level.guard.onEndpoint(record.slot, "ineligible");
    level.guard.onEndpoint(record.slot, "removed");
  }

  function setHealth(id: string, health: EndpointHealth, reason: string | undefined): void {
    const record = get(id);
    record.healthReason = reason;
    if (record.health === health) return;
    if (record.health === "draining") record.level.size += 1;
    if (health === "draining") record.level.size -= 1;
    record.health = health;
    if (health === "healthy") beginSlowStart(record);
    review(record);
    emit({ type: "health-changed", endpointId: id, health, reason });
  }

  function judge(record: EndpointRecord, failed: boolean, latencyMs: number): void {
    if (detector === undefined || record.outlier === undefined) return;
    const reason = detector.judge(record.outlier, failed, latencyMs);
    if (reason !== undefined) eject(detector, record, reason);
  }

  function eject(by: OutlierDetector, record: EndpointRecord, reason: EjectionReason): void {
    const { level, outlier } = record;
    if (outlier === undefined || record.removed) return;
    if (level.ejected + 1 > Math.max(1, Math.floor(level.size * by.maxEjectedRatio))) return;
    const nowMs = clock.now();
    const durationMs = by.eject(outlier, nowMs);
    level.ejected += 1;
    schedule(outlier.ejectedUntilMs);
    review(record);
    emit({ type: "endpoint-ejected", endpointId: record.id, reason, durationMs });
  }

  function tick(nowMs: number): void {
    if (nowMs < membership.nextChangeAtMs) return;
    membership.nextChangeAtMs = Number.POSITIVE_INFINITY;
    for (const record of byId.values()) {
      const { outlier } = record;
      if (outlier !== undefined && isEjected(record)) {
        if (nowMs < outlier.ejectedUntilMs) schedule(outlier.ejectedUntilMs);
        else {
          detector?.restore(outlier);
          record.level.ejected -= 1;
          beginSlowStart(record);
          review(record);
          emit({ type: "endpoint-returned", endpointId: record.id });
        }
      }
      if (!Number.isNaN(record.slowStartedAtMs)) {
        const factor = slowStartFactor(record, nowMs);
        if (factor === 1) record.slowStartedAtMs = Number.NaN;
        else schedule(nowMs + slowStart.windowMs / SLOW_START_STEPS);
        setWeight(record, factor);
      }
    }
  }

  function beginSlowStart(record: EndpointRecord): void {
    if (slowStart.windowMs === 0) return;
    const nowMs = clock.now();
    record.slowStartedAtMs = nowMs;
    setWeight(record, slowStart.factor(0));
    schedule(nowMs + slowStart.windowMs / SLOW_START_STEPS);
  }

  function slowStartFactor(record: EndpointRecord, nowMs: number): number {
    return Number.isNaN(record.slowStartedAtMs) ? 1 : slowStart.factor(nowMs - record.slowStartedAtMs);
  }

  function setWeight(record: EndpointRecord, factor: number): void {
    table.weight[record.slot] = record.staticWeight * factor;
    record.level.guard.onEndpoint(record.slot, "weight");
  }

  function schedule(atMs: number): void {
    membership.nextChangeAtMs = Math.min(membership.nextChangeAtMs, atMs);
  }

  /** Brings an endpoint, and then what its level makes of it, in line with its state. */
  function review(record: EndpointRecord): void {
    const { level } = record;
    const serving = record.health === "healthy" && !isEjected(record);
    if (serving !== record.serving) {
      record.serving = serving;
      level.serving += serving ? 1 : -1;
    }
    refresh(record);
    reviewLevel(level);
  }

  function reviewLevel(level: Level): void {
    assignLoads(levels, overprovisioningFactor);
    const panic = level.ejected > 0 && level.serving / level.size < panicThresholdRatio;
    if (panic === level.panic) return;
    level.panic = panic;
    for (const record of byId.values()) if (record.level === level) refresh(record);
    emit({ type: panic ? "panic-began" : "panic-ended", priority: level.priority });
  }

  function refresh(record: EndpointRecord): void {
    const { slot, level } = record;
    const limit = table.maxConcurrency[slot] as number;
    const eligible =
      !record.removed &&
      record.health === "healthy" &&
      (record.serving || level.panic) &&
      (limit === 0 || (table.inFlight[slot] as number) < limit);
    if (eligible && level.candidates.insert(slot)) level.guard.onEndpoint(slot, "eligible");
    else if (!eligible && level.candidates.delete(slot)) level.guard.onEndpoint(slot, "ineligible");
  }

  function levelFor(priority: number): Level {
    let index = 0;
    for (const level of levels) {
      if (level.priority === priority) return level;
      if (level.priority > priority) break;
      index += 1;
    }
    const created = createLevel(priority, table, createGuard());
    levels.splice(index, 0, created);
    return created;
  }

  function get(id: string): EndpointRecord {
    const record = byId.get(id);
    if (record === undefined) throw new EndpointError("ENDPOINT_UNKNOWN", id);
    return record;
  }
}

/** `true` while outlier ejection keeps the endpoint out. */
export function isEjected(record: EndpointRecord): boolean {
  return record.outlier !== undefined && !Number.isNaN(record.outlier.ejectedUntilMs);
}
