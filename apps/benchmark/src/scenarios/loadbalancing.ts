// What several servers make of a load that one could not carry, and what the choice of a strategy is worth. Servers wait
// instead of working, so that many of them fit on two cores; calls arrive on a schedule of their own.
import type {
  Chart,
  Claim,
  KeyFigure,
  Profile,
  Scenario,
  ScenarioContext,
  ScenarioResult,
} from "../result.ts";
import {
  measureScaling,
  OBJECTIVE,
  OBJECTIVE_MS,
  SCALING_MEAN_MS,
  type Scaling,
  type ScalingEffort,
  SLOTS,
} from "./scaling.ts";
import {
  BOUND,
  DISTURBED,
  EQUAL,
  measureStrategies,
  type StrategyEffort,
  type StrategyRun,
  UNEQUAL,
} from "./strategies.ts";

type Effort = ScalingEffort & StrategyEffort;

const EFFORT: Readonly<Record<Profile, Effort>> = {
  quick: {
    rawMs: 3_000,
    objectiveMs: 0,
    strategyMs: 5_000,
    strategies: ["round-robin", "shortest-expected-delay"],
    pools: [EQUAL],
    loads: [0.9],
  },
  full: {
    rawMs: 5_000,
    objectiveMs: 9_000,
    strategyMs: 6_000,
    strategies: ["round-robin", "power-of-two-choices", "least-connections", "shortest-expected-delay"],
    pools: [EQUAL, UNEQUAL, DISTURBED],
    loads: [0.7, 0.9],
  },
};

export const loadbalancing: Scenario = {
  name: "loadbalancing",
  description: "what 2, 4 and 8 servers carry, and what strategies make of unequal ones",
  run: (context) => runLoadBalancing(context, EFFORT[context.profile]),
};

export async function runLoadBalancing(
  { onProgress }: ScenarioContext,
  effort: Effort,
): Promise<ScenarioResult> {
  const scaling = await measureScaling(effort, onProgress);
  const runs = await measureStrategies(effort, onProgress);
  return present(scaling, runs);
}

function present(scaling: readonly Scaling[], runs: readonly StrategyRun[]): ScenarioResult {
  const ratio = ratiosTo(scaling[0]);
  const hasObjective = scaling.some(({ atObjective }) => atObjective !== undefined);
  return {
    scenario: "loadbalancing",
    title: "What several servers carry",
    summary: [
      `Each server can work on ${SLOTS} calls at a time. The first table asks how much more several servers carry than one: as fast as they go, and when all but one in a hundred calls must be answered within ${OBJECTIVE} times what the work alone would take that long for (${OBJECTIVE_MS.toFixed(0)} ms, where a call's work takes ${SCALING_MEAN_MS} ms on average and some take far longer). The second number can grow faster than the number of servers, because a call that meets a busy server can go to another.`,
      "The second part leaves the choice of the server to a strategy alone, at a load that is a share of what the servers can carry, with calls arriving at random (Poisson). Latency counts from when a call should have begun. Beside each is what a simulation of the same servers says, with the same code choosing, and the bound: one queue in front of all servers, which no choice made on arrival can beat by much.",
    ],
    tables: [
      {
        title: "More servers",
        note: "Limit: what one queue in front of all slots carries within the objective, in simulation.",
        columns: [
          ...["servers", "calls/s, as fast as they go", "× one"],
          ...["calls/s within the objective", "× one", "limit", "× one"],
        ],
        rows: scaling.map((row) => [
          row.servers,
          row.raw.toFixed(1),
          ratio(row).raw.toFixed(2),
          row.atObjective?.toFixed(1) ?? "not measured",
          row.atObjective === undefined ? "" : ratio(row).atObjective.toFixed(2),
          row.limit.toFixed(1),
          ratio(row).limit.toFixed(2),
        ]),
      },
      {
        title: "Strategies",
        columns: [
          ...["servers", "load", "strategy", "p50 ms", "p95 ms", "p99 ms", "p99.9 ms", "errors"],
          "simulated p99 ms",
        ],
        rows: runs.map(({ pool, load, strategy, measured, simulatedP99Ms }) => [
          ...[pool, load, strategy],
          ...(measured === undefined
            ? ["", "", "", "", ""]
            : [
                measured.p50Ms.toFixed(0),
                measured.p95Ms.toFixed(0),
                measured.p99Ms.toFixed(0),
                measured.p999Ms.toFixed(0),
                measured.offered - measured.ok,
              ]),
          simulatedP99Ms.toFixed(0),
        ]),
      },
    ],
    charts: [scalingChart(scaling, ratio, hasObjective), ...strategyCharts(runs)],
    claims: [...scaling.slice(1).flatMap((row) => scalingClaims(row, ratio)), ...strategyClaims(runs)],
    keyFigures: scaling.slice(1).map((row): KeyFigure => {
      const value = ratio(row).raw;
      return {
        name: `${row.servers} servers beside one, as fast as they go`,
        value,
        low: value * 0.97,
        high: value * 1.03,
        better: "higher",
      };
    }),
    skipped: hasObjective ? [] : ["throughput within the objective: measured with --profile full only"],
    data: { scaling, runs },
  };
}

interface Ratios {
  readonly raw: number;
  readonly atObjective: number;
  readonly limit: number;
}

function ratiosTo(one: Scaling | undefined): (row: Scaling) => Ratios {
  return (row) => ({
    raw: row.raw / (one?.raw ?? Number.NaN),
    atObjective: (row.atObjective ?? Number.NaN) / (one?.atObjective ?? Number.NaN),
    limit: row.limit / (one?.limit ?? Number.NaN),
  });
}

function scalingChart(
  scaling: readonly Scaling[],
  ratio: (row: Scaling) => Ratios,
  hasObjective: boolean,
): Chart {
  const within = [
    { name: "within the objective", values: scaling.map((row) => ratio(row).atObjective) },
    { name: "limit within the objective", values: scaling.map((row) => ratio(row).limit) },
  ];
  return {
    title: "Calls per second, times one server",
    unit: "×, more is better",
    kind: "bars",
    labels: scaling.map(({ servers }) => (servers === 1 ? "1 server" : `${servers} servers`)),
    series: [
      { name: "as fast as they go", values: scaling.map((row) => ratio(row).raw) },
      ...(hasObjective ? within : []),
    ],
  };
}

function strategyCharts(runs: readonly StrategyRun[]): Chart[] {
  const shapes = new Map(runs.map(({ pool, load }) => [`${pool}, load ${load}`, { pool, load }]));
  return [...shapes].map(([title, { pool, load }]) => {
    const own = runs.filter((run) => run.pool === pool && run.load === load);
    return {
      title: `p99 by strategy: ${title}`,
      unit: "milliseconds, less is better",
      kind: "bars",
      labels: own.map(({ strategy }) => strategy),
      series: [
        { name: "measured", values: own.map(({ measured }) => measured?.p99Ms ?? null) },
        { name: "simulated", values: own.map(({ simulatedP99Ms }) => simulatedP99Ms) },
      ],
    };
  });
}

const SOURCE = "mcp-multiplexing-system.md";
const CLAIMED: Readonly<
  Record<number, { readonly text: string; readonly least: number; readonly goals: readonly [number, number] }>
> = {
  2: { text: "2 servers: 80 to 120 % more throughput than one", least: 1.8, goals: [1.95, 2.4] },
  4: { text: "4 servers: 200 to 300 % more", least: 3, goals: [3.85, 5.4] },
  8: { text: "8 servers: 400 to 600 % more", least: 5, goals: [7.6, 11.3] },
};

function scalingClaims(row: Scaling, ratio: (row: Scaling) => Ratios): Claim[] {
  const claimed = CLAIMED[row.servers];
  if (claimed === undefined) return [];
  const { raw, atObjective, limit } = ratio(row);
  const more = (times: number): string => `${Math.round((times - 1) * 100)} % more`;
  const [rawGoal, objectiveGoal] = claimed.goals;
  const within = `, ${more(atObjective)} within a latency objective`;
  const claims: Claim[] = [
    {
      source: SOURCE,
      claim: claimed.text,
      measured: `${more(raw)} as fast as they go${row.atObjective === undefined ? "" : within}`,
      limit: `${more(row.servers)} as fast as they go`,
      met: raw >= claimed.least,
    },
    {
      source: "this project",
      claim: `${row.servers} servers: at least ${rawGoal} × as fast as they go`,
      measured: `${raw.toFixed(2)} ×`,
      limit: `${row.servers} ×`,
      met: raw >= rawGoal,
    },
  ];
  if (row.atObjective !== undefined)
    claims.push({
      source: "this project",
      claim: `${row.servers} servers: at least ${objectiveGoal} × within the latency objective`,
      measured: `${atObjective.toFixed(2)} ×`,
      limit: `${limit.toFixed(2)} ×, in simulation`,
      met: atObjective >= objectiveGoal,
    });
  return claims;
}

/** Against taking turns, which is what "without load balancing" can mean when there are several servers. */
function strategyClaims(runs: readonly StrategyRun[]): Claim[] {
  const at = (strategy: string): StrategyRun | undefined =>
    runs.find((run) => run.pool === EQUAL.name && run.load === 0.9 && run.strategy === strategy);
  const turns = at("round-robin")?.measured;
  const ours = at("shortest-expected-delay")?.measured;
  if (turns === undefined || ours === undefined) return [];
  const less = (before: number, after: number): number => 100 * (1 - after / before);
  const bound = at(BOUND)?.simulatedP99Ms ?? Number.NaN;
  const p50 = less(turns.p50Ms, ours.p50Ms);
  return [
    {
      source: SOURCE,
      claim: "P50: 20 to 30 % less with load balancing",
      measured: `${p50.toFixed(0)} % less than taking turns (${turns.p50Ms.toFixed(0)} to ${ours.p50Ms.toFixed(0)} ms), 8 equal servers at 0.9 of what they can do`,
      limit: `p99 of the bound: ${bound.toFixed(0)} ms, here ${ours.p99Ms.toFixed(0)} ms`,
      met: p50 >= 20,
    },
  ];
}
