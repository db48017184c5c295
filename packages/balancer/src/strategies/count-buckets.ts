// Slots ordered by a small count: one doubly linked list per count, and the lowest count that has any. Insert,
// delete, move and first are O(1), as a lease changes a count by one.

export interface CountBuckets {
  insert(slot: number, count: number): void;
  delete(slot: number): void;
  /** Does nothing for a slot that is not in. A moved slot goes behind those that have the count already. */
  move(slot: number, count: number): void;
  /** A slot with the lowest count, the one that got there first; -1 when empty. */
  first(): number;
}

const NONE = -1;

/** Creates empty buckets that grow with the slots and counts they are shown. */
export function createCountBuckets(): CountBuckets {
  let next = new Int32Array(8);
  let previous = new Int32Array(8);
  let countOf = new Int32Array(8).fill(NONE);
  let head = new Int32Array(16).fill(NONE);
  let tail = new Int32Array(16).fill(NONE);
  let lowest = 0;
  let size = 0;

  return { insert, delete: remove, move, first };

  function first(): number {
    return size === 0 ? NONE : (head[lowest] as number);
  }

  function insert(slot: number, count: number): void {
    if (slot >= next.length) growSlots(slot);
    if (count >= head.length) growCounts(count);
    if (countOf[slot] !== NONE) return;
    const last = tail[count] as number;
    countOf[slot] = count;
    next[slot] = NONE;
    previous[slot] = last;
    if (last === NONE) head[count] = slot;
    else next[last] = slot;
    tail[count] = slot;
    if (size === 0 || count < lowest) lowest = count;
    size += 1;
  }

  function remove(slot: number): void {
    if (unlink(slot)) settle();
  }

  function move(slot: number, count: number): void {
    if (slot >= countOf.length || countOf[slot] === NONE || countOf[slot] === count) return;
    unlink(slot);
    insert(slot, count);
    settle();
  }

  function unlink(slot: number): boolean {
    const count = slot < countOf.length ? (countOf[slot] as number) : NONE;
    if (count === NONE) return false;
    const before = previous[slot] as number;
    const after = next[slot] as number;
    if (before === NONE) head[count] = after;
    else next[before] = after;
    if (after === NONE) tail[count] = before;
    else previous[after] = before;
    countOf[slot] = NONE;
    size -= 1;
    return true;
  }

  function settle(): void {
    if (size > 0) while (head[lowest] === NONE) lowest += 1;
  }

  function growSlots(slot: number): void {
    const length = Math.max(next.length * 2, slot + 1);
    next = copy(next, new Int32Array(length));
    previous = copy(previous, new Int32Array(length));
    countOf = copy(countOf, new Int32Array(length).fill(NONE));
  }

  function growCounts(count: number): void {
    const length = Math.max(head.length * 2, count + 1);
    head = copy(head, new Int32Array(length).fill(NONE));
    tail = copy(tail, new Int32Array(length).fill(NONE));
  }
}

function copy(from: Int32Array, to: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  to.set(from);
  return to;
}
