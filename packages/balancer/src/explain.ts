// Why a request would get which endpoint: for people, off the hot path, and without changing any state.
import type { AcquireRequest } from "./acquire-request.ts";
import type { PickRequest } from "./contract.ts";
import type { Level } from "./level.ts";
import { isEjected } from "./membership.ts";
import { type FilterReason, rejects } from "./request-filter.ts";
import type { EndpointRecord, Table } from "./table.ts";

/** Why an endpoint is not a candidate. */
export type ExclusionReason = "unhealthy" | "draining" | "ejected" | "full" | FilterReason;

/** One endpoint in an {@link Explanation}. */
export interface ExplainedEndpoint {
  readonly id: string;
  readonly priority: number;
  /** `undefined` for candidates. */
  readonly excludedBy: ExclusionReason | undefined;
  /** The strategy's score, lower is better; `undefined` when it is no candidate or the strategy gives none. */
  readonly score: number | undefined;
}

/** How one request would be placed now. */
export interface Explanation {
  readonly strategy: string;
  /** Priority level that would be asked first, and the share of traffic that begins there. */
  readonly levels: readonly { readonly priority: number; readonly load: number; readonly panic: boolean }[];
  /** The candidate with the best score in the first level that has candidates; strategies that draw lots may differ. */
  readonly best: string | undefined;
  readonly endpoints: readonly ExplainedEndpoint[];
}

/** Explains `request` from the state as it is. */
export function explainRequest(
  request: AcquireRequest,
  pickRequest: PickRequest,
  levels: readonly Level[],
  records: Iterable<EndpointRecord>,
  table: Table,
): Explanation {
  const scores = new Map<number, number>();
  let best: string | undefined;
  for (const level of levels) {
    level.narrowed.refill(level.candidates, (slot) => rejects(table.record(slot), request) === undefined);
    if (level.narrowed.count === 0) continue;
    let bestScore = Number.POSITIVE_INFINITY;
    let bestOfLevel: string | undefined;
    level.guard.explain(level.narrowed, pickRequest, (slot, value) => {
      scores.set(slot, value);
      if (value >= bestScore) return;
      bestScore = value;
      bestOfLevel = table.id(slot);
    });
    best ??= bestOfLevel;
  }
  return {
    strategy: levels[0]?.guard.current.name ?? "none",
    levels: levels.map(({ priority, load, panic }) => ({ priority, load, panic })),
    best,
    endpoints: Array.from(records, (record) => ({
      id: record.id,
      priority: record.priority,
      excludedBy: exclusion(record, request, table),
      score: scores.get(record.slot),
    })),
  };
}

function exclusion(
  record: EndpointRecord,
  request: AcquireRequest,
  table: Table,
): ExclusionReason | undefined {
  if (record.health !== "healthy") return record.health;
  if (isEjected(record) && !record.level.panic) return "ejected";
  const limit = table.maxConcurrency[record.slot] as number;
  if (limit > 0 && (table.inFlight[record.slot] as number) >= limit) return "full";
  return rejects(record, request);
}
