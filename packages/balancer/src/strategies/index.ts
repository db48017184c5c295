// Built-in strategies by the name they have in configuration.
import type { StrategyFactory } from "../contract.ts";
import { leastConnections } from "./least-connections.ts";
import { roundRobin } from "./round-robin.ts";
import { shortestExpectedDelay } from "./shortest-expected-delay.ts";

/** Every built-in strategy, by name. */
export const builtInStrategies: Readonly<Record<string, StrategyFactory<never>>> = {
  "least-connections": leastConnections,
  "round-robin": roundRobin,
  "shortest-expected-delay": shortestExpectedDelay,
};
