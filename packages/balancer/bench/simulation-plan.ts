// What the committed snapshot consists of; the script that writes it and the test that guards it share this.

import type { Contestant } from "../src/simulation/index.ts";
import { builtInStrategies } from "../src/strategies/index.ts";

/** The bound: one queue, first come, first served, and the fastest free slot. */
export const bound = "central queue";
/** The baseline for pools of unequal servers: turns in proportion to the true speeds. */
export const oracle = "weighted-round-robin, true speeds";

export const contestants: readonly Contestant[] = [
  { name: bound, balancer: "central-queue" },
  { name: oracle, balancer: { strategy: "weighted-round-robin" }, oracleWeights: true },
  ...Object.keys(builtInStrategies).map((name) => ({ name, balancer: { strategy: name } })),
];

export const loads: readonly number[] = [0.5, 0.7, 0.9, 0.95];
export const seeds: readonly number[] = Array.from({ length: 10 }, (_, index) => index + 1);
export const requests = 16_000;

/** What the default strategy has to close of the gap to the bound at load 0.9, and against which baseline. */
export const gapGoals: readonly {
  readonly scenario: string;
  readonly baseline: string;
  readonly goal: number;
}[] = [
  { scenario: "homogeneous", baseline: "round-robin", goal: 0.97 },
  { scenario: "speeds-1-2-4", baseline: oracle, goal: 0.95 },
];

/** Multiples of one server's throughput that pools have to reach. */
export const throughputGoals: readonly {
  readonly servers: number;
  readonly raw: number;
  readonly atObjective: number;
}[] = [
  { servers: 2, raw: 1.95, atObjective: 2.4 },
  { servers: 4, raw: 3.85, atObjective: 5.4 },
  { servers: 8, raw: 7.6, atObjective: 11.3 },
];
/** 1.5 times the 99th percentile of the service time alone: lognormal, sigma 1.5, mean 100 ms. */
export const objectiveMs: number = 1.5 * 100 * Math.exp(1.5 * 2.3263 - 1.5 ** 2 / 2);
