// Each candidate in turn. Right for uniform, short requests; blind to everything else.
import { lowerBound } from "../candidate-set.ts";
import { type Candidates, STRATEGY_API, type Strategy, type StrategyHost } from "../contract.ts";
import { optionsOf } from "./support/options.ts";

/** Options of {@link roundRobin}. */
export interface RoundRobinOptions {
  /**
   * Start at a random endpoint, so that many gateways that start together do not all hit the same one.
   * @defaultValue true
   */
  readonly randomStart?: boolean;
}

/** Each candidate in turn, exact even while endpoints come and go. */
export function roundRobin(options: RoundRobinOptions | undefined, host: StrategyHost): Strategy {
  const { randomStart } = optionsOf("round-robin", options, { randomStart: true });
  if (typeof randomStart !== "boolean")
    throw new RangeError(`randomStart must be a boolean, got ${String(randomStart)}`);
  let started = !randomStart;
  let last = -1;

  return {
    name: "round-robin",
    api: STRATEGY_API,
    pick(candidates: Candidates): number {
      if (!started) {
        started = true;
        last = (candidates.slots[Math.floor(host.random() * candidates.count)] as number) - 1;
      }
      let index = lowerBound(candidates, last + 1);
      if (index === candidates.count) index = 0;
      last = candidates.slots[index] as number;
      return last;
    },
    explain(candidates, _request, score): void {
      const first = lowerBound(candidates, last + 1);
      for (let index = 0; index < candidates.count; index++) {
        const turn = (index - first + candidates.count) % candidates.count;
        score(candidates.slots[index] as number, turn);
      }
    },
  };
}
