// The slot with the lowest cost, kept up to date: a tree of winners. Reading it is O(1), changing one cost is
// O(log n) and usually stops early. Among equal costs the slot that was used the longest ago wins.
import type { Candidates } from "../contract.ts";

export interface Tournament {
  /** Sets a slot's cost, whether it takes part or not. */
  setCost(slot: number, cost: number): void;
  /** Marks the slot as used now. Call {@link setCost} afterwards. */
  touch(slot: number): void;
  join(slot: number): void;
  leave(slot: number): void;
  cost(slot: number): number;
  /** The winner among all that take part; -1 when none does. */
  first(): number;
  /** The winner among a narrower list of candidates. */
  firstOf(candidates: Candidates): number;
}

const NONE = -1;

/** Creates an empty tournament that grows with the slots it is shown. */
export function createTournament(): Tournament {
  let size = 8;
  let costs = new Float64Array(size).fill(1);
  let usedAt = new Float64Array(size);
  // winners[size + slot] is the leaf of slot, winners[1] the root.
  let winners = new Int32Array(2 * size).fill(NONE);
  let uses = 0;

  return {
    setCost(slot, cost) {
      if (slot >= size) grow(slot);
      if (costs[slot] === cost && winners[size + slot] === NONE) return;
      costs[slot] = cost;
      update(slot);
    },
    touch(slot) {
      if (slot >= size) grow(slot);
      usedAt[slot] = ++uses;
    },
    join(slot) {
      if (slot >= size) grow(slot);
      winners[size + slot] = slot;
      update(slot);
    },
    leave(slot) {
      if (slot >= size) return;
      winners[size + slot] = NONE;
      update(slot);
    },
    cost: (slot) => costs[slot] as number,
    first: () => winners[1] as number,
    firstOf(candidates) {
      let best = NONE;
      for (let index = 0; index < candidates.count; index++)
        best = better(best, candidates.slots[index] as number);
      return best;
    },
  };

  function better(a: number, b: number): number {
    if (a === NONE) return b;
    if (b === NONE) return a;
    const costA = costs[a] as number;
    const costB = costs[b] as number;
    if (costA < costB) return a;
    if (costB < costA) return b;
    return (usedAt[a] as number) <= (usedAt[b] as number) ? a : b;
  }

  function update(slot: number): void {
    for (let node = (size + slot) >> 1; node >= 1; node >>= 1) {
      const winner = better(winners[2 * node] as number, winners[2 * node + 1] as number);
      // Where the slot neither won before nor wins now, nothing changes further up.
      if (winner === winners[node] && winner !== slot) return;
      winners[node] = winner;
    }
  }

  function grow(slot: number): void {
    const before = size;
    while (size <= slot) size *= 2;
    const moreCosts = new Float64Array(size).fill(1);
    moreCosts.set(costs);
    costs = moreCosts;
    const moreUsedAt = new Float64Array(size);
    moreUsedAt.set(usedAt);
    usedAt = moreUsedAt;
    const leaves = winners.subarray(before, 2 * before);
    const moreWinners = new Int32Array(2 * size).fill(NONE);
    moreWinners.set(leaves, size);
    winners = moreWinners;
    for (let node = size - 1; node >= 1; node--)
      winners[node] = better(winners[2 * node] as number, winners[2 * node + 1] as number);
  }
}
