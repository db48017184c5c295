import { createFakeClock } from "@fairlead/core/testing";
import { describe, expect, it } from "vitest";
import { type Balancer, createBalancer } from "./balancer.ts";
import type { BalancerOptions } from "./balancer-options.ts";
import type { LeaseOutcome } from "./contract.ts";
import type { BalancerEvent } from "./events.ts";

function pool(size: number, options: BalancerOptions = {}) {
  const events: BalancerEvent[] = [];
  const clock = createFakeClock();
  const balancer = createBalancer({ clock, onEvent: (event) => events.push(event), ...options });
  const ids = Array.from({ length: size }, (_, index) => `e${index}`);
  for (const id of ids) balancer.add({ id });
  return { balancer, clock, ids, events };
}

/** Sends one call to endpoint `id` whatever the strategy would choose. */
function call(balancer: Balancer, id: string, outcome: LeaseOutcome, latencyMs = 1): boolean {
  const exclude = balancer
    .snapshot()
    .endpoints.flatMap((endpoint) => (endpoint.id === id ? [] : [endpoint.id]));
  const lease = balancer.acquire({ exclude });
  lease?.release(outcome, latencyMs);
  return lease !== undefined;
}

function calls(balancer: Balancer, id: string, outcome: LeaseOutcome, times: number, latencyMs = 1): void {
  for (let index = 0; index < times; index++) call(balancer, id, outcome, latencyMs);
}

const isEjected = (balancer: Balancer, id: string): boolean | undefined =>
  balancer.snapshot().endpoints.find((endpoint) => endpoint.id === id)?.ejected;

describe("outlier ejection", () => {
  it.each<LeaseOutcome>(["transport-error", "overload", "timeout"])(
    "ejects after five times %s in a row",
    (outcome) => {
      const { balancer, events } = pool(4);
      calls(balancer, "e0", outcome, 4);
      expect(isEjected(balancer, "e0")).toBe(false);
      call(balancer, "e0", outcome);
      expect(isEjected(balancer, "e0")).toBe(true);
      expect(call(balancer, "e0", "success")).toBe(false);
      expect(events.at(-1)).toEqual({
        type: "endpoint-ejected",
        endpointId: "e0",
        reason: "consecutive-failures",
        durationMs: 1000,
      });
    },
  );

  it.each<LeaseOutcome>(["success", "app-error"])("starts to count again after %s", (outcome) => {
    const { balancer } = pool(4);
    calls(balancer, "e0", "timeout", 4);
    call(balancer, "e0", outcome);
    calls(balancer, "e0", "timeout", 4);
    expect(isEjected(balancer, "e0")).toBe(false);
  });

  it.each<LeaseOutcome>(["client-error", "cancelled", "hedge-loser", "not-sent"])(
    "learns nothing from %s",
    (outcome) => {
      const { balancer } = pool(4);
      calls(balancer, "e0", "timeout", 4);
      calls(balancer, "e0", outcome, 50);
      expect(isEjected(balancer, "e0")).toBe(false);
      call(balancer, "e0", "timeout");
      expect(isEjected(balancer, "e0")).toBe(true);
    },
  );

  it("ejects when half of the calls in a window fail, however they alternate", () => {
    const { balancer, events } = pool(4);
    for (let index = 0; index < 30; index++) call(balancer, "e0", index % 2 === 0 ? "timeout" : "success");
    expect(events.at(-1)).toMatchObject({ type: "endpoint-ejected", reason: "failure-ratio" });
    expect(balancer.snapshot().endpoints[0]?.counts.failed).toBeGreaterThanOrEqual(10);
  });

  it("forgets failures that are older than the window", async () => {
    const { balancer, clock } = pool(4);
    for (let index = 0; index < 18; index++) call(balancer, "e0", index % 2 === 0 ? "timeout" : "success");
    await clock.advance(10_001);
    for (let index = 0; index < 6; index++) call(balancer, "e0", index % 2 === 0 ? "timeout" : "success");
    expect(isEjected(balancer, "e0")).toBe(false);
  });

  it("ejects endpoints that answer too slowly", () => {
    const { balancer, events } = pool(4, { outlierEjection: { slowCallMs: 500 } });
    calls(balancer, "e0", "success", 19, 501);
    expect(isEjected(balancer, "e0")).toBe(false);
    call(balancer, "e0", "success", 501);
    expect(events.at(-1)).toMatchObject({ type: "endpoint-ejected", reason: "slow-calls" });
  });

  it("lets an endpoint return, ejects it again for twice as long after one failure, and never longer than the maximum", async () => {
    const { balancer, clock, events } = pool(4);
    calls(balancer, "e0", "timeout", 5);
    const durations: number[] = [];
    for (let round = 0; round < 4; round++) {
      const last = events.findLast((event) => event.type === "endpoint-ejected");
      const durationMs = last?.durationMs ?? 0;
      durations.push(durationMs);
      await clock.advance(durationMs - 1);
      expect(call(balancer, "e0", "success")).toBe(false);
      await clock.advance(1);
      expect(call(balancer, "e0", "timeout")).toBe(true);
      expect(isEjected(balancer, "e0")).toBe(true);
    }
    expect(durations).toEqual([1000, 2000, 4000, 5000]);
  });

  it("forgets earlier ejections once the endpoint has proved itself", async () => {
    const { balancer, clock, events } = pool(4);
    calls(balancer, "e0", "timeout", 5);
    await clock.advance(1000);
    calls(balancer, "e0", "success", 5);
    calls(balancer, "e0", "timeout", 5);
    expect(events.at(-1)).toMatchObject({ type: "endpoint-ejected", durationMs: 1000 });
  });

  it("ejects at most half of the endpoints, and ignores ejection when fewer than half serve", () => {
    const { balancer, ids, events } = pool(4);
    for (const id of ids) calls(balancer, id, "timeout", 6);
    expect(balancer.snapshot().endpoints.filter((endpoint) => endpoint.ejected)).toHaveLength(2);
    balancer.setHealth("e2", "unhealthy");
    expect(events.some((event) => event.type === "panic-began")).toBe(true);
    expect(balancer.eligibleCount).toBe(3);
    balancer.setHealth("e2", "healthy");
    expect(events.some((event) => event.type === "panic-ended")).toBe(true);
    expect(balancer.eligibleCount).toBe(2);
  });

  it("still uses the only endpoint of a pool", () => {
    const { balancer } = pool(1);
    calls(balancer, "e0", "timeout", 6);
    expect(isEjected(balancer, "e0")).toBe(true);
    expect(balancer.acquire()?.endpointId).toBe("e0");
  });

  it("can be switched off", () => {
    const { balancer } = pool(4, { outlierEjection: false });
    calls(balancer, "e0", "timeout", 100);
    expect(isEjected(balancer, "e0")).toBe(false);
  });

  it.each([
    ["consecutiveFailures", -1],
    ["failureRatio", 0],
    ["slowCallMs", 0],
    ["slowCallRatio", 2],
    ["windowMs", 0],
    ["minimumCalls", 0],
    ["baseEjectionMs", 0],
    ["maxEjectionMs", 1],
    ["maxEjectedRatio", 2],
  ])("rejects a bad %s", (name, value) => {
    expect(() => createBalancer({ outlierEjection: { [name]: value } })).toThrow(
      new RegExp(`outlierEjection.${name} .*got ${value}`),
    );
  });
});
