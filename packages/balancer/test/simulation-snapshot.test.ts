// Guards the committed simulation snapshot: the part of it that the goals are about is run again with the same requests, and
// must reach the goals and be no worse than what is committed, beyond the noise between seeds.
import { readdir, readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { bound, contestants, gapGoals, requests, seeds, throughputGoals } from "../bench/simulation-plan.ts";
import { type Contestant, compare, gapClosed, type Scenario, scenarios } from "../src/simulation/index.ts";

const folder = new URL("../simulation/", import.meta.url);
const [header = "", ...lines] = (await readFile(new URL("results.csv", folder), "utf8")).trim().split("\n");
const columns = header.split(",");
const committed = lines.map((line) => {
  // The contestant is quoted, as one name has a comma.
  const [, scenario = "", load = "", contestant = "", rest = ""] =
    /^([^,]+),([^,]+),"([^"]+)",(.*)$/.exec(line) ?? [];
  const values = rest.split(",");
  const at = (name: string): number => Number(values[columns.indexOf(name) - 3]);
  return {
    scenario,
    load: Number(load),
    contestant,
    mean: at("mean_ms"),
    p99: at("p99_ms"),
    p99HalfWidth: at("p99_ms_half_width"),
  };
});
const cell = (scenario: string, load: number, contestant: string) => {
  const found = committed.find(
    (row) => row.scenario === scenario && row.load === load && row.contestant === contestant,
  );
  if (found === undefined)
    throw new Error(`the snapshot lacks ${scenario}, ${load}, ${contestant}: run pnpm simulate`);
  return found;
};

const defaultName = "shortest-expected-delay";
const named = (name: string): Contestant =>
  contestants.find((contestant) => contestant.name === name) as Contestant;

describe("the simulation snapshot", () => {
  it("has a plot of every scenario, and a cell of every strategy", async () => {
    const files = await readdir(folder);
    for (const { name } of scenarios) {
      expect(files).toContain(`${name}.svg`);
      for (const contestant of contestants) expect(cell(name, 0.9, contestant.name).mean).toBeGreaterThan(0);
    }
  });

  it.each(gapGoals)(
    "is reproduced, not worse than committed, and above the goal: $scenario",
    ({ scenario, baseline, goal }) => {
      const cells = compare({
        contestants: [named(baseline), named(defaultName), named(bound)],
        scenarios: [scenarios.find(({ name }) => name === scenario) as Scenario],
        loads: [0.9],
        seeds,
        requests,
      });
      const [worst, own, best] = cells.map(({ p99MsPerSeed }) => p99MsPerSeed) as [
        number[],
        number[],
        number[],
      ];
      expect(gapClosed(worst, own, best).mean).toBeGreaterThanOrEqual(goal);
      const before = cell(scenario, 0.9, defaultName);
      const now = cells[1]?.p99Ms.mean ?? Number.NaN;
      expect(now).toBeLessThanOrEqual(before.p99 + Math.max(before.p99HalfWidth, 0.03 * before.p99));
      // The simulator itself has not moved: its bound does not depend on any strategy.
      expect(cells[2]?.p99Ms.mean).toBeCloseTo(cell(scenario, 0.9, bound).p99, 1);
    },
  );

  it.each(scenarios.map(({ name }) => name))(
    "has adaptive within 3 %% of the best single strategy at load 0.9: %s",
    (scenario) => {
      const singles = contestants.filter(
        ({ name, oracleWeights }) => name !== bound && name !== "adaptive" && oracleWeights !== true,
      );
      const best = Math.min(...singles.map(({ name }) => cell(scenario, 0.9, name).mean));
      expect(cell(scenario, 0.9, "adaptive").mean / best).toBeLessThanOrEqual(1.03);
    },
  );

  it.each(["speeds-1-2-4", "antagonist"])(
    "has predictive ahead of weighted-response-time: %s",
    (scenario) => {
      for (const load of [0.5, 0.7, 0.9, 0.95]) {
        const predictive = cell(scenario, load, "predictive");
        const weighted = cell(scenario, load, "weighted-response-time");
        expect(predictive.mean).toBeLessThan(weighted.mean);
        expect(predictive.p99).toBeLessThan(weighted.p99);
      }
    },
  );

  it("has pools that scale as the goals say", async () => {
    const report = await readFile(new URL("README.md", folder), "utf8");
    for (const { servers, raw, atObjective } of throughputGoals) {
      const [, ownRaw = "", ownAtObjective = ""] =
        new RegExp(`^\\| ${servers} \\| ([\\d.]+) \\| [\\d.]+ \\| ([\\d.]+) \\|`, "m").exec(report) ?? [];
      expect(Number(ownRaw)).toBeGreaterThanOrEqual(raw);
      expect(Number(ownAtObjective)).toBeGreaterThanOrEqual(atObjective);
    }
  });
});
