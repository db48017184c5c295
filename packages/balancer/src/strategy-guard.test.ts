import { createFakeClock } from "@fairlead/core/testing";
import { describe, expect, it } from "vitest";
import { type Balancer, createBalancer } from "./balancer.ts";
import { type Candidates, STRATEGY_API, type Strategy } from "./contract.ts";
import type { BalancerEvent } from "./events.ts";

function balancerWith(pick: (candidates: Candidates) => number, more: Partial<Strategy> = {}) {
  const events: BalancerEvent[] = [];
  const clock = createFakeClock();
  const strategy = (): Strategy => ({ name: "faulty", api: STRATEGY_API, pick, ...more });
  const balancer = createBalancer({ strategy, clock, onEvent: (event) => events.push(event) });
  for (const id of ["a", "b", "c"]) balancer.add({ id });
  return { balancer, events, clock };
}

function shares(balancer: Balancer, count: number): Record<string, number> {
  const shares: Record<string, number> = {};
  for (let index = 0; index < count; index++) {
    const id = balancer.acquire()?.endpointId ?? "none";
    shares[id] = (shares[id] ?? 0) + 1;
  }
  return shares;
}

describe("a strategy with a fault", () => {
  it.each([
    [
      "throws",
      () => {
        throw new Error("no");
      },
      "threw",
    ],
    ["names a slot that does not exist", () => 99, "outside-candidates"],
    ["names no integer", () => Number.NaN, "outside-candidates"],
    ["returns undefined", () => undefined as unknown as number, "outside-candidates"],
  ])("that %s is replaced by the fallback at once and for good after three times", (_what, pick, fault) => {
    const { balancer, events } = balancerWith(pick);
    expect(shares(balancer, 9)).toEqual({ a: 3, b: 3, c: 3 });
    expect(events.filter((event) => event.type === "strategy-fault")).toHaveLength(3);
    expect(events.find((event) => event.type === "strategy-fault")).toMatchObject({
      strategy: "faulty",
      fault,
    });
    expect(events.at(-1)).toEqual({
      type: "strategy-quarantined",
      strategy: "faulty",
      fallback: "least-connections",
    });
    expect(balancer.snapshot()).toMatchObject({
      strategy: "least-connections",
      strategyQuarantined: true,
      strategyFaults: 3,
    });
  });

  it("that picks an unhealthy endpoint does not get it", () => {
    const { balancer } = balancerWith(() => 0);
    balancer.setHealth("a", "unhealthy");
    expect(balancer.acquire()?.endpointId).not.toBe("a");
    expect(balancer.snapshot().strategyFaults).toBe(1);
  });

  it("that throws in its feedback hooks keeps no lease from being handed out or released", () => {
    const hook = (): never => {
      throw new Error("no");
    };
    const { balancer } = balancerWith((candidates) => candidates.slots[0] as number, {
      onStart: hook,
      onEnd: hook,
      onEndpoint: hook,
    });
    balancer.acquire()?.release("success");
    expect(balancer.snapshot().endpoints.map((endpoint) => endpoint.inFlight)).toEqual([0, 0, 0]);
    expect(balancer.snapshot().strategyQuarantined).toBe(true);
  });

  it("that throws when it is looked at breaks neither dashboards nor explanations", () => {
    const look = (): never => {
      throw new Error("no");
    };
    const { balancer } = balancerWith((candidates) => candidates.slots[0] as number, {
      snapshot: look,
      explain: look,
    });
    expect(balancer.snapshot().strategyState).toBeUndefined();
    expect(balancer.explain().endpoints).toHaveLength(3);
    expect(balancer.snapshot().strategyFaults).toBe(3);
  });

  it("that stalls is quarantined", () => {
    let now = 0;
    const strategy = (): Strategy => ({
      name: "slow",
      api: STRATEGY_API,
      pick: (candidates) => {
        now += 5;
        return candidates.slots[0] as number;
      },
    });
    const balancer = createBalancer({ strategy, clock: { ...createFakeClock(), now: () => now } });
    balancer.add({ id: "a" });
    for (let index = 0; index < 100; index++) balancer.acquire()?.release("success");
    expect(balancer.snapshot()).toMatchObject({ strategyQuarantined: true, strategyFaults: 3 });
  });

  it("that was written for another contract is refused", () => {
    const strategy = (): Strategy => ({ name: "old", api: 0, pick: () => 0 });
    expect(() => createBalancer({ strategy })).toThrow(
      expect.objectContaining({ code: "STRATEGY_API_MISMATCH" }),
    );
    expect(() => createBalancer({ strategy: () => ({}) as Strategy })).toThrow(
      expect.objectContaining({ code: "STRATEGY_INVALID" }),
    );
    expect(() => createBalancer({ strategy: "round-robbin" })).toThrow(
      expect.objectContaining({ code: "STRATEGY_UNKNOWN", strategyName: "round-robbin" }),
    );
  });
});
