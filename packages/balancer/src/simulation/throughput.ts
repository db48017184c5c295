// How much more a pool of n servers does than one: in raw capacity, which cannot exceed n, and in requests per second
// while p99 stays below an objective, which can, because a shared pool queues less.
import type { Contestant } from "./compare.ts";
import { capacityOf, type Scenario } from "./scenario.ts";
import { simulate } from "./simulate.ts";

/** What {@link measureThroughput} finds for one size of the pool. */
export interface Throughput {
  readonly servers: number;
  /** Requests per second when more arrive than can be served. */
  readonly rawPerSecond: number;
  /** Requests per second at the highest load at which p99 keeps the objective. */
  readonly atObjectivePerSecond: number;
}

/** Options of {@link measureThroughput}. */
export interface ThroughputOptions {
  /** Its first server is repeated. */
  readonly scenario: Scenario;
  readonly contestant: Contestant;
  /** Sizes of the pool. */
  readonly sizes: readonly number[];
  /** 99th percentile of the response time in ms. */
  readonly objectiveMs: number;
  readonly seeds: readonly number[];
  /** Requests per run, the same for every size. */
  readonly requests: number;
}

/** Measures every size. The objective's load is found by bisection to within 0.5 % of the capacity. */
export function measureThroughput(options: ThroughputOptions): readonly Throughput[] {
  const { scenario, contestant, sizes, objectiveMs, seeds, requests } = options;
  const [server] = scenario.servers;
  if (server === undefined) throw new RangeError("scenario must have a server, got none");
  return sizes.map((servers) => {
    const pool: Scenario = { ...scenario, servers: Array.from({ length: servers }, () => server) };
    const perSecondAtFullLoad = (1_000 * capacityOf(pool)) / pool.meanSizeMs;
    const meanOver = (load: number, value: "p99Ms" | "throughputPerSecond"): number =>
      seeds.reduce(
        (sum, seed) =>
          sum + simulate({ scenario: pool, load, requests, seed, balancer: contestant.balancer })[value],
        0,
      ) / seeds.length;
    let kept = 0;
    let missed = 1;
    while (missed - kept > 0.005) {
      const load = (kept + missed) / 2;
      if (meanOver(load, "p99Ms") <= objectiveMs) kept = load;
      else missed = load;
    }
    return {
      servers,
      rawPerSecond: meanOver(1.5, "throughputPerSecond"),
      atObjectivePerSecond: kept * perSecondAtFullLoad,
    };
  });
}
