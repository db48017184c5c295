// Finds the strategies that a configuration names: built-in ones, and contributed packages that are installed beside the
// configuration file or beside the gateway.
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { suggest } from "@fairlead/aggregator/schema";
import { builtInStrategies, loadStrategy, StrategyError, type StrategyFactory } from "@fairlead/balancer";

/** Whether a strategy comes with the balancer. */
export function isBuiltIn(name: string): boolean {
  return Object.hasOwn(builtInStrategies, name);
}

/** Resolves a strategy's name; `directory` is the configuration's. @throws {@link StrategyError} */
export function findStrategy(name: string, directory: string): Promise<StrategyFactory<never>> {
  return loadStrategy(name, (specifier) => import(locate(specifier, directory)));
}

/** What a person should read about the strategy `name` that cannot be used. */
export function explainStrategy(name: string, error: unknown): string {
  if (!(error instanceof StrategyError)) throw error;
  const { cause } = error;
  if (error.code === "STRATEGY_UNKNOWN")
    return `${error.message}; ${suggest(name, Object.keys(builtInStrategies))}`;
  return cause instanceof Error ? `${error.message}: ${cause.message}` : error.message;
}

function locate(specifier: string, directory: string): string {
  try {
    return pathToFileURL(createRequire(join(directory, "fairlead.config.yaml")).resolve(specifier)).href;
  } catch {
    // Not beside the configuration; the import from here finds it, or says that it is missing.
    return specifier;
  }
}
