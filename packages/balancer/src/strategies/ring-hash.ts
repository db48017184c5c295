// Consistent hashing on a ring with bounded loads: a key stays with its endpoint, a change of the pool moves few
// keys, and an endpoint that is far above its share hands keys to the next one on the ring.
import { type Candidates, STRATEGY_API, type Strategy, type StrategyHost } from "../contract.ts";
import { hashString, mix } from "../hash.ts";
import { isCandidate, isWithinBound, loadBound } from "./support/bounded-walk.ts";
import { inRange, optionsOf } from "./support/options.ts";

/** Options of {@link ringHash}. */
export interface RingHashOptions {
  /** Points on the ring per endpoint and unit of weight; an integer from 1 to 10,000. @defaultValue 100 */
  readonly pointsPerWeight?: number;
  /**
   * An endpoint gets at most this many times its fair share of the leases in flight, 1–1,000. The classic 1.25
   * is too tight where endpoints work on few requests at once: half of the affinity is lost.
   *
   * @defaultValue 2
   */
  readonly loadFactor?: number;
}

/** The candidate that owns the request's key, unless it is overloaded; a random place without a key. */
export function ringHash(options: RingHashOptions | undefined, host: StrategyHost): Strategy {
  const { pointsPerWeight, loadFactor } = optionsOf("ring-hash", options, {
    pointsPerWeight: 100,
    loadFactor: 2,
  });
  inRange("pointsPerWeight", pointsPerWeight, 1, 10_000);
  inRange("loadFactor", loadFactor, 1, 1_000);
  const { table } = host;
  // All endpoints that are known, eligible or not: one that is away for a moment keeps its keys.
  const members = new Set<number>();
  let hashes = new Float64Array(0);
  let owners = new Int32Array(0);
  let stale = true;

  return {
    name: "ring-hash",
    api: STRATEGY_API,
    needs: ["key"],
    pick(candidates, { keyHash }): number {
      if (stale) rebuild();
      return walk(candidates, keyHash === 0 ? host.random() * 2 ** 32 : keyHash);
    },
    onEndpoint(slot, change): void {
      if (change === "removed") members.delete(slot);
      else if (change === "reset") members.add(slot);
      if (change === "removed" || change === "reset" || change === "weight") stale = true;
    },
  };

  function walk(candidates: Candidates, hash: number): number {
    const bound = loadBound(candidates, table, loadFactor);
    let at = firstAtOrAfter(hash);
    let nearest = -1;
    for (let seen = 0; seen < owners.length; seen++) {
      const slot = owners[at] as number;
      at = at + 1 === owners.length ? 0 : at + 1;
      if (!isCandidate(candidates, slot)) continue;
      if (isWithinBound(table, slot, bound)) return slot;
      if (nearest === -1) nearest = slot;
    }
    return nearest === -1 ? (candidates.slots[0] as number) : nearest;
  }

  function firstAtOrAfter(hash: number): number {
    let low = 0;
    let high = hashes.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((hashes[middle] as number) < hash) low = middle + 1;
      else high = middle;
    }
    return low === hashes.length ? 0 : low;
  }

  function rebuild(): void {
    stale = false;
    const points: { readonly hash: number; readonly owner: number }[] = [];
    for (const slot of members) {
      const seed = hashString(table.id(slot));
      const count = Math.max(1, Math.round(pointsPerWeight * (table.weight[slot] as number)));
      for (let point = 0; point < count; point++)
        points.push({ hash: mix(seed ^ mix(point + 1)), owner: slot });
    }
    points.sort((a, b) => a.hash - b.hash || a.owner - b.owner);
    hashes = Float64Array.from(points, ({ hash }) => hash);
    owners = Int32Array.from(points, ({ owner }) => owner);
  }
}
