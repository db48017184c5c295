// From a name or a factory to a running strategy, with the contract's version checked on the way.
import { STRATEGY_API, type Strategy, type StrategyFactory, type StrategyHost } from "./contract.ts";
import { StrategyError } from "./errors.ts";
import { builtInStrategies } from "./strategies/index.ts";

/** Creates the strategy. @throws {@link StrategyError}; RangeError from the factory for bad options */
export function instantiate(
  chosen: string | StrategyFactory<never>,
  options: unknown,
  host: StrategyHost,
): Strategy {
  const factory = typeof chosen === "string" ? builtIn(chosen) : chosen;
  // The factory validates: its options come from configuration and have no static type here.
  const strategy = factory(options as never, host);
  if (typeof strategy?.pick !== "function" || typeof strategy.name !== "string")
    throw new StrategyError(
      "STRATEGY_INVALID",
      String(chosen),
      "the factory must return a strategy with a name and pick()",
    );
  if (strategy.api !== STRATEGY_API)
    throw new StrategyError(
      "STRATEGY_API_MISMATCH",
      strategy.name,
      `it was written for contract ${strategy.api}, this balancer speaks ${STRATEGY_API}`,
    );
  return strategy;
}

function builtIn(name: string): StrategyFactory<never> {
  const factory = Object.hasOwn(builtInStrategies, name) ? builtInStrategies[name] : undefined;
  if (factory !== undefined) return factory;
  const names = Object.keys(builtInStrategies).join(", ");
  throw new StrategyError("STRATEGY_UNKNOWN", name, `not built in; the built-in ones are ${names}`);
}
