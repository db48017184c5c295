// The candidate with the lowest cost, where a scan is good enough; equals take turns.
import type { Candidates } from "../../contract.ts";

/** Returns a function that finds the candidate with the lowest cost; -1 when all costs are `NaN` or infinite. */
export function createLeastBy(cost: (slot: number) => number): (candidates: Candidates) => number {
  let turn = 0;
  return (candidates) => {
    let best = -1;
    let bestCost = Number.POSITIVE_INFINITY;
    let index = turn < candidates.count ? turn : 0;
    for (let seen = 0; seen < candidates.count; seen++) {
      const slot = candidates.slots[index] as number;
      index = index + 1 === candidates.count ? 0 : index + 1;
      const slotCost = cost(slot);
      if (!(slotCost < bestCost)) continue;
      best = slot;
      bestCost = slotCost;
      turn = index;
    }
    return best;
  };
}

/** Reports `cost` for every candidate: what most strategies do to explain themselves. */
export function explainBy(
  cost: (slot: number) => number,
): (candidates: Candidates, request: unknown, score: (slot: number, value: number) => void) => void {
  return (candidates, _request, score) => {
    for (let index = 0; index < candidates.count; index++) {
      const slot = candidates.slots[index] as number;
      score(slot, cost(slot));
    }
  };
}
