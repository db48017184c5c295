// A strategy by the name in a configuration: built in, or the default export of an installed package. The caller does
// the import, so that packages are found from where the configuration is and not from where this library is.
import type { StrategyFactory } from "./contract.ts";
import { StrategyError } from "./errors.ts";
import { builtInStrategies } from "./strategies/index.ts";

/**
 * Finds a strategy. `name` is a built-in strategy's name, or a package: `fairlead-strategy-<name>`,
 * `@scope/fairlead-strategy-<name>`, or `<name>` for the first of these.
 *
 * @param importModule - imports a package by its name, e.g. `(specifier) => import(specifier)`
 * @throws {@link StrategyError} `STRATEGY_UNKNOWN` when there is no such package, `STRATEGY_INVALID` when it cannot be
 * loaded or its default export is not a function. The contract's version is checked when a balancer creates it.
 */
export async function loadStrategy(
  name: string,
  importModule: (specifier: string) => Promise<unknown>,
): Promise<StrategyFactory<never>> {
  const builtIn = Object.hasOwn(builtInStrategies, name) ? builtInStrategies[name] : undefined;
  if (builtIn !== undefined) return builtIn;
  const specifier = packageOf(name);
  let loaded: unknown;
  try {
    loaded = await importModule(specifier);
  } catch (cause) {
    if (isMissing(cause, specifier))
      throw new StrategyError(
        "STRATEGY_UNKNOWN",
        name,
        `neither built in nor installed; try: npm install ${specifier}`,
        { cause },
      );
    throw new StrategyError("STRATEGY_INVALID", name, `${specifier} cannot be loaded`, { cause });
  }
  const factory =
    typeof loaded === "object" && loaded !== null && "default" in loaded ? loaded.default : undefined;
  if (typeof factory !== "function")
    throw new StrategyError(
      "STRATEGY_INVALID",
      name,
      `the default export of ${specifier} must be a strategy factory, got ${typeof factory}`,
    );
  return factory as StrategyFactory<never>;
}

function packageOf(name: string): string {
  if (!/^(@[a-z0-9][a-z0-9._-]*\/)?[a-z0-9][a-z0-9._-]*$/.test(name))
    throw new StrategyError("STRATEGY_UNKNOWN", name, "not a built-in strategy and not a package's name");
  return name.includes("fairlead-strategy-") || name.startsWith("@") ? name : `fairlead-strategy-${name}`;
}

/** Whether the package itself, and not something that it imports, is missing. */
function isMissing(error: unknown, specifier: string): boolean {
  if (!(error instanceof Error) || !("code" in error)) return false;
  return (
    (error.code === "ERR_MODULE_NOT_FOUND" || error.code === "MODULE_NOT_FOUND") &&
    error.message.includes(`'${specifier}'`)
  );
}
