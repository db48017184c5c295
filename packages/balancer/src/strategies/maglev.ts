// Maglev hashing (Eisenbud et al., NSDI 2016) with bounded loads: a lookup table that gives every endpoint the same
// number of entries to within one, so that keys are spread more evenly than on a ring, at the price of a few more
// keys that move when the pool changes.
import { type Candidates, STRATEGY_API, type Strategy, type StrategyHost } from "../contract.ts";
import { hashString, mix } from "../hash.ts";
import { isCandidate, isWithinBound, loadBound } from "./support/bounded-walk.ts";
import { inRange, optionsOf } from "./support/options.ts";

/** Options of {@link maglev}. */
export interface MaglevOptions {
  /** Entries of the table; a prime from 3 to 5,000,011, at least a hundred times the endpoints. @defaultValue 10_007 */
  readonly tableSize?: number;
  /** An endpoint gets at most this many times its fair share of the leases in flight, 1–1,000. @defaultValue 2 */
  readonly loadFactor?: number;
}

/** The candidate that owns the request's key, unless it is overloaded; a random place without a key. */
export function maglev(options: MaglevOptions | undefined, host: StrategyHost): Strategy {
  const { tableSize, loadFactor } = optionsOf("maglev", options, { tableSize: 10_007, loadFactor: 2 });
  inRange("tableSize", tableSize, 3, 5_000_011);
  if (!isPrime(tableSize)) throw new RangeError(`tableSize must be a prime, got ${tableSize}`);
  inRange("loadFactor", loadFactor, 1, 1_000);
  const { table } = host;
  const members = new Set<number>();
  let entries = new Int32Array(0);
  let stale = true;

  return {
    name: "maglev",
    api: STRATEGY_API,
    needs: ["key"],
    pick(candidates, { keyHash }): number {
      if (stale) rebuild();
      return walk(candidates, keyHash === 0 ? Math.floor(host.random() * 2 ** 32) : keyHash);
    },
    onEndpoint(slot, change): void {
      if (change === "removed") members.delete(slot);
      else if (change === "reset") members.add(slot);
      if (change === "removed" || change === "reset" || change === "weight") stale = true;
    },
  };

  function walk(candidates: Candidates, hash: number): number {
    const bound = loadBound(candidates, table, loadFactor);
    let nearest = -1;
    let probe = hash >>> 0;
    // A few rehashes find every candidate of a small pool with near certainty; a scan ends the rest.
    for (let seen = 0; seen < 4 * members.size; seen++) {
      const slot = entries[probe % tableSize] as number;
      probe = mix(probe + 0x9e3779b9);
      if (!isCandidate(candidates, slot)) continue;
      if (isWithinBound(table, slot, bound)) return slot;
      if (nearest === -1) nearest = slot;
    }
    for (let index = 0; index < candidates.count; index++) {
      const slot = candidates.slots[index] as number;
      if (isWithinBound(table, slot, bound)) return slot;
    }
    return nearest === -1 ? (candidates.slots[0] as number) : nearest;
  }

  /** Endpoints take turns, weighted, at claiming the next free entry of their own permutation. */
  function rebuild(): void {
    stale = false;
    entries = new Int32Array(tableSize).fill(-1);
    const claims = Array.from(members, (slot) => {
      const seed = hashString(table.id(slot));
      const weight = table.weight[slot] as number;
      return { slot, weight, next: seed % tableSize, skip: (mix(seed) % (tableSize - 1)) + 1, credit: 0 };
    });
    const heaviest = claims.reduce((most, { weight }) => Math.max(most, weight), 0);
    let free = claims.length === 0 ? 0 : tableSize;
    while (free > 0)
      for (const claim of claims) {
        claim.credit += claim.weight / heaviest;
        if (claim.credit < 1 || free === 0) continue;
        claim.credit -= 1;
        while (entries[claim.next] !== -1) claim.next = (claim.next + claim.skip) % tableSize;
        entries[claim.next] = claim.slot;
        free -= 1;
      }
  }
}

function isPrime(value: number): boolean {
  if (!Number.isInteger(value)) return false;
  for (let divisor = 2; divisor * divisor <= value; divisor++) if (value % divisor === 0) return false;
  return value > 1;
}
