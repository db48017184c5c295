// Which endpoint worked for a key last: a table of fixed size, organised as a processor's cache is. A key has four
// places; when all are taken, the one that was written the longest ago is given up.

export interface KeyMemory {
  /** The slot that the key was given to last; -1 when that is forgotten. */
  slotOf(keyHash: number): number;
  note(keyHash: number, slot: number): void;
  /** Forgets all keys of a slot. */
  forget(slot: number): void;
}

const WAYS = 4;

/** Creates an empty memory for `size` keys, a power of two. */
export function createKeyMemory(size: number): KeyMemory {
  const sets = size / WAYS;
  const hashes = new Int32Array(size);
  const slots = new Int32Array(size).fill(-1);
  // Which way of each set is written next.
  const turns = new Uint8Array(sets);
  return {
    slotOf(keyHash) {
      const way = find(keyHash | 0);
      return way < 0 ? -1 : (slots[way] as number);
    },
    note(keyHash, slot) {
      const hash = keyHash | 0;
      let at = find(hash);
      if (at < 0) {
        const set = hash & (sets - 1);
        const turn = turns[set] as number;
        turns[set] = (turn + 1) % WAYS;
        at = set * WAYS + turn;
      }
      hashes[at] = hash;
      slots[at] = slot;
    },
    forget(slot) {
      for (let at = 0; at < size; at++) if (slots[at] === slot) slots[at] = -1;
    },
  };

  function find(hash: number): number {
    const first = (hash & (sets - 1)) * WAYS;
    for (let at = first; at < first + WAYS; at++)
      if (hashes[at] === hash && (slots[at] as number) >= 0) return at;
    return -1;
  }
}
