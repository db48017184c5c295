// The scenarios over servers with slots run, count every call once, and report; what they measure is not a test's business.
import { expect, it } from "vitest";
import type { ScenarioContext } from "../src/result.ts";
import { runLoadBalancing } from "../src/scenarios/loadbalancing.ts";
import { runStress } from "../src/scenarios/stress.ts";

const context: ScenarioContext = { profile: "quick", without: [], onProgress: () => {} };

it("loadbalancing asks 1, 2, 4 and 8 servers, and each strategy", { timeout: 180_000 }, async () => {
  const { tables, charts, claims, data } = await runLoadBalancing(context, {
    rawMs: 300,
    objectiveMs: 300,
    strategyMs: 300,
    strategies: ["round-robin", "least-connections"],
    pools: [{ name: "two", speeds: [1, 2], antagonist: { share: 0.5, onMs: 100, offMs: 100 } }],
    loads: [0.5],
  });
  expect(tables[0]?.rows.map(([servers]) => servers)).toEqual([1, 2, 4, 8]);
  expect(tables[1]?.rows.map(([, , strategy]) => strategy)).toEqual(["round-robin", "least-connections"]);
  expect(charts).toHaveLength(2);
  expect(claims).toHaveLength(6);
  const { runs } = data as {
    runs: { offered: number; ok: number; errors: number; shed: number; failed: number }[];
  };
  for (const { offered, ok, errors, shed, failed } of runs) {
    expect(offered).toBeGreaterThan(0);
    expect(ok + errors + shed + failed).toBe(offered);
  }
});

it("stress offers multiples of the capacity, and every call ends in one way", {
  timeout: 120_000,
}, async () => {
  const { tables, data } = await runStress(context, { stepMs: 500, factors: [0.5, 3], clients: 16 });
  expect(tables[0]?.rows.map(([offered]) => offered)).toEqual(["0.5 ×", "3 ×"]);
  const { steps } = data as {
    steps: { offered: number; ok: number; errors: number; shed: number; failed: number; abandoned: number }[];
  };
  for (const { offered, ok, errors, shed, failed, abandoned } of steps)
    expect(ok + errors + shed + failed + abandoned).toBe(offered);
});
