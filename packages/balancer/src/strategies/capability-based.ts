// Least loaded, with a liking for endpoints that have what the request would like to find (its model loaded, its
// adapter resident) and for specialists: a request that any endpoint can serve leaves the rare ones free. What a
// request requires is not this strategy's business; the balancer filters by that for every strategy.
import { type PickRequest, STRATEGY_API, type Strategy, type StrategyHost } from "../contract.ts";
import { createLeastBy } from "./support/least-by.ts";
import { inRange, optionsOf } from "./support/options.ts";

/** Options of {@link capabilityBased}. */
export interface CapabilityBasedOptions {
  /** What it costs when an endpoint lacks all preferred capabilities, in leases, 0–1,000. @defaultValue 4 */
  readonly missCost?: number;
  /** What a capability costs that the request does not use, in leases, 0–100. @defaultValue 0.1 */
  readonly surplusCost?: number;
}

/** Fewest leases in flight per weight, plus what missing and unused capabilities cost. */
export function capabilityBased(options: CapabilityBasedOptions | undefined, host: StrategyHost): Strategy {
  const { missCost, surplusCost } = optionsOf("capability-based", options, { missCost: 4, surplusCost: 0.1 });
  inRange("missCost", missCost, 0, 1_000);
  inRange("surplusCost", surplusCost, 0, 100);
  const { table } = host;
  let request: Pick<PickRequest, "capabilities" | "prefers"> = { capabilities: [], prefers: [] };
  const leastBy = createLeastBy(cost);

  return {
    name: "capability-based",
    api: STRATEGY_API,
    pick(candidates, next): number {
      request = next;
      return leastBy(candidates);
    },
    explain(candidates, next, score): void {
      request = next;
      for (let index = 0; index < candidates.count; index++) {
        const slot = candidates.slots[index] as number;
        score(slot, cost(slot));
      }
    },
  };

  function cost(slot: number): number {
    const has = table.capabilities(slot);
    const { capabilities, prefers } = request;
    let missing = 0;
    for (const capability of prefers) if (!has.has(capability)) missing += 1;
    const missed = prefers.length === 0 ? 0 : missing / prefers.length;
    const surplus = Math.max(0, has.size - capabilities.length - (prefers.length - missing));
    const leases = (table.inFlight[slot] as number) + 1 + missed * missCost + surplus * surplusCost;
    return leases / (table.weight[slot] as number);
  }
}
