import { createFakeClock } from "@fairlead/core/testing";
import { describe, expect, it } from "vitest";
import { createBalancer } from "./balancer.ts";
import type { BalancerEvent } from "./events.ts";

describe("a lease that nobody gives back", () => {
  it("is taken back after maxLeaseMs and reported, and a later release does not count", async () => {
    const clock = createFakeClock();
    const events: BalancerEvent[] = [];
    const balancer = createBalancer({ clock, maxLeaseMs: 1_000, onEvent: (event) => events.push(event) });
    balancer.add({ id: "a", maxConcurrency: 2 });
    const leaked = balancer.acquire();
    await clock.advance(600);
    const slow = balancer.acquire();
    await clock.advance(401);
    expect(balancer.snapshot()).toMatchObject({
      leakedLeases: 1,
      endpoints: [{ inFlight: 1, counts: { neutral: 1 } }],
    });
    expect(events.at(-1)).toEqual({ type: "lease-leaked", endpointId: "a", ageMs: 1001 });
    leaked?.release("success");
    slow?.release("success");
    expect(balancer.snapshot()).toMatchObject({
      doubleReleases: 1,
      endpoints: [{ inFlight: 0, counts: { succeeded: 1 } }],
    });
  });

  it("frees the endpoint for the next acquire", async () => {
    const clock = createFakeClock();
    const balancer = createBalancer({ clock, maxLeaseMs: 1_000 });
    balancer.add({ id: "a", maxConcurrency: 1 });
    balancer.acquire();
    await clock.advance(1_001);
    expect(balancer.acquire()?.endpointId).toBe("a");
  });

  it("is found among leases that came back in any order", async () => {
    const clock = createFakeClock();
    const balancer = createBalancer({ clock, maxLeaseMs: 1_000 });
    balancer.add({ id: "a" });
    const leases = Array.from({ length: 6 }, () => balancer.acquire());
    for (const index of [5, 0, 3]) leases[index]?.release("success");
    await clock.advance(1_001);
    expect(balancer.snapshot()).toMatchObject({ leakedLeases: 3, endpoints: [{ inFlight: 0 }] });
  });
});
