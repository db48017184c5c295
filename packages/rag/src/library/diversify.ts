// Maximal marginal relevance (Carbonell, Goldstein 1998): the next hit is the one that is good and unlike those before.

/** Reorders; the first stays first. `relevance` is 0 to 1, `diversity` 0 (as it was) to 1 (only unlike). */
export function diversify<T>(
  items: readonly T[],
  limit: number,
  diversity: number,
  relevance: (item: T) => number,
  similarity: (a: T, b: T) => number,
): readonly T[] {
  const rest = [...items];
  const chosen: T[] = [];
  while (rest.length > 0 && chosen.length < limit) {
    let best = 0;
    let bestScore = Number.NEGATIVE_INFINITY;
    for (const [at, item] of rest.entries()) {
      const closest = Math.max(0, ...chosen.map((other) => similarity(item, other)));
      const score = (1 - diversity) * relevance(item) - diversity * closest;
      if (score > bestScore) [best, bestScore] = [at, score];
    }
    chosen.push(...rest.splice(best, 1));
  }
  return chosen;
}

/** Cosine similarity of vectors of length 1. */
export function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let at = 0; at < a.length; at++) sum += (a[at] as number) * (b[at] as number);
  return sum;
}
