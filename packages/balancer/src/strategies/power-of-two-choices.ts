// The less loaded of two random candidates (Mitzenmacher 2001). Its strength is that stale counts of many
// gateways do not make them herd; with one gateway and exact counts, least-connections is better.
import { STRATEGY_API, type Strategy, type StrategyHost } from "../contract.ts";
import { inRange, optionsOf } from "./support/options.ts";
import { createSampler } from "./support/sampler.ts";

/** Options of {@link powerOfTwoChoices}. */
export interface PowerOfTwoChoicesOptions {
  /** Candidates that are compared; an integer from 2 to 16. @defaultValue 2 */
  readonly choices?: number;
}

/** The candidate with the fewest leases in flight per weight out of a few random ones. */
export function powerOfTwoChoices(
  options: PowerOfTwoChoicesOptions | undefined,
  host: StrategyHost,
): Strategy {
  const { choices } = optionsOf("power-of-two-choices", options, { choices: 2 });
  inRange("choices", choices, 2, 16);
  const { table } = host;
  const sample = createSampler(
    host.random,
    choices,
    (slot) => ((table.inFlight[slot] as number) + 1) / (table.weight[slot] as number),
  );
  return { name: "power-of-two-choices", api: STRATEGY_API, pick: (candidates) => sample(candidates) };
}
