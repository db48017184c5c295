// What strategies are told about calls and upstreams, through the whole multiplexer.
import { existsSync } from "node:fs";
import { STRATEGY_API, type StrategyFactory } from "@fairlead/balancer";
import { expect, it } from "vitest";
import { scripted, start, upstream } from "./harness.ts";

it("a strategy is told the kind of each call and how long it took, so that it can predict", async () => {
  const picks: number[] = [];
  const ends: { kind: number; outcome: string; measured: boolean }[] = [];
  const spy: StrategyFactory = () => ({
    name: "spy",
    api: STRATEGY_API,
    needs: ["latency", "task-class"],
    pick(candidates, { taskClass }) {
      picks.push(taskClass);
      return candidates.slots[0] ?? -1;
    },
    onEnd: ({ taskClass }, outcome, latencyMs) =>
      void ends.push({ kind: taskClass, outcome, measured: latencyMs >= 0 }),
  });
  await using harness = await start({ pools: [{ namespace: "p", strategy: spy, upstreams: [scripted()] }] });
  await harness.call("p__work");
  await harness.call("p__read");
  await harness.call("p__work");
  const [work, read] = picks;
  expect(picks).toEqual([work, read, work]);
  expect(work).not.toBe(read);
  expect(ends).toEqual([work, read, work].map((kind) => ({ kind, outcome: "success", measured: true })));
}, 60_000);

it("predictive ranks upstreams for a tool, and says so", async () => {
  await using harness = await start({
    pools: [{ namespace: "p", strategy: "predictive", upstreams: [scripted(), scripted({}, { weight: 4 })] }],
  });
  for (let at = 0; at < 10; at++) await harness.call("p__work");
  const { strategy, best, endpoints } = harness.multiplexer.explain("p", "work");
  expect(strategy).toBe("predictive");
  expect(endpoints.map(({ id }) => id)).toEqual(["p-1", "p-2"]);
  expect(endpoints.every(({ score }) => typeof score === "number" && score > 0)).toBe(true);
  expect(["p-1", "p-2"]).toContain(best);
  await harness.multiplexer.drain("p-2");
  expect(harness.multiplexer.explain("p").endpoints.find(({ id }) => id === "p-2")?.excludedBy).toBe(
    "draining",
  );
  expect(() => harness.multiplexer.explain("q")).toThrow(/There is no pool "q"/);
}, 60_000);

it("an upstream that is new or comes back begins with a small share, if it is to", async () => {
  await using harness = await start({
    pools: [
      {
        namespace: "p",
        slowStart: { windowMs: 600_000, minWeightRatio: 0.1 },
        upstreams: [scripted({}, { weight: 10 }), scripted()],
      },
    ],
  });
  for (const id of ["p-1", "p-2"]) await harness.multiplexer.drain(id);
  harness.multiplexer.undrain("p-1");
  expect(upstream(harness, "p-1")).toMatchObject({ weight: 10, status: "ready" });
  expect(upstream(harness, "p-1")?.effectiveWeight).toBeCloseTo(1, 1);
  await harness.multiplexer.updatePool({
    namespace: "p",
    upstreams: [scripted({}, { weight: 10 }), scripted()],
  });
  expect(upstream(harness, "p-1")?.effectiveWeight).toBe(10);
}, 60_000);

it.skipIf(!existsSync("/proc/self/stat"))(
  "resource-aware is told what the processes use, and others are not",
  async () => {
    await using harness = await start({
      pools: [
        { namespace: "p", strategy: "resource-aware", upstreams: [scripted()] },
        { namespace: "q", upstreams: [scripted()] },
      ],
    });
    await expect
      .poll(() => upstream(harness, "p-1")?.load?.memoryUtilization, { timeout: 20_000 })
      .toBeGreaterThan(0);
    expect(upstream(harness, "q-1")?.load).toBeNull();
    await harness.multiplexer.updatePool({
      namespace: "q",
      strategy: "resource-aware",
      upstreams: [scripted()],
    });
    await expect
      .poll(() => upstream(harness, "q-1")?.load?.memoryUtilization, { timeout: 20_000 })
      .toBeGreaterThan(0);
  },
  60_000,
);
