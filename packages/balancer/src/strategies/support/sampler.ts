// The best of a few random candidates.
import type { Random } from "@fairlead/core";
import type { Candidates } from "../../contract.ts";

/** Returns a pick that compares `choices` random candidates; two of them are never the same one in a row. */
export function createSampler(
  random: Random,
  choices: number,
  cost: (slot: number) => number,
): (candidates: Candidates) => number {
  return (candidates) => {
    const { count, slots } = candidates;
    let at = Math.floor(random() * count);
    let best = slots[at] as number;
    if (count === 1) return best;
    let bestCost = cost(best);
    for (let seen = 1; seen < choices; seen++) {
      // A step of at least one and less than a whole round never lands on the same candidate again.
      at = (at + 1 + Math.floor(random() * (count - 1))) % count;
      const slot = slots[at] as number;
      const slotCost = cost(slot);
      if (slotCost >= bestCost) continue;
      best = slot;
      bestCost = slotCost;
    }
    return best;
  };
}
