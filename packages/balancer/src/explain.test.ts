import { createFakeClock } from "@fairlead/core/testing";
import { describe, expect, it } from "vitest";
import { createBalancer } from "./balancer.ts";

describe("explain", () => {
  it("says for every endpoint why it is no candidate, or how the strategy scores it", () => {
    const balancer = createBalancer({ strategy: "least-connections", clock: createFakeClock() });
    for (const id of ["busy", "sick", "leaving", "tried", "failing", "other"])
      balancer.add({ id, capabilities: ["tools"] });
    balancer.add({ id: "full", maxConcurrency: 1, capabilities: ["tools"] });
    balancer.add({ id: "plain" });
    balancer.add({ id: "backup", priority: 1, capabilities: ["tools"] });
    const only = (id: string) => ({
      exclude: ["busy", "sick", "leaving", "tried", "failing", "other", "full", "plain", "backup"].filter(
        (e) => e !== id,
      ),
    });
    balancer.acquire(only("busy"));
    balancer.acquire(only("full"));
    for (let index = 0; index < 5; index++) balancer.acquire(only("failing"))?.release("timeout");
    balancer.setHealth("sick", "unhealthy");
    balancer.setHealth("leaving", "draining");

    const explanation = balancer.explain({ exclude: ["tried"], capabilities: ["tools"] });
    expect(explanation).toMatchObject({
      strategy: "least-connections",
      best: "other",
      levels: [
        { priority: 0, panic: false },
        { priority: 1, panic: false },
      ],
    });
    expect(Object.fromEntries(explanation.endpoints.map((e) => [e.id, e.excludedBy ?? e.score]))).toEqual({
      busy: 2,
      sick: "unhealthy",
      leaving: "draining",
      tried: "excluded",
      failing: "ejected",
      other: 1,
      full: "full",
      plain: "lacks-capability",
      backup: 1,
    });
    expect(balancer.explain({ tags: ["eu"] }).endpoints[0]).toMatchObject({
      excludedBy: "lacks-tag",
      score: undefined,
    });
  });

  it("changes nothing", () => {
    const balancer = createBalancer({ strategy: "round-robin", strategyOptions: { randomStart: false } });
    for (const id of ["a", "b", "c"]) balancer.add({ id });
    for (let index = 0; index < 7; index++) {
      const expected = balancer.explain().best;
      expect(balancer.explain().best).toBe(expected);
      expect(balancer.acquire()?.endpointId).toBe(expected);
    }
  });
});
