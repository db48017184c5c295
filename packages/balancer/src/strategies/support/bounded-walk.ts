// What ring-hash and maglev share: a walk from the key's place to the first candidate that is not overloaded
// (consistent hashing with bounded loads, Mirrokni et al. 2017).

import { lowerBound } from "../../candidate-set.ts";
import type { Candidates, EndpointTable } from "../../contract.ts";

/** `true` when `slot` is among the candidates; O(log n). */
export function isCandidate(candidates: Candidates, slot: number): boolean {
  const at = lowerBound(candidates, slot);
  return at < candidates.count && candidates.slots[at] === slot;
}

/** Leases in flight beyond which a candidate of weight 1 is passed over: `factor` times the fair share, at least 1. */
export function loadBound(candidates: Candidates, table: EndpointTable, factor: number): number {
  let inFlight = 1;
  let weight = 0;
  for (let index = 0; index < candidates.count; index++) {
    const slot = candidates.slots[index] as number;
    inFlight += table.inFlight[slot] as number;
    weight += table.weight[slot] as number;
  }
  return Math.max(1, (factor * inFlight) / weight);
}

/** Whether a candidate takes one more lease under `bound`. */
export function isWithinBound(table: EndpointTable, slot: number, bound: number): boolean {
  return (table.inFlight[slot] as number) + 1 <= Math.ceil(bound * (table.weight[slot] as number));
}
