// Slots ordered by a small integer: a doubly linked list per integer and a bitmap of those that have any. Insert,
// remove and move are O(1) without a branch in the lists; finding the lowest looks at a word or two.

export interface BucketQueue {
  /** Puts the slot, in or not, behind all others with the same rank; an integer ≥ 0. */
  place(slot: number, rank: number): void;
  /** Like {@link place}, but does nothing for a slot that is not in. */
  move(slot: number, rank: number): void;
  remove(slot: number): void;
  /** A slot with the lowest rank, the one that was placed there first; -1 when empty. */
  first(): number;
}

const NOT_IN = -1;

/** Creates an empty queue that grows with the slots and ranks it is shown. */
export function createBucketQueue(): BucketQueue {
  // Node 2r is the sentinel of the ring of rank r, node 2s + 1 stands for slot s.
  let next = Int32Array.from({ length: 64 }, (_, node) => node);
  let previous = Int32Array.from(next);
  let rankOf = new Int32Array(32).fill(NOT_IN);
  let occupied = new Int32Array(1);
  let lowest = 0;
  let size = 0;

  return { place, move, remove, first };

  function first(): number {
    return size === 0 ? NOT_IN : (next[2 * lowest] as number) >> 1;
  }

  function move(slot: number, rank: number): void {
    if (rank >= rankOf.length) grow(rank);
    const before = rankOf[slot] as number;
    if (before === rank || before === NOT_IN || slot >= rankOf.length) return;
    unlink(2 * slot + 1, before);
    append(slot, rank);
    if (rank < lowest) lowest = rank;
    else if (before === lowest) settle();
  }

  function place(slot: number, rank: number): void {
    if (slot >= rankOf.length || rank >= rankOf.length) grow(Math.max(slot, rank));
    if (rankOf[slot] !== NOT_IN) {
      move(slot, rank);
      return;
    }
    append(slot, rank);
    size += 1;
    if (rank < lowest || size === 1) lowest = rank;
  }

  function append(slot: number, rank: number): void {
    const node = 2 * slot + 1;
    const sentinel = 2 * rank;
    const last = previous[sentinel] as number;
    next[last] = node;
    previous[node] = last;
    next[node] = sentinel;
    previous[sentinel] = node;
    rankOf[slot] = rank;
    if (last === sentinel) occupied[rank >> 5] = (occupied[rank >> 5] as number) | (1 << (rank & 31));
  }

  function remove(slot: number): void {
    const rank = slot < rankOf.length ? (rankOf[slot] as number) : NOT_IN;
    if (rank === NOT_IN) return;
    unlink(2 * slot + 1, rank);
    rankOf[slot] = NOT_IN;
    size -= 1;
    if (size > 0) settle();
  }

  function unlink(node: number, rank: number): void {
    const after = next[node] as number;
    const ahead = previous[node] as number;
    next[ahead] = after;
    previous[after] = ahead;
    if (after === ahead && after === 2 * rank)
      occupied[rank >> 5] = (occupied[rank >> 5] as number) & ~(1 << (rank & 31));
  }

  /** Moves `lowest` up to the next rank that is occupied. */
  function settle(): void {
    let word = lowest >> 5;
    let bits = (occupied[word] as number) & (-1 << (lowest & 31));
    while (bits === 0) bits = occupied[++word] as number;
    lowest = (word << 5) + 31 - Math.clz32(bits & -bits);
  }

  function grow(atLeast: number): void {
    let length = rankOf.length;
    while (length <= atLeast) length *= 2;
    next = extend(
      next,
      Int32Array.from({ length: 2 * length }, (_, node) => node),
    );
    previous = extend(
      previous,
      Int32Array.from({ length: 2 * length }, (_, node) => node),
    );
    rankOf = extend(rankOf, new Int32Array(length).fill(NOT_IN));
    occupied = extend(occupied, new Int32Array(length >> 5));
  }
}

function extend(from: Int32Array, to: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  to.set(from);
  return to;
}
