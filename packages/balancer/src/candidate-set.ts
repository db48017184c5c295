// A sorted list of slots with membership in O(1). Sorted, so that strategies that walk in order (round-robin,
// rings) stay fair while endpoints come and go; insertion moves at most a few kilobytes.
import type { Candidates, EndpointTable } from "./contract.ts";

export interface CandidateSet extends Candidates {
  count: number;
  filtered: boolean;
  readonly has: (slot: number) => boolean;
  /** @returns `false` when it was there already. */
  insert(slot: number): boolean;
  /** @returns `false` when it was not there. */
  delete(slot: number): boolean;
  /** Empties the set and appends what `keep` accepts, in order. */
  refill(from: Candidates, keep: (slot: number) => boolean): void;
}

/** Creates an empty set over `table`; `filtered` is passed on to strategies as it stands. */
export function createCandidateSet(table: EndpointTable, filtered: boolean): CandidateSet {
  let member = new Uint8Array(table.capacity);
  const set = {
    count: 0,
    slots: new Int32Array(table.capacity),
    filtered,
    table,
    has: (slot: number): boolean => member[slot] === 1,
    insert,
    delete: remove,
    refill,
  };
  return set;

  function insert(slot: number): boolean {
    reserve();
    if (member[slot] === 1) return false;
    member[slot] = 1;
    const at = lowerBound(set, slot);
    set.slots.copyWithin(at + 1, at, set.count);
    set.slots[at] = slot;
    set.count += 1;
    return true;
  }

  function remove(slot: number): boolean {
    if (member[slot] !== 1) return false;
    member[slot] = 0;
    const at = lowerBound(set, slot);
    set.slots.copyWithin(at, at + 1, set.count);
    set.count -= 1;
    return true;
  }

  function refill(from: Candidates, keep: (slot: number) => boolean): void {
    reserve();
    for (let index = 0; index < set.count; index++) member[set.slots[index] as number] = 0;
    set.count = 0;
    for (let index = 0; index < from.count; index++) {
      const slot = from.slots[index] as number;
      if (!keep(slot)) continue;
      member[slot] = 1;
      set.slots[set.count++] = slot;
    }
  }

  function reserve(): void {
    if (set.slots.length >= table.capacity) return;
    const slots = new Int32Array(table.capacity);
    slots.set(set.slots);
    set.slots = slots;
    const members = new Uint8Array(table.capacity);
    members.set(member);
    member = members;
  }
}

/** Index of the first slot that is not below `slot`. */
export function lowerBound(candidates: Candidates, slot: number): number {
  let low = 0;
  let high = candidates.count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((candidates.slots[middle] as number) < slot) low = middle + 1;
    else high = middle;
  }
  return low;
}
