import { createFakeClock, createSeededRandom } from "@fairlead/core/testing";
import { describe, expect, it } from "vitest";
import { type Balancer, createBalancer } from "../balancer.ts";
import type { LeaseOutcome } from "../contract.ts";

function pool(size: number, strategyOptions: object = {}) {
  const clock = createFakeClock();
  const balancer = createBalancer({
    clock,
    strategy: "shortest-expected-delay",
    strategyOptions,
    outlierEjection: false,
  });
  for (let index = 0; index < size; index++) balancer.add({ id: `${index}`, tags: ["all"] });
  return { balancer, clock };
}

/** Runs requests one after the other and counts where they go. */
function serve(
  balancer: Balancer,
  count: number,
  end: (id: string) => readonly [LeaseOutcome, number],
  request = {},
): number[] {
  const shares = new Array<number>(balancer.size).fill(0);
  for (let index = 0; index < count; index++) {
    const lease = balancer.acquire(request);
    if (lease === undefined) continue;
    shares[Number(lease.endpointId)] = (shares[Number(lease.endpointId)] ?? 0) + 1;
    lease.release(...end(lease.endpointId));
  }
  return shares;
}

describe("shortest-expected-delay", () => {
  it("is the default", () => {
    expect(createBalancer().snapshot().strategy).toBe("shortest-expected-delay");
  });

  it("balances equal endpoints exactly, whatever the noise in their latencies", () => {
    const { balancer } = pool(4);
    const random = createSeededRandom(4);
    const shares = serve(balancer, 4_000, () => ["success", Math.exp(3 * random())]);
    for (const share of shares) expect(share / 1_000).toBeCloseTo(1, 1);
  });

  it("gives work in proportion to weights", () => {
    const { balancer } = pool(2);
    balancer.update("1", { weight: 3 });
    for (let index = 0; index < 40; index++) balancer.acquire();
    expect(balancer.snapshot().endpoints.map((endpoint) => endpoint.inFlight)).toEqual([10, 30]);
  });

  it("learns which endpoint is slow and gives it less, per request filters too", () => {
    for (const request of [{}, { tags: ["all"] }]) {
      const { balancer } = pool(4);
      const random = createSeededRandom(4);
      const end = (id: string) => ["success", (id === "0" ? 40 : 10) * Math.exp(random())] as const;
      serve(balancer, 400, end, request);
      for (let index = 0; index < 40; index++) balancer.acquire(request);
      const [slow = 0, ...others] = balancer.snapshot().endpoints.map((endpoint) => endpoint.inFlight);
      expect(slow).toBeLessThan(Math.min(...others) / 2);
    }
  });

  it("does not learn when told not to", () => {
    const { balancer } = pool(4, { learnSpeed: false });
    serve(balancer, 400, (id) => ["success", id === "0" ? 40 : 10]);
    for (let index = 0; index < 40; index++) balancer.acquire();
    expect(balancer.snapshot().endpoints.map((endpoint) => endpoint.inFlight)).toEqual([10, 10, 10, 10]);
  });

  it("finds out that a slow endpoint has become fast, even when nothing forces work on it", () => {
    const { balancer } = pool(4);
    serve(balancer, 1_000, (id) => ["success", id === "0" ? 100 : 10]);
    expect(serve(balancer, 100, (id) => ["success", id === "0" ? 100 : 10])[0]).toBeLessThan(5);
    serve(balancer, 4_000, () => ["success", 10]);
    expect(serve(balancer, 400, () => ["success", 10])[0]).toBeGreaterThan(90);
  });

  it.each<LeaseOutcome>(["transport-error", "overload", "timeout"])(
    "holds back an endpoint after %s, for longer each time",
    async (outcome) => {
      const { balancer, clock } = pool(2);
      const end = (id: string) => [id === "0" ? outcome : "success", 5] as const;
      let tries = 0;
      for (let ms = 0; ms < 3_100; ms += 10) {
        tries += serve(balancer, 4, end)[0] ?? 0;
        await clock.advance(10);
      }
      // At 0, 100, 300, 700, 1500 and 3100 ms.
      expect(tries).toBeGreaterThanOrEqual(4);
      expect(tries).toBeLessThanOrEqual(6);
    },
  );

  it("tries an endpoint that failed with one request at a time, and trusts it after one success", async () => {
    const { balancer, clock } = pool(2);
    serve(balancer, 4, (id) => [id === "0" ? "timeout" : "success", 5]);
    await clock.advance(5_000);
    const leases = Array.from({ length: 10 }, () => balancer.acquire());
    expect(leases.filter((lease) => lease?.endpointId === "0")).toHaveLength(1);
    for (const lease of leases) lease?.release("success", 5);
    const share = serve(balancer, 100, () => ["success", 5])[0];
    expect(share).toBeGreaterThanOrEqual(45);
  });

  it("still uses endpoints that are held back when there are no others", () => {
    const { balancer } = pool(2);
    expect(serve(balancer, 100, () => ["timeout", 5])).toEqual([50, 50]);
  });

  it.each([
    ["learnSpeed", "yes"],
    ["speedWindow", 1],
    ["speedSignificance", -1],
    ["penaltyMs", Number.NaN],
    ["maxPenaltyMs", 99],
  ])("rejects a bad %s", (name, value) => {
    expect(() => pool(0, { [name]: value })).toThrow(new RegExp(`^${name} .*got ${value}`));
  });
});
