// Turns in proportion to weights, interleaved. Right when speeds are known and requests are uniform.
import { STRATEGY_API, type Strategy, type StrategyHost } from "../contract.ts";
import { optionsOf } from "./support/options.ts";
import { createSmoothTurns } from "./support/smooth-turns.ts";

/** Turns in proportion to weights, as evenly interleaved as possible. Takes no options. */
export function weightedRoundRobin(options: Record<string, never> | undefined, host: StrategyHost): Strategy {
  optionsOf("weighted-round-robin", options, {});
  const turns = createSmoothTurns((slot) => host.table.weight[slot] as number);
  return {
    name: "weighted-round-robin",
    api: STRATEGY_API,
    pick: turns.next,
    onEndpoint(slot, change): void {
      // Credit of one that was away would come back as a burst.
      if (change === "reset" || change === "eligible") turns.reset(slot);
    },
  };
}
