// Any candidate, in proportion to weights. The baseline that needs no state and never herds.
import { type Candidates, STRATEGY_API, type Strategy, type StrategyHost } from "../contract.ts";
import { optionsOf } from "./support/options.ts";
import { createWeightTracker } from "./support/weight-tracker.ts";

/** Any candidate, in proportion to weights. Takes no options. */
export function random(options: Record<string, never> | undefined, host: StrategyHost): Strategy {
  optionsOf("random", options, {});
  const { table } = host;
  const weights = createWeightTracker(table);
  return {
    name: "random",
    api: STRATEGY_API,
    pick: (candidates) =>
      weights.uniform
        ? (candidates.slots[Math.floor(host.random() * candidates.count)] as number)
        : pickByWeight(candidates),
    onEndpoint: weights.onEndpoint,
  };

  function pickByWeight(candidates: Candidates): number {
    let total = 0;
    for (let index = 0; index < candidates.count; index++)
      total += table.weight[candidates.slots[index] as number] as number;
    let left = host.random() * total;
    for (let index = 0; index < candidates.count - 1; index++) {
      const slot = candidates.slots[index] as number;
      left -= table.weight[slot] as number;
      if (left < 0) return slot;
    }
    return candidates.slots[candidates.count - 1] as number;
  }
}
