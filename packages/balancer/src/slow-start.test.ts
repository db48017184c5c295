import { createFakeClock } from "@fairlead/core/testing";
import { describe, expect, it } from "vitest";
import { createBalancer } from "./balancer.ts";
import type { SlowStartOptions } from "./slow-start.ts";

function weights(slowStart: SlowStartOptions) {
  const clock = createFakeClock();
  const balancer = createBalancer({ clock, slowStart });
  balancer.add({ id: "a", weight: 2 });
  const weightOf = (id: string): number | undefined =>
    balancer.snapshot().endpoints.find((endpoint) => endpoint.id === id)?.effectiveWeight;
  return { balancer, clock, weightOf };
}

describe("slow start", () => {
  it("gives endpoints that are there from the start their full weight at once", () => {
    const { weightOf } = weights({ windowMs: 1000 });
    expect(weightOf("a")).toBe(2);
  });

  it("raises the weight of a new endpoint from the minimum to the full weight over the window", async () => {
    const { balancer, clock, weightOf } = weights({ windowMs: 1000 });
    balancer.acquire()?.release("success");
    balancer.add({ id: "b", weight: 4 });
    expect(weightOf("b")).toBeCloseTo(0.4);
    await clock.advance(500);
    expect(weightOf("b")).toBeCloseTo(2);
    await clock.advance(500);
    expect(weightOf("b")).toBe(4);
  });

  it("raises it faster with a larger aggression", async () => {
    const { balancer, clock, weightOf } = weights({ windowMs: 1000, aggression: 2 });
    balancer.acquire()?.release("success");
    balancer.add({ id: "b" });
    await clock.advance(250);
    expect(weightOf("b")).toBeCloseTo(0.5);
  });

  it("begins again for an endpoint that becomes healthy", async () => {
    const { balancer, clock, weightOf } = weights({ windowMs: 1000, minWeightRatio: 0.5 });
    balancer.setHealth("a", "unhealthy");
    balancer.setHealth("a", "healthy");
    expect(weightOf("a")).toBe(1);
    await clock.advance(1000);
    expect(weightOf("a")).toBe(2);
  });

  it("gives a new endpoint less work than its peers until the window is over", async () => {
    const { balancer, clock } = weights({ windowMs: 1000 });
    balancer.update("a", { weight: 1 });
    balancer.acquire()?.release("success");
    balancer.add({ id: "b" });
    const share = (): number => {
      const leases = Array.from({ length: 20 }, () => balancer.acquire());
      for (const lease of leases) lease?.release("success");
      return leases.filter((lease) => lease?.endpointId === "b").length;
    };
    expect(share()).toBeLessThan(4);
    await clock.advance(1000);
    expect(share()).toBe(10);
  });

  it.each([
    ["windowMs", -1],
    ["aggression", 0],
    ["minWeightRatio", 0],
  ])("rejects a bad %s", (name, value) => {
    expect(() => createBalancer({ slowStart: { [name]: value } })).toThrow(
      new RegExp(`slowStart.${name} .*got ${value}`),
    );
  });
});
