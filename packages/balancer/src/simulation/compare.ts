// Strategies side by side: every scenario and load, several seeds, the same requests for everyone.
import type { BalancerOptions } from "../balancer-options.ts";
import type { Scenario } from "./scenario.ts";
import { type SimulationResult, simulate } from "./simulate.ts";
import { type Estimate, estimate } from "./statistics.ts";

/** One line of a comparison: a strategy as the simulated gateways run it. */
export interface Contestant {
  readonly name: string;
  readonly balancer: Omit<BalancerOptions, "clock" | "random"> | "central-queue";
  /** Tell it the servers' true speeds as weights. @defaultValue false */
  readonly oracleWeights?: boolean;
}

/** What is compared. */
export interface ComparisonOptions {
  readonly contestants: readonly Contestant[];
  readonly scenarios: readonly Scenario[];
  /** Shares of the capacity, 0–1. */
  readonly loads: readonly number[];
  readonly seeds: readonly number[];
  /** Requests per run. */
  readonly requests: number;
  /** Called after each cell. */
  readonly onCell?: (cell: ComparisonCell) => void;
}

/** One contestant in one scenario at one load. */
export interface ComparisonCell {
  readonly scenario: string;
  readonly load: number;
  readonly contestant: string;
  readonly meanMs: Estimate;
  readonly p50Ms: Estimate;
  readonly p95Ms: Estimate;
  readonly p99Ms: Estimate;
  /** Requests that failed after all attempts, 0–1. */
  readonly errorRatio: number;
  /** Mean share of the attempts per server, 0–1. */
  readonly shares: readonly number[];
  /** 99th percentile of each seed, for paired comparisons. */
  readonly p99MsPerSeed: readonly number[];
  /** Mean response time of each seed. */
  readonly meanMsPerSeed: readonly number[];
}

/** Runs the comparison. */
export function compare(options: ComparisonOptions): readonly ComparisonCell[] {
  const { contestants, scenarios, loads, seeds, requests, onCell } = options;
  const cells: ComparisonCell[] = [];
  for (const scenario of scenarios)
    for (const load of loads)
      for (const { name, balancer, oracleWeights = false } of contestants) {
        const runs = seeds.map((seed) =>
          simulate({ scenario, load, requests, seed, balancer, oracleWeights }),
        );
        const cell = summarize(scenario, load, name, runs);
        cells.push(cell);
        onCell?.(cell);
      }
  return cells;
}

function summarize(
  scenario: Scenario,
  load: number,
  contestant: string,
  runs: readonly SimulationResult[],
): ComparisonCell {
  const over = (value: (run: SimulationResult) => number): Estimate => estimate(runs.map(value));
  return {
    scenario: scenario.name,
    load,
    contestant,
    meanMs: over((run) => run.meanMs),
    p50Ms: over((run) => run.p50Ms),
    p95Ms: over((run) => run.p95Ms),
    p99Ms: over((run) => run.p99Ms),
    errorRatio: over((run) => run.errorRatio).mean,
    shares: scenario.servers.map((_, server) => over((run) => run.shares[server] ?? 0).mean),
    p99MsPerSeed: runs.map((run) => run.p99Ms),
    meanMsPerSeed: runs.map((run) => run.meanMs),
  };
}
