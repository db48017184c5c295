// State of a balancer, for dashboards.
import type { EndpointSnapshot } from "./endpoint.ts";
import { isEjected } from "./membership.ts";
import type { EndpointRecord, Table } from "./table.ts";

/** State of a balancer for dashboards. */
export interface BalancerSnapshot {
  /** The strategy in charge. */
  readonly strategy: string;
  /** `true` once the configured strategy was replaced by the fallback in any priority level. */
  readonly strategyQuarantined: boolean;
  /** Picks of the strategy that were replaced. */
  readonly strategyFaults: number;
  /** What the strategy of the first level tells about itself. */
  readonly strategyState: unknown;
  /** Calls of `release` on a lease that was released, or taken back, before. */
  readonly doubleReleases: number;
  /** Leases taken back after `maxLeaseMs`. */
  readonly leakedLeases: number;
  /** Requests in the queue. */
  readonly waiting: number;
  readonly endpoints: readonly EndpointSnapshot[];
}

/** One endpoint of a {@link BalancerSnapshot}. */
export function describeEndpoint(record: EndpointRecord, table: Table): EndpointSnapshot {
  const { slot, picked, succeeded, failed, neutral, refused, outlier } = record;
  return {
    id: record.id,
    health: record.health,
    healthReason: record.healthReason,
    priority: record.priority,
    weight: record.staticWeight,
    effectiveWeight: table.weight[slot] as number,
    maxConcurrency: table.maxConcurrency[slot] as number,
    inFlight: table.inFlight[slot] as number,
    ejected: isEjected(record),
    eligible: record.level.candidates.has(slot),
    load: record.load,
    counts: { picked, succeeded, failed, neutral, refused, ejections: outlier?.ejections ?? 0 },
  };
}
