// Writes the simulation snapshot: simulation/results.csv, simulation/README.md and a plot per scenario. Deterministic:
// the same code gives the same files. Run with `pnpm simulate`; takes about ten minutes.
import { mkdir, writeFile } from "node:fs/promises";
import {
  type ComparisonCell,
  compare,
  formatTables,
  gapClosed,
  measureThroughput,
  plotScenario,
  type Scenario,
  scenarios,
} from "../src/simulation/index.ts";
import {
  bound,
  contestants,
  gapGoals,
  loads,
  objectiveMs,
  requests,
  seeds,
  throughputGoals,
} from "./simulation-plan.ts";

const folder = new URL("../simulation/", import.meta.url);
await mkdir(folder, { recursive: true });
const [homogeneous] = scenarios as readonly [Scenario];

const cells: ComparisonCell[] = [];
for (const scenario of scenarios) {
  const own = compare({ contestants, scenarios: [scenario], loads, seeds, requests });
  cells.push(...own);
  await writeFile(
    new URL(`${scenario.name}.svg`, folder),
    plotScenario({ cells: own, bound, shareLoad: 0.9 }),
  );
  console.log(formatTables(own));
}

const defaultName = "shortest-expected-delay";
const perSeed = (scenario: string, contestant: string): readonly number[] =>
  cells.find((cell) => cell.scenario === scenario && cell.load === 0.9 && cell.contestant === contestant)
    ?.p99MsPerSeed ?? [];
const gaps = gapGoals.map(({ scenario, baseline, goal }) => ({
  scenario,
  baseline,
  goal,
  closed: gapClosed(perSeed(scenario, baseline), perSeed(scenario, defaultName), perSeed(scenario, bound)),
}));

const adaptive = scenarios.flatMap(({ name }) =>
  loads.map((load) => {
    const here = cells.filter((cell) => cell.scenario === name && cell.load === load);
    const own = here.find(({ contestant }) => contestant === "adaptive");
    const singles = here.filter(
      ({ contestant }) =>
        contestant !== "adaptive" && contestant !== bound && !contestant.includes("true speeds"),
    );
    const best = singles.reduce(
      (least, cell) => (cell.meanMs.mean < least.meanMs.mean ? cell : least),
      singles[0] as ComparisonCell,
    );
    return {
      scenario: name,
      load,
      best: best.contestant,
      ratio: (own?.meanMs.mean ?? Number.NaN) / best.meanMs.mean,
    };
  }),
);

const throughput = measureThroughput({
  scenario: homogeneous,
  contestant: { name: defaultName, balancer: { strategy: defaultName } },
  sizes: [1, ...throughputGoals.map(({ servers }) => servers)],
  objectiveMs,
  seeds: seeds.slice(0, 5),
  requests: 100_000,
});

await writeFile(new URL("results.csv", folder), toCsv());
await writeFile(new URL("README.md", folder), report());

function toCsv(): string {
  const lines = cells.map(({ scenario, load, contestant, meanMs, p50Ms, p95Ms, p99Ms, errorRatio, shares }) =>
    [
      scenario,
      load,
      `"${contestant}"`,
      ...[meanMs, p50Ms, p95Ms, p99Ms].flatMap(({ mean, halfWidth }) => [
        mean.toFixed(2),
        halfWidth.toFixed(2),
      ]),
      errorRatio.toFixed(6),
      shares.map((share) => share.toFixed(4)).join(" "),
    ].join(","),
  );
  const columns = ["mean", "p50", "p95", "p99"].flatMap((name) => [`${name}_ms`, `${name}_ms_half_width`]);
  return `${["scenario,load,contestant", ...columns, "error_ratio,shares"].join(",")}\n${lines.join("\n")}\n`;
}

function report(): string {
  const one = throughput[0];
  const percent = (ratio: number): string => `${(100 * ratio).toFixed(1)} %`;
  return `# Simulation snapshot

Written by \`pnpm --filter @fairlead/balancer simulate\`; the same code gives the same files. ${seeds.length} seeds, ${requests}
requests per run, the first tenth not counted. Response times in ms: p50 / p95 / p99 ± half of p99's 95 % confidence interval
over seeds. Every strategy meets the same requests. "${bound}" is the bound: one queue and the fastest free slot.

## Goals

| gap to the central queue closed at load 0.9, by p99, by the default | goal | result |
|---|---|---|
${gaps.map(({ scenario, baseline, goal, closed }) => `| ${scenario}, against ${baseline} | ${percent(goal)} | ${percent(closed.mean)} ± ${percent(closed.halfWidth)} |`).join("\n")}

| servers | raw, multiple of one server | goal | at p99 ≤ ${objectiveMs.toFixed(0)} ms | goal |
|---|---|---|---|---|
${throughputGoals
  .map((goal) => {
    const own = throughput.find(({ servers }) => servers === goal.servers);
    const raw = (own?.rawPerSecond ?? Number.NaN) / (one?.rawPerSecond ?? Number.NaN);
    const atObjective = (own?.atObjectivePerSecond ?? Number.NaN) / (one?.atObjectivePerSecond ?? Number.NaN);
    return `| ${goal.servers} | ${raw.toFixed(2)} | ${goal.raw} | ${atObjective.toFixed(2)} | ${goal.atObjective} |`;
  })
  .join("\n")}

Adaptive beside the best single strategy, by mean response time (1.00 is the best's):

| scenario | ${loads.map((load) => `load ${load}`).join(" | ")} |
|---|${loads.map(() => "---|").join("")}
${scenarios
  .map(({ name }) => {
    const row = adaptive.filter(({ scenario }) => scenario === name);
    return `| ${name} | ${row.map(({ ratio, best }) => `${ratio.toFixed(3)} (${best})`).join(" | ")} |`;
  })
  .join("\n")}

## Results

${formatTables(cells)}`;
}
