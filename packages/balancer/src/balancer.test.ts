import { createFakeClock, createSeededRandom } from "@fairlead/core/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Balancer, createBalancer } from "./balancer.ts";
import type { BalancerOptions } from "./balancer-options.ts";
import type { LeaseOutcome } from "./contract.ts";
import type { BalancerEvent } from "./events.ts";
import type { Lease } from "./lease.ts";

function poolOf(ids: readonly string[], options: BalancerOptions = {}): Balancer {
  const balancer = createBalancer({ clock: createFakeClock(), random: createSeededRandom(1), ...options });
  for (const id of ids) balancer.add({ id });
  return balancer;
}

function picks(balancer: Balancer, count: number, request = {}): string[] {
  return Array.from({ length: count }, () => {
    const lease = balancer.acquire(request);
    lease?.release("success");
    return lease?.endpointId ?? "none";
  });
}

describe("createBalancer", () => {
  it("hands out nothing while it has no endpoints", () => {
    expect(poolOf([]).acquire()).toBeUndefined();
  });

  it("counts a lease as in flight until it is released", () => {
    const balancer = poolOf(["a"]);
    const lease = balancer.acquire();
    expect(balancer.snapshot().endpoints[0]?.inFlight).toBe(1);
    lease?.release("success");
    expect(balancer.snapshot().endpoints[0]?.inFlight).toBe(0);
  });

  it("counts only the first release of a lease and reports the others", () => {
    const events: BalancerEvent[] = [];
    const balancer = poolOf(["a"], { onEvent: (event) => events.push(event) });
    const lease = balancer.acquire();
    lease?.release("success");
    lease?.release("timeout");
    const { endpoints, doubleReleases } = balancer.snapshot();
    expect(endpoints[0]).toMatchObject({ inFlight: 0, counts: { picked: 1, succeeded: 1, failed: 0 } });
    expect(doubleReleases).toBe(1);
    expect(events.at(-1)).toEqual({ type: "lease-released-twice", endpointId: "a" });
  });

  it.each<[LeaseOutcome, "succeeded" | "failed" | "neutral"]>([
    ["success", "succeeded"],
    ["app-error", "succeeded"],
    ["transport-error", "failed"],
    ["overload", "failed"],
    ["timeout", "failed"],
    ["client-error", "neutral"],
    ["cancelled", "neutral"],
    ["hedge-loser", "neutral"],
    ["not-sent", "neutral"],
  ])("counts %s as %s", (outcome, count) => {
    const balancer = poolOf(["a"]);
    balancer.acquire()?.release(outcome);
    const zero = { picked: 1, succeeded: 0, failed: 0, neutral: 0, refused: 0, ejections: 0 };
    expect(balancer.snapshot().endpoints[0]?.counts).toEqual({ ...zero, [count]: 1 });
  });

  it("never hands out an unhealthy or draining endpoint, and does again once it is healthy", () => {
    const balancer = poolOf(["a", "b"]);
    balancer.setHealth("a", "unhealthy", "probe failed");
    expect(new Set(picks(balancer, 4))).toEqual(new Set(["b"]));
    balancer.setHealth("b", "draining");
    expect(balancer.acquire()).toBeUndefined();
    expect(balancer.eligibleCount).toBe(0);
    balancer.setHealth("a", "healthy");
    expect(picks(balancer, 1)).toEqual(["a"]);
  });

  it("hands out at most maxConcurrency leases of an endpoint at once", () => {
    const balancer = createBalancer();
    balancer.add({ id: "a", maxConcurrency: 2 });
    const leases = [balancer.acquire(), balancer.acquire()];
    expect(balancer.acquire()).toBeUndefined();
    leases[0]?.release("success");
    expect(balancer.acquire()?.endpointId).toBe("a");
  });

  it("leaves out endpoints that were tried already", () => {
    const balancer = poolOf(["a", "b", "c"]);
    expect(new Set(picks(balancer, 6, { exclude: ["a", "c"] }))).toEqual(new Set(["b"]));
    expect(balancer.acquire({ exclude: ["a", "b", "c"] })).toBeUndefined();
  });

  it("hands out only endpoints with all capabilities and tags that the request asks for", () => {
    const balancer = createBalancer();
    balancer.add({ id: "plain" });
    balancer.add({ id: "vision", capabilities: ["vision", "tools"], tags: ["eu"] });
    balancer.add({ id: "vision-us", capabilities: ["vision"], tags: ["us"] });
    expect(new Set(picks(balancer, 4, { capabilities: ["vision", "tools"] }))).toEqual(new Set(["vision"]));
    expect(new Set(picks(balancer, 4, { capabilities: ["vision"], tags: ["us"] }))).toEqual(
      new Set(["vision-us"]),
    );
    expect(balancer.acquire({ capabilities: ["audio"] })).toBeUndefined();
  });

  it("prefers the lowest priority level that has an endpoint to offer", () => {
    const balancer = createBalancer();
    balancer.add({ id: "backup", priority: 1 });
    balancer.add({ id: "main", priority: 0 });
    expect(picks(balancer, 2)).toEqual(["main", "main"]);
    balancer.setHealth("main", "unhealthy");
    expect(picks(balancer, 1)).toEqual(["backup"]);
    balancer.update("backup", { priority: 0 });
    balancer.setHealth("main", "healthy");
    expect(new Set(picks(balancer, 4))).toEqual(new Set(["main", "backup"]));
  });

  it("asks admit once per lease handed out and picks again when it says no", () => {
    const asked: string[] = [];
    const balancer = createBalancer({ strategy: "round-robin", strategyOptions: { randomStart: false } });
    const admit = (id: string, answer: boolean) => (): boolean => {
      asked.push(id);
      return answer;
    };
    balancer.add({ id: "open", admit: admit("open", false) });
    balancer.add({ id: "closed", admit: admit("closed", true) });
    expect(balancer.acquire()?.endpointId).toBe("closed");
    expect(asked).toEqual(["open", "closed"]);
    expect(balancer.acquire({ exclude: ["closed"] })).toBeUndefined();
    expect(asked).toEqual(["open", "closed", "open"]);
  });

  it("keeps leases of a removed endpoint valid and its slot unused until they are back", () => {
    const balancer = poolOf(["a"]);
    const old = balancer.acquire();
    expect(balancer.remove("a")).toBe(true);
    expect(balancer.remove("a")).toBe(false);
    balancer.add({ id: "a" });
    expect(balancer.acquire()?.slot).not.toBe(old?.slot);
    old?.release("timeout");
    expect(balancer.snapshot().endpoints).toMatchObject([{ id: "a", inFlight: 1, counts: { failed: 0 } }]);
    balancer.add({ id: "b" });
    expect(balancer.acquire({ exclude: ["a"] })?.slot).toBe(old?.slot);
  });

  it("measures the latency itself when the strategy needs it and the caller does not know", async () => {
    const clock = createFakeClock();
    const latencies: number[] = [];
    const strategy = (): ReturnType<typeof recorder> => recorder();
    function recorder() {
      return {
        name: "recorder",
        api: 1,
        needs: ["latency"] as const,
        pick: () => 0,
        onEnd: (_dispatch: unknown, _outcome: LeaseOutcome, latencyMs: number) =>
          void latencies.push(latencyMs),
      };
    }
    const balancer = createBalancer({ strategy, clock });
    balancer.add({ id: "a" });
    const lease = balancer.acquire();
    await clock.advance(25);
    lease?.release("success");
    balancer.acquire()?.release("success", 7);
    expect(latencies).toEqual([25, 7]);
  });

  it("gives nothing out after close and frees what is out", () => {
    const balancer = poolOf(["a"]);
    const lease = balancer.acquire();
    balancer.close();
    balancer.close();
    expect(balancer.acquire()).toBeUndefined();
    lease?.release("success");
    expect(balancer.size).toBe(0);
    expect(() => balancer.add({ id: "b" })).toThrow(RangeError);
  });

  it.each([
    ["weight", { weight: 0 }],
    ["weight", { weight: Number.NaN }],
    ["priority", { priority: -1 }],
    ["maxConcurrency", { maxConcurrency: 1.5 }],
  ])("rejects a bad %s of an endpoint", (name, patch) => {
    const balancer = poolOf(["a"]);
    expect(() => balancer.add({ id: "b", ...patch })).toThrow(new RegExp(`^${name} .*got`));
    expect(() => balancer.update("a", patch)).toThrow(RangeError);
  });

  it("names the endpoint that is not known or was added before", () => {
    const balancer = poolOf(["a"]);
    expect(() => balancer.add({ id: "a" })).toThrow(
      expect.objectContaining({ code: "ENDPOINT_EXISTS", endpointId: "a" }),
    );
    expect(() => balancer.update("x", {})).toThrow(expect.objectContaining({ code: "ENDPOINT_UNKNOWN" }));
    expect(() => balancer.setHealth("x", "healthy")).toThrow(
      expect.objectContaining({ code: "ENDPOINT_UNKNOWN" }),
    );
  });

  it("keeps counts and candidates consistent under any sequence of operations", () => {
    const operation = fc.record({
      kind: fc.constantFrom("add", "remove", "acquire", "release", "health", "limit", "weight", "priority"),
      index: fc.nat(9),
    });
    fc.assert(
      fc.property(
        fc.constantFrom("round-robin", "least-connections"),
        fc.array(operation, { maxLength: 120 }),
        (strategy, steps) => {
          const balancer = createBalancer({ strategy, random: createSeededRandom(7) });
          const open: Lease[] = [];
          const healthy = new Map<string, boolean>();
          for (const { kind, index } of steps) {
            const id = `e${index}`;
            const exists = healthy.has(id);
            if (kind === "add" && !exists) {
              balancer.add({ id });
              healthy.set(id, true);
            } else if (kind === "remove") expect(balancer.remove(id)).toBe(healthy.delete(id));
            else if (kind === "health" && exists) {
              healthy.set(id, !healthy.get(id));
              balancer.setHealth(id, healthy.get(id) ? "healthy" : "unhealthy");
            } else if (kind === "limit" && exists) balancer.update(id, { maxConcurrency: index % 3 });
            else if (kind === "weight" && exists) balancer.update(id, { weight: 1 + (index % 3) });
            else if (kind === "priority" && exists) balancer.update(id, { priority: index % 2 });
            else if (kind === "release") open.splice(index % (open.length + 1), 1)[0]?.release("success");
            else if (kind === "acquire") {
              const lease = balancer.acquire();
              if (lease === undefined) expect(balancer.eligibleCount).toBe(0);
              else {
                expect(healthy.get(lease.endpointId)).toBe(true);
                open.push(lease);
              }
            }
            const known = balancer.snapshot().endpoints;
            const counted = known.reduce((sum, endpoint) => sum + endpoint.inFlight, 0);
            expect(counted).toBeLessThanOrEqual(open.length);
            for (const endpoint of known)
              expect(endpoint.eligible && healthy.get(endpoint.id) === false).toBe(false);
          }
          for (const lease of open) lease.release("success");
          for (const endpoint of balancer.snapshot().endpoints) expect(endpoint.inFlight).toBe(0);
          expect(balancer.snapshot().strategyFaults).toBe(0);
        },
      ),
      { seed: 20, numRuns: 150 },
    );
  });
});
