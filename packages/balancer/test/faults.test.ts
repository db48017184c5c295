// Faults of one server of eight at a load of 0.6, with the balancer as it is by default. The simulator runs the real code
// on a virtual clock, so that these are deterministic.
import { describe, expect, it } from "vitest";
import { type Scenario, type SimulationResult, scenarios, simulate } from "../src/simulation/index.ts";

const seeds = [1, 2, 3, 4, 5, 6];

function runs(name: string, change: Partial<Scenario> = {}): readonly SimulationResult[] {
  const scenario = { ...(scenarios.find((candidate) => candidate.name === name) as Scenario), ...change };
  return seeds.map((seed) => simulate({ scenario, load: 0.6, requests: 20_000, seed, balancer: {} }));
}

const mean = (of: readonly SimulationResult[], value: (run: SimulationResult) => number): number =>
  of.reduce((sum, run) => sum + value(run), 0) / of.length;

describe("one of eight servers fails at once with every request from 20 s to 50 s", () => {
  const fastFail = runs("fast-fail");

  it("gets at most 1 % of the requests from one second on", () => {
    for (const run of fastFail) expect(run.shareDuring(0, 21_000, 50_000)).toBeLessThanOrEqual(0.01);
  });

  it("has at least 90 % of its fair share within 10 s of its recovery", () => {
    expect(mean(fastFail, (run) => run.shareDuring(0, 60_000, 70_000))).toBeGreaterThanOrEqual(0.9 / 8);
    expect(mean(fastFail, (run) => run.shareDuring(0, 60_000, 100_000))).toBeGreaterThanOrEqual(0.9 / 8);
  });

  it("costs no request its answer when failed attempts go to another server", () => {
    // Sizes without a heavy tail: no request is larger than the attempt's timeout.
    const light = runs("fast-fail", { sizes: { kind: "exponential" } });
    expect(mean(light, (run) => run.errorRatio)).toBe(0);
    expect(mean(light, (run) => run.extraAttempts)).toBeLessThan(0.01);
  });

  it("costs at most 0.2 % of the requests without retries", () => {
    expect(mean(runs("fast-fail", { retries: 0 }), (run) => run.errorRatio)).toBeLessThan(0.002);
  });
});

describe("one of eight servers hangs from 20 s to 50 s", () => {
  const hang = runs("hang", { sizes: { kind: "exponential" } });

  it("gets at most 1 % of the requests once the first attempts have timed out", () => {
    for (const run of hang) expect(run.shareDuring(0, 25_000, 50_000)).toBeLessThanOrEqual(0.01);
  });

  it("has at least 90 % of its fair share within 10 s of its recovery", () => {
    expect(mean(hang, (run) => run.shareDuring(0, 60_000, 70_000))).toBeGreaterThanOrEqual(0.9 / 8);
  });

  it("costs no request its answer when attempts that time out go to another server", () => {
    expect(mean(hang, (run) => run.errorRatio)).toBe(0);
  });
});

describe("one of eight servers crashes at 20 s, is back at 40 s and works at a fifth of its speed until 50 s", () => {
  const crash = runs("crash-cold-start");

  it("costs next to no request its answer", () => {
    // What remains are requests that are larger than the attempt's timeout wherever they run.
    expect(mean(crash, (run) => run.errorRatio)).toBeLessThan(0.002);
  });

  it("gets less than half of its fair share while it is cold, and 90 % of it within 10 s of being warm", () => {
    expect(mean(crash, (run) => run.shareDuring(0, 46_000, 50_000))).toBeLessThan(0.5 / 8);
    expect(mean(crash, (run) => run.shareDuring(0, 60_000, 100_000))).toBeGreaterThanOrEqual(0.9 / 8);
  });
});
