import { describe, expect, it } from "vitest";
import { md1ResponseTime, mg1ResponseTime, mm1ResponseTime, mmkResponseTime } from "./closed-forms.ts";
import type { SizeDistribution } from "./distributions.ts";
import { type Scenario, scenarios } from "./scenario.ts";
import { simulate } from "./simulate.ts";

const exponential: SizeDistribution = { kind: "exponential" };

function servers(count: number, slots: number, sizes: SizeDistribution): Scenario {
  return {
    name: "closed form",
    servers: Array.from({ length: count }, () => ({ slots, speed: 1 })),
    meanSizeMs: 1,
    sizes,
  };
}

/** Mean response time over runs of 150,000 requests; more of them where queues are long and means converge slowly. */
function meanOf(scenario: Scenario, load: number, balancer: "central-queue" | object): number {
  const seeds = load < 0.8 ? [1, 2, 3] : [1, 2, 3, 4, 5, 6];
  const runs = seeds.map((seed) => simulate({ scenario, load, requests: 150_000, seed, balancer }).meanMs);
  return runs.reduce((sum, mean) => sum + mean, 0) / runs.length;
}

/** Relative distance of a simulated mean from the exact one. */
const deviation = (simulated: number, exact: number): number => Math.abs(simulated / exact - 1);

describe("the simulator agrees within 3 % with", () => {
  it.each([0.5, 0.8])("M/M/1 at load %d", (load) => {
    const scenario = servers(1, 1, exponential);
    expect(
      deviation(meanOf(scenario, load, { strategy: "round-robin" }), mm1ResponseTime(load)),
    ).toBeLessThan(0.03);
  });

  it.each([
    [4, 0.7],
    [8, 0.9],
    [32, 0.9],
  ])("M/M/%d at load %d, as one server with slots and as one queue over servers", (k, load) => {
    const exact = mmkResponseTime(load, k);
    expect(
      deviation(meanOf(servers(1, k, exponential), load, { strategy: "round-robin" }), exact),
    ).toBeLessThan(0.03);
    expect(deviation(meanOf(servers(k, 1, exponential), load, "central-queue"), exact)).toBeLessThan(0.03);
  });

  it.each([0.5, 0.8])("M/D/1 at load %d", (load) => {
    const scenario = servers(1, 1, { kind: "deterministic" });
    expect(
      deviation(meanOf(scenario, load, { strategy: "round-robin" }), md1ResponseTime(load)),
    ).toBeLessThan(0.03);
  });

  it("M/G/1 with bimodal sizes", () => {
    const sizes: SizeDistribution = { kind: "bimodal", largeRatio: 0.05, factor: 10 };
    const small = 1 / 1.45;
    const cv2 = small ** 2 * (0.95 + 0.05 * 100) - 1;
    const simulated = meanOf(servers(1, 1, sizes), 0.6, { strategy: "round-robin" });
    expect(deviation(simulated, mg1ResponseTime(0.6, cv2))).toBeLessThan(0.03);
  });

  it("processor sharing, whose mean does not depend on the distribution", () => {
    const model = { slots: 256, speed: 1, batchingHeadroom: 1e-9 };
    const scenario: Scenario = {
      name: "ps",
      servers: [model],
      meanSizeMs: 1,
      sizes: { kind: "lognormal", sigma: 1 },
    };
    // The capacity of this model is 1, as its jobs share one server.
    expect(deviation(meanOf(scenario, 0.7, { strategy: "round-robin" }), mm1ResponseTime(0.7))).toBeLessThan(
      0.03,
    );
  });
});

describe("simulate", () => {
  it.each(scenarios.map((scenario) => [scenario.name, scenario] as const))(
    "%s gives the same result for the same seed and another for another",
    (_name, scenario) => {
      const run = (seed: number) =>
        simulate({
          scenario,
          load: 0.7,
          requests: 3_000,
          seed,
          balancer: { strategy: "shortest-expected-delay" },
        });
      const { shareDuring: _first, ...first } = run(1);
      const { shareDuring: _second, ...second } = run(1);
      expect(second).toEqual(first);
      expect(run(2).pickHash).not.toBe(first.pickHash);
      expect(first.p50Ms).toBeGreaterThan(0);
      expect(first.shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1);
    },
  );

  it("serves a session for less where it is remembered", () => {
    const scenario = scenarios.find(({ name }) => name === "prefix-sessions") as Scenario;
    const one: Scenario = {
      ...scenario,
      servers: scenario.servers.slice(0, 1),
      sessions: { count: 1, zipfExponent: 1, cachedPerServer: 1, savedRatio: 0.6 },
    };
    const without: Scenario = {
      ...one,
      sessions: { count: 1, zipfExponent: 1, cachedPerServer: 1, savedRatio: 0 },
    };
    const run = (of: Scenario) =>
      simulate({ scenario: of, load: 0.1, requests: 5_000, seed: 1, balancer: {} }).p50Ms;
    expect(run(one) / run(without)).toBeCloseTo(0.4, 1);
  });
});
