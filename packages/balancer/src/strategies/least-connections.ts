// Fewest leases in flight, exactly, in O(1). Sampling two of n (power of two choices) is not good enough for
// pools of unequal servers: at speeds 1:2:4 and 95 % load its p99 is nine times worse.
import { STRATEGY_API, type Strategy, type StrategyHost } from "../contract.ts";
import { createBucketQueue } from "./support/bucket-queue.ts";
import { createLeastBy, explainBy } from "./support/least-by.ts";
import { optionsOf } from "./support/options.ts";
import { createWeightTracker } from "./support/weight-tracker.ts";

/**
 * The candidate with the fewest leases in flight; among equals the one whose count changed the longest ago. With
 * unequal weights, the fewest in flight per unit of weight, in O(n). Takes no options.
 */
export function leastConnections(options: Record<string, never> | undefined, host: StrategyHost): Strategy {
  optionsOf("least-connections", options, {});
  const { table } = host;
  const queue = createBucketQueue();
  const weights = createWeightTracker(table);
  const leastBy = createLeastBy(cost);

  return {
    name: "least-connections",
    api: STRATEGY_API,
    pick: (candidates) => (!candidates.filtered && weights.uniform ? queue.first() : leastBy(candidates)),
    onStart({ slot }): void {
      queue.move(slot, table.inFlight[slot] as number);
    },
    onEnd({ slot }): void {
      queue.move(slot, table.inFlight[slot] as number);
    },
    onEndpoint(slot, change): void {
      weights.onEndpoint(slot, change);
      if (change === "eligible") queue.place(slot, table.inFlight[slot] as number);
      else if (change === "ineligible") queue.remove(slot);
    },
    explain: explainBy(cost),
  };

  function cost(slot: number): number {
    return ((table.inFlight[slot] as number) + 1) / (table.weight[slot] as number);
  }
}
