// One priority level: its candidates, and a strategy instance of its own, so that a strategy only ever knows
// the endpoints it may choose from.
import { type CandidateSet, createCandidateSet } from "./candidate-set.ts";
import type { EndpointTable } from "./contract.ts";
import type { StrategyGuard } from "./strategy-guard.ts";

export interface Level {
  readonly priority: number;
  /** Endpoints of the level that may be picked by a request without filters. */
  readonly candidates: CandidateSet;
  /** Scratch list for requests with filters. */
  readonly narrowed: CandidateSet;
  readonly guard: StrategyGuard;
  /** Endpoints of the level that are not draining. */
  size: number;
  /** Of these, the ones that are healthy and not ejected, full or not. */
  serving: number;
  /** Ejected ones among them. */
  ejected: number;
  /** `true` while so few serve that ejection is ignored. */
  panic: boolean;
  /** Share of the traffic that begins its search here, 0–1. */
  load: number;
}

/** Creates an empty level. */
export function createLevel(priority: number, table: EndpointTable, guard: StrategyGuard): Level {
  return {
    priority,
    candidates: createCandidateSet(table, false),
    narrowed: createCandidateSet(table, true),
    guard,
    size: 0,
    serving: 0,
    ejected: 0,
    panic: false,
    load: 1,
  };
}

/**
 * Splits the traffic over levels in order of preference, as Envoy does: a level takes what its serving share
 * times the overprovisioning factor allows, and the rest spills over to the next.
 */
export function assignLoads(levels: readonly Level[], overprovisioningFactor: number): void {
  let total = 0;
  for (const level of levels) {
    const health = level.size === 0 ? 0 : Math.min(1, (level.serving / level.size) * overprovisioningFactor);
    level.load = Math.min(1 - total, Number.isNaN(health) ? 0 : health);
    total += level.load;
  }
  if (total === 0) return;
  for (const level of levels) level.load /= total;
}
