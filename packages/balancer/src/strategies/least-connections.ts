// Fewest leases in flight, exactly, in O(1). Sampling two of n (power of two choices) is not good enough for
// pools of unequal servers: at speeds 1:2:4 and 95 % load its p99 is nine times worse.
import { type Candidates, STRATEGY_API, type Strategy, type StrategyHost } from "../contract.ts";
import { createBucketQueue } from "./bucket-queue.ts";
import { optionsOf } from "./options.ts";

/**
 * The candidate with the fewest leases in flight; among equals the one whose count changed the longest ago. With
 * unequal weights, the fewest in flight per unit of weight, in O(n). Takes no options.
 */
export function leastConnections(options: Record<string, never> | undefined, host: StrategyHost): Strategy {
  optionsOf("least-connections", options, {});
  const { table } = host;
  const buckets = createBucketQueue();
  const members = new Set<number>();
  // Candidates whose weight is not 1; while there are any, counts alone do not order the candidates.
  const weighted = new Set<number>();
  // Where the last scan ended, so that equals take turns.
  let turn = 0;

  return {
    name: "least-connections",
    api: STRATEGY_API,
    pick(candidates): number {
      if (!candidates.filtered && weighted.size === 0) return buckets.first();
      return scan(candidates);
    },
    onStart({ slot }): void {
      buckets.move(slot, table.inFlight[slot] as number);
    },
    onEnd({ slot }): void {
      buckets.move(slot, table.inFlight[slot] as number);
    },
    onEndpoint(slot, change): void {
      if (change === "eligible") {
        members.add(slot);
        buckets.place(slot, table.inFlight[slot] as number);
      } else if (change === "ineligible") {
        members.delete(slot);
        buckets.remove(slot);
      }
      if (members.has(slot) && table.weight[slot] !== 1) weighted.add(slot);
      else weighted.delete(slot);
    },
    explain(candidates, _request, score): void {
      for (let index = 0; index < candidates.count; index++) {
        const slot = candidates.slots[index] as number;
        score(slot, cost(slot));
      }
    },
  };

  function cost(slot: number): number {
    return ((table.inFlight[slot] as number) + 1) / (table.weight[slot] as number);
  }

  function scan(candidates: Candidates): number {
    let best = -1;
    let bestCost = Number.POSITIVE_INFINITY;
    let index = turn < candidates.count ? turn : 0;
    for (let seen = 0; seen < candidates.count; seen++) {
      const slot = candidates.slots[index] as number;
      index = index + 1 === candidates.count ? 0 : index + 1;
      const slotCost = cost(slot);
      if (slotCost >= bestCost) continue;
      best = slot;
      bestCost = slotCost;
      turn = index;
    }
    return best;
  }
}
