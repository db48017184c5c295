// Maximal marginal relevance (Carbonell, Goldstein 1998): the next hit is the one that is good and unlike those before.
import { setImmediate as turn } from "node:timers/promises";

/** How long it compares before the event loop gets a turn, in milliseconds. */
const SLICE_MS = 3;
const COMPARED_AT_ONCE = 32;

/** Reorders; the first stays first. `relevance` is 0 to 1, `diversity` 0 (as it was) to 1 (only unlike). */
export async function diversify<T>(
  items: readonly T[],
  limit: number,
  diversity: number,
  relevance: (item: T) => number,
  similarity: (a: T, b: T) => number,
): Promise<readonly T[]> {
  // `closest` is the similarity to the most alike of the chosen: each new one is compared with the rest once.
  const rest = items.map((item) => ({ item, good: (1 - diversity) * relevance(item), closest: 0 }));
  const chosen: T[] = [];
  let until = performance.now() + SLICE_MS;
  while (rest.length > 0 && chosen.length < limit) {
    let best = 0;
    let bestScore = Number.NEGATIVE_INFINITY;
    for (const [at, { good, closest }] of rest.entries()) {
      const score = good - diversity * closest;
      if (score > bestScore) [best, bestScore] = [at, score];
    }
    const [next] = rest.splice(best, 1);
    if (next === undefined) break;
    chosen.push(next.item);
    for (const [at, other] of rest.entries()) {
      other.closest = Math.max(other.closest, similarity(other.item, next.item));
      if (at % COMPARED_AT_ONCE === 0 && performance.now() > until) {
        await turn();
        until = performance.now() + SLICE_MS;
      }
    }
  }
  return chosen;
}

/** Cosine similarity of vectors of length 1. */
export function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let at = 0; at < a.length; at++) sum += (a[at] as number) * (b[at] as number);
  return sum;
}
