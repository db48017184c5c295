// Built-in strategies by the name they have in configuration.
import type { StrategyFactory } from "../contract.ts";
import { adaptive } from "./adaptive.ts";
import { capabilityBased } from "./capability-based.ts";
import { leastConnections } from "./least-connections.ts";
import { maglev } from "./maglev.ts";
import { peakEwma } from "./peak-ewma.ts";
import { powerOfTwoChoices } from "./power-of-two-choices.ts";
import { predictive } from "./predictive.ts";
import { prequal } from "./prequal.ts";
import { random } from "./random.ts";
import { resourceAware } from "./resource-aware.ts";
import { ringHash } from "./ring-hash.ts";
import { roundRobin } from "./round-robin.ts";
import { shortestExpectedDelay } from "./shortest-expected-delay.ts";
import { weightedResponseTime } from "./weighted-response-time.ts";
import { weightedRoundRobin } from "./weighted-round-robin.ts";

/** Every built-in strategy, by name. */
export const builtInStrategies: Readonly<Record<string, StrategyFactory<never>>> = {
  adaptive,
  "capability-based": capabilityBased,
  "least-connections": leastConnections,
  maglev,
  "peak-ewma": peakEwma,
  "power-of-two-choices": powerOfTwoChoices,
  predictive,
  prequal,
  random,
  "resource-aware": resourceAware,
  "ring-hash": ringHash,
  "round-robin": roundRobin,
  "shortest-expected-delay": shortestExpectedDelay,
  "weighted-response-time": weightedResponseTime,
  "weighted-round-robin": weightedRoundRobin,
};
