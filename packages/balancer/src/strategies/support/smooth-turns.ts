// Smooth weighted round-robin, as in nginx: every candidate gains its weight, the richest is picked and pays the
// total. A candidate of weight 3 among two of weight 1 is picked in the order a b a c a, never a a a.
import type { Candidates } from "../../contract.ts";
import { createSlotArray } from "./slot-array.ts";

export interface SmoothTurns {
  readonly next: (candidates: Candidates) => number;
  /** Keeps the slot, new or changed, from being owed anything. */
  reset(slot: number): void;
}

/** Creates turns in proportion to `weight`, which may change at any time. */
export function createSmoothTurns(weight: (slot: number) => number): SmoothTurns {
  const credit = createSlotArray();
  return {
    next(candidates) {
      const { values } = credit;
      let total = 0;
      let best = -1;
      let bestCredit = Number.NEGATIVE_INFINITY;
      for (let index = 0; index < candidates.count; index++) {
        const slot = candidates.slots[index] as number;
        const gain = weight(slot);
        const slotCredit = (values[slot] as number) + gain;
        values[slot] = slotCredit;
        total += gain;
        if (slotCredit <= bestCredit) continue;
        best = slot;
        bestCredit = slotCredit;
      }
      if (best >= 0) values[best] = bestCredit - total;
      return best;
    },
    reset(slot) {
      credit.reserve(slot);
      credit.values[slot] = 0;
    },
  };
}
