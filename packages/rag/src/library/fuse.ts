// Reciprocal rank fusion (Cormack, Clarke, Büttcher 2009): only the places count, so lists whose scores cannot be compared
// can be merged. k = 60 as in the paper.

const K = 60;

export interface Fused<T> {
  readonly item: T;
  /** Sum of 1 / (60 + rank) over the lists that have it. */
  readonly score: number;
  /** Its place in each list, from 1; undefined where it does not occur. */
  readonly ranks: readonly (number | undefined)[];
}

/** Best first; of equals the one that came first. Each list is ranked best first; `keyOf` says what is the same. */
export function reciprocalRankFusion<T>(
  lists: readonly (readonly T[])[],
  keyOf: (item: T) => string | number,
): readonly Fused<T>[] {
  const found = new Map<string | number, { item: T; score: number; ranks: (number | undefined)[] }>();
  for (const [list, items] of lists.entries())
    for (const [at, item] of items.entries()) {
      const key = keyOf(item);
      const entry = found.get(key) ?? { item, score: 0, ranks: lists.map(() => undefined) };
      if (entry.ranks[list] === undefined) {
        entry.ranks[list] = at + 1;
        entry.score += 1 / (K + at + 1);
      }
      found.set(key, entry);
    }
  return [...found.values()].sort((a, b) => b.score - a.score);
}
