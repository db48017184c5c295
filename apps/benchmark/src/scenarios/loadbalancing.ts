// What several servers make of a load that one could not carry, and what the choice of a strategy is worth. Servers wait
// instead of working, so that eight of them fit on two cores; calls arrive on a schedule of their own.
import { runClosedLoop } from "../load/closed-loop.ts";
import { type OpenLoopResult, runOpenLoop } from "../load/open-loop.ts";
import type {
  Chart,
  Claim,
  KeyFigure,
  Profile,
  Scenario,
  ScenarioContext,
  ScenarioResult,
} from "../result.ts";
import { startSlotPool } from "./slot-pool.ts";

const SLOTS = 4;
const MEAN_MS = 40;
const SIGMA = 1.5;
/** 99th percentile of a lognormal service time with that mean, in milliseconds. */
const SERVICE_P99_MS = MEAN_MS * Math.exp(2.326 * SIGMA - (SIGMA * SIGMA) / 2);
/** Objective: p99 of the response at most this often the p99 of the work itself. */
const OBJECTIVE = 1.5;

interface Effort {
  readonly rawMs: number;
  readonly objectiveMs: number;
  readonly strategyMs: number;
  readonly strategies: readonly string[];
  readonly pools: readonly PoolShape[];
  readonly loads: readonly number[];
}

interface PoolShape {
  readonly name: string;
  readonly speeds: readonly number[];
  readonly antagonist?: { readonly share: number; readonly onMs: number; readonly offMs: number };
}

const EQUAL: PoolShape = { name: "8 equal servers", speeds: [1, 1, 1, 1, 1, 1, 1, 1] };
const UNEQUAL: PoolShape = { name: "8 servers of speeds 1, 2 and 4", speeds: [1, 1, 1, 2, 2, 2, 4, 4] };
const DISTURBED: PoolShape = {
  ...EQUAL,
  name: "8 servers, in turn at 0.4 of their speed",
  antagonist: { share: 0.4, onMs: 2_000, offMs: 6_000 },
};
const EFFORT: Readonly<Record<Profile, Effort>> = {
  quick: {
    rawMs: 3_000,
    objectiveMs: 8_000,
    strategyMs: 6_000,
    strategies: ["round-robin", "power-of-two-choices", "least-connections"],
    pools: [EQUAL],
    loads: [0.9],
  },
  full: {
    rawMs: 10_000,
    objectiveMs: 30_000,
    strategyMs: 15_000,
    strategies: [
      "random",
      "round-robin",
      "power-of-two-choices",
      "least-connections",
      "shortest-expected-delay",
      "weighted-response-time",
      "peak-ewma",
      "prequal",
      "adaptive",
    ],
    pools: [EQUAL, UNEQUAL, DISTURBED],
    loads: [0.7, 0.9],
  },
};
const COUNTS = [1, 2, 4, 8] as const;
/** Shares of the servers' capacity that are tried, highest first. */
const SHARES = [0.98, 0.95, 0.92, 0.89, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.5, 0.4];

export const loadbalancing: Scenario = {
  name: "loadbalancing",
  description: "what 2, 4 and 8 servers carry, and what strategies make of unequal ones",
  run: (context) => runLoadBalancing(context, EFFORT[context.profile]),
};

interface Scaling {
  readonly servers: number;
  /** Calls per second when callers ask as fast as they are answered. */
  readonly raw: number;
  /** Highest rate of arrivals that was tried at which the objective held; 0 when it never did. */
  readonly atObjective: number;
  readonly p99Ms: number;
}

interface StrategyRun extends OpenLoopResult {
  readonly pool: string;
  readonly load: number;
  readonly strategy: string;
}

export async function runLoadBalancing(
  { onProgress }: ScenarioContext,
  effort: Effort,
): Promise<ScenarioResult> {
  const scaling: Scaling[] = [];
  for (const servers of COUNTS) scaling.push(await scale(servers, effort, onProgress));
  const runs: StrategyRun[] = [];
  for (const pool of effort.pools)
    for (const load of effort.loads)
      for (const strategy of effort.strategies)
        runs.push(await runStrategy(pool, load, strategy, effort, onProgress));
  return present(scaling, runs);
}

async function scale(
  servers: number,
  { rawMs, objectiveMs }: Effort,
  onProgress: (line: string) => void,
): Promise<Scaling> {
  const speeds = Array.from({ length: servers }, () => 1);
  const common = { speeds, slots: SLOTS, meanServiceMs: MEAN_MS, seed: 7, bounded: true };
  let raw: number;
  {
    await using fixed = await startSlotPool({ ...common, distribution: "fixed" });
    const [client] = fixed.clients;
    if (client === undefined) throw new Error("no client");
    const concurrency = 2 * SLOTS * servers;
    await runClosedLoop(client, { calls: Number.POSITIVE_INFINITY, concurrency, maxMs: 1_000 });
    const { calls, seconds } = await runClosedLoop(client, {
      calls: Number.POSITIVE_INFINITY,
      concurrency,
      maxMs: rawMs,
    });
    raw = calls / seconds;
  }
  onProgress(`${servers} servers: ${raw.toFixed(0)} calls/s as fast as they go`);
  const capacity = (servers * SLOTS * 1_000) / MEAN_MS;
  await using pool = await startSlotPool({
    ...common,
    distribution: "lognormal",
    sigma: SIGMA,
    pool: { queueTimeoutMs: 60_000, maxQueue: 100_000, timeoutMs: 120_000 },
  });
  for (const share of SHARES) {
    const rate = capacity * share;
    const result = await runOpenLoop(pool.clients, { rate, durationMs: objectiveMs, seed: 11 });
    onProgress(`${servers} servers at ${share} of their capacity: p99 ${result.p99Ms.toFixed(0)} ms`);
    if (result.ok === result.offered && result.p99Ms <= OBJECTIVE * SERVICE_P99_MS)
      return { servers, raw, atObjective: rate, p99Ms: result.p99Ms };
  }
  return { servers, raw, atObjective: 0, p99Ms: Number.NaN };
}

async function runStrategy(
  shape: PoolShape,
  load: number,
  strategy: string,
  { strategyMs }: Effort,
  onProgress: (line: string) => void,
): Promise<StrategyRun> {
  const { speeds, antagonist } = shape;
  await using pool = await startSlotPool({
    speeds,
    slots: SLOTS,
    meanServiceMs: MEAN_MS,
    distribution: "lognormal",
    sigma: 1,
    seed: 7,
    // The strategy alone decides: what is too much waits at the server that it chose.
    bounded: false,
    pool: { strategy, outlierEjection: { enabled: false }, timeoutMs: 120_000 },
    ...(antagonist === undefined ? {} : { antagonist }),
  });
  const slowdown =
    antagonist === undefined
      ? 1
      : (antagonist.share * antagonist.onMs + antagonist.offMs) / (antagonist.onMs + antagonist.offMs);
  const capacity = (speeds.reduce((sum, speed) => sum + speed, 0) * SLOTS * 1_000 * slowdown) / MEAN_MS;
  const result = await runOpenLoop(pool.clients, {
    rate: capacity * load,
    durationMs: strategyMs,
    seed: 13,
  });
  onProgress(
    `${shape.name}, load ${load}, ${strategy}: p50 ${result.p50Ms.toFixed(0)} p99 ${result.p99Ms.toFixed(0)} ms`,
  );
  return { ...result, pool: shape.name, load, strategy };
}

function present(scaling: readonly Scaling[], runs: readonly StrategyRun[]): ScenarioResult {
  const one = scaling[0];
  const ratio = (of: (row: Scaling) => number, row: Scaling): number =>
    one === undefined ? Number.NaN : of(row) / of(one);
  const shapes = [...new Set(runs.map(({ pool, load }) => `${pool}, load ${load}`))];
  const strategies = [...new Set(runs.map(({ strategy }) => strategy))];
  return {
    scenario: "loadbalancing",
    title: "What several servers carry",
    summary: [
      `Each server can work on ${SLOTS} calls at a time; a call takes it ${MEAN_MS} ms on average. The first table asks how much more several servers carry than one: as fast as they go, and when all but one in a hundred calls must be answered within ${OBJECTIVE} times what the work alone would take that long for (${(OBJECTIVE * SERVICE_P99_MS).toFixed(0)} ms). The second number can grow faster than the number of servers, because a call that meets a busy server can go to another.`,
      "The second part leaves the choice of the server to a strategy alone, at a load that is a share of what the servers can carry, with calls arriving at random (Poisson). Latency counts from when a call should have begun.",
    ],
    tables: [
      {
        title: "More servers",
        columns: [
          "servers",
          "calls/s, as fast as they go",
          "× one",
          "calls/s within the objective",
          "× one",
          "p99 ms there",
        ],
        rows: scaling.map((row) => [
          row.servers,
          row.raw.toFixed(0),
          ratio(({ raw }) => raw, row).toFixed(2),
          row.atObjective.toFixed(0),
          ratio(({ atObjective }) => atObjective, row).toFixed(2),
          row.p99Ms.toFixed(0),
        ]),
      },
      {
        title: "Strategies",
        columns: ["servers", "load", "strategy", "p50 ms", "p99 ms", "p99.9 ms", "errors"],
        rows: runs.map((run) => [
          run.pool,
          run.load,
          run.strategy,
          run.p50Ms.toFixed(0),
          run.p99Ms.toFixed(0),
          run.p999Ms.toFixed(0),
          run.offered - run.ok,
        ]),
      },
    ],
    charts: [
      {
        title: "Calls per second, times one server",
        unit: "×",
        kind: "bars",
        labels: scaling.map(({ servers }) => `${servers} servers`),
        series: [
          { name: "as fast as they go", values: scaling.map((row) => ratio(({ raw }) => raw, row)) },
          {
            name: "within the objective",
            values: scaling.map((row) => ratio(({ atObjective }) => atObjective, row)),
          },
        ],
      },
      ...shapes.map(
        (shape): Chart => ({
          title: `p99 by strategy: ${shape}`,
          unit: "milliseconds, less is better",
          kind: "bars",
          labels: strategies,
          series: [
            {
              name: "p99",
              values: strategies.map(
                (strategy) =>
                  runs.find((run) => run.strategy === strategy && `${run.pool}, load ${run.load}` === shape)
                    ?.p99Ms ?? null,
              ),
            },
          ],
        }),
      ),
    ],
    claims: scaling.slice(1).flatMap((row): Claim[] => claimsOf(row, ratio)),
    keyFigures: scaling.slice(1).map((row): KeyFigure => {
      const value = ratio(({ raw }) => raw, row);
      return {
        name: `${row.servers} servers beside one, as fast as they go`,
        value,
        low: value * 0.97,
        high: value * 1.03,
        better: "higher",
      };
    }),
    skipped: [],
    data: { scaling, runs },
  };
}

const SOURCE = "mcp-multiplexing-system.md";
const CLAIMED: Readonly<
  Record<number, { readonly text: string; readonly least: number; readonly goals: readonly [number, number] }>
> = {
  2: { text: "2 servers: 80 to 120 % more throughput than one", least: 1.8, goals: [1.95, 2.4] },
  4: { text: "4 servers: 200 to 300 % more", least: 3, goals: [3.85, 5.4] },
  8: { text: "8 servers: 400 to 600 % more", least: 5, goals: [7.6, 11.3] },
};

function claimsOf(row: Scaling, ratio: (of: (row: Scaling) => number, row: Scaling) => number): Claim[] {
  const claimed = CLAIMED[row.servers];
  if (claimed === undefined) return [];
  const raw = ratio((one) => one.raw, row);
  const slo = ratio((one) => one.atObjective, row);
  const more = (times: number): string => `${Math.round((times - 1) * 100)} % more`;
  const [rawGoal, sloGoal] = claimed.goals;
  return [
    {
      source: SOURCE,
      claim: claimed.text,
      measured: `${more(raw)} as fast as they go, ${more(slo)} within a latency objective`,
      limit: `${more(row.servers)} as fast as they go`,
      met: raw >= claimed.least,
    },
    {
      source: "this project",
      claim: `${row.servers} servers: at least ${rawGoal} × as fast as they go, ${sloGoal} × within the objective`,
      measured: `${raw.toFixed(2)} ×, ${slo.toFixed(2)} ×`,
      limit: `${row.servers} ×; in simulation about ${row.servers === 2 ? "2.5" : row.servers === 4 ? "5.6" : "11.8"} ×`,
      met: raw >= rawGoal && slo >= sloGoal,
    },
  ];
}
