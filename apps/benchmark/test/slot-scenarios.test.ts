// The scenarios over servers with slots run, count every call once, and report; what they measure is not a test's business.
import { expect, it } from "vitest";
import type { ScenarioContext } from "../src/result.ts";
import { runLoadBalancing } from "../src/scenarios/loadbalancing.ts";
import { runStress } from "../src/scenarios/stress.ts";

const context: ScenarioContext = { profile: "quick", without: [], onProgress: () => {} };

it("loadbalancing asks pools of each size, and each strategy", { timeout: 180_000 }, async () => {
  const { tables, charts, claims, data } = await runLoadBalancing(context, {
    rawMs: 300,
    objectiveMs: 200,
    counts: [1, 8],
    strategyMs: 300,
    strategies: ["round-robin", "least-connections"],
    pools: [{ name: "two", speeds: [1, 2], antagonist: { share: 0.5, onMs: 100, offMs: 100 } }],
    loads: [0.5],
  });
  expect(tables[0]?.rows.map(([servers]) => servers)).toEqual([1, 8]);
  const strategies = tables[1]?.rows.map(([, , strategy]) => strategy);
  expect(strategies).toEqual(["round-robin", "least-connections", "one queue (bound)"]);
  expect(charts).toHaveLength(2);
  expect(claims).toHaveLength(3);
  const { runs, scaling } = data as {
    runs: {
      measured?: { offered: number; ok: number; errors: number; shed: number; failed: number };
      simulatedP99Ms: number;
    }[];
    scaling: { limit: number }[];
  };
  for (const { measured, simulatedP99Ms } of runs) {
    expect(simulatedP99Ms).toBeGreaterThan(0);
    if (measured === undefined) continue;
    const { offered, ok, errors, shed, failed } = measured;
    expect(offered).toBeGreaterThan(0);
    expect(ok + errors + shed + failed).toBe(offered);
  }
  // Simulated, so the same everywhere: a shared queue in front of more servers carries more than in proportion.
  const limits = scaling.map(({ limit }) => limit);
  expect((limits[1] ?? 0) / (limits[0] ?? 0)).toBeGreaterThan(11.3);
});

it("stress offers multiples of the capacity, and every call ends in one way", {
  timeout: 120_000,
}, async () => {
  const { tables, data } = await runStress(context, {
    stepMs: 500,
    warmUpMs: 100,
    factors: [0.5, 3],
    clients: 16,
  });
  expect(tables[0]?.rows.map(([queue, offered]) => [queue, offered])).toEqual([
    ["32 calls", "0.5 ×"],
    ["32 calls", "3 ×"],
    ["1,000 calls (default)", "3 ×"],
  ]);
  const { steps } = data as {
    steps: { offered: number; ok: number; errors: number; shed: number; failed: number; abandoned: number }[];
  };
  for (const { offered, ok, errors, shed, failed, abandoned } of steps)
    expect(ok + errors + shed + failed + abandoned).toBe(offered);
});
