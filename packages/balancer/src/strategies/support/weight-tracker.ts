// Whether candidates have unequal weights; most pools do not, and then many strategies can do less.
import type { EndpointChange, EndpointTable } from "../../contract.ts";

export interface WeightTracker {
  /** `true` while every candidate has weight 1. */
  readonly uniform: boolean;
  readonly onEndpoint: (slot: number, change: EndpointChange) => void;
}

/** Creates a tracker; pass it every change. */
export function createWeightTracker(table: EndpointTable): WeightTracker {
  const members = new Set<number>();
  const weighted = new Set<number>();
  const tracker = {
    uniform: true,
    onEndpoint(slot: number, change: EndpointChange): void {
      if (change === "eligible") members.add(slot);
      else if (change === "ineligible") members.delete(slot);
      if (members.has(slot) && table.weight[slot] !== 1) weighted.add(slot);
      else weighted.delete(slot);
      tracker.uniform = weighted.size === 0;
    },
  };
  return tracker;
}
