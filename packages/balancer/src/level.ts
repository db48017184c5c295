// One priority level: its candidates and a strategy instance of its own, so that a strategy only ever knows
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
  /** Endpoints of the level, whatever their state. */
  size: number;
}

/** Creates an empty level. */
export function createLevel(priority: number, table: EndpointTable, guard: StrategyGuard): Level {
  return {
    priority,
    candidates: createCandidateSet(table, false),
    narrowed: createCandidateSet(table, true),
    guard,
    size: 0,
  };
}
