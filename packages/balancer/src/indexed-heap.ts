// A binary heap whose entries know where they are, so that one in the middle can be taken out in O(log n).

export interface HeapEntry {
  /** Lower comes first. */
  readonly rank: number;
  /** Decides between equal ranks; lower comes first. */
  readonly order: number;
  /** Kept by the heap; -1 when not in one. */
  index: number;
}

export interface IndexedHeap<E extends HeapEntry> {
  readonly size: number;
  push(entry: E): void;
  /** The first entry, which stays in. */
  peek(): E | undefined;
  /** Does nothing for an entry that is not in. */
  delete(entry: E): void;
}

/** Creates an empty heap. */
export function createIndexedHeap<E extends HeapEntry>(): IndexedHeap<E> {
  const entries: E[] = [];
  return {
    get size() {
      return entries.length;
    },
    push(entry) {
      entries.push(entry);
      rise(entry, entries.length - 1);
    },
    peek: () => entries[0],
    delete(entry) {
      const hole = entry.index;
      if (hole < 0) return;
      entry.index = -1;
      const last = entries.pop();
      if (last === undefined || last === entry) return;
      rise(last, hole);
      sink(last, last.index);
    },
  };

  function rise(entry: E, from: number): void {
    let at = from;
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = entries[parentAt];
      if (parent === undefined || !before(entry, parent)) break;
      place(parent, at);
      at = parentAt;
    }
    place(entry, at);
  }

  function sink(entry: E, from: number): void {
    let at = from;
    for (;;) {
      let child = entries[2 * at + 1];
      const right = entries[2 * at + 2];
      if (child === undefined) break;
      if (right !== undefined && before(right, child)) child = right;
      if (!before(child, entry)) break;
      const childAt = child.index;
      place(child, at);
      at = childAt;
    }
    place(entry, at);
  }

  function place(entry: E, at: number): void {
    entries[at] = entry;
    entry.index = at;
  }
}

function before(a: HeapEntry, b: HeapEntry): boolean {
  return a.rank < b.rank || (a.rank === b.rank && a.order < b.order);
}
