// What is special about the strategies that have no test file of their own; what they have in common, the conformance kit
// checks.
import { createFakeClock, createSeededRandom } from "@fairlead/core/testing";
import { describe, expect, it } from "vitest";
import type { AcquireRequest } from "../acquire-request.ts";
import { type Balancer, createBalancer } from "../balancer.ts";
import type { EndpointOptions } from "../endpoint.ts";

function pool(strategy: string, endpoints: readonly EndpointOptions[], strategyOptions: object = {}) {
  const clock = createFakeClock();
  const balancer = createBalancer({ strategy, strategyOptions, clock, random: createSeededRandom(9) });
  for (const endpoint of endpoints) balancer.add(endpoint);
  return { balancer, clock };
}

const abc: readonly EndpointOptions[] = [{ id: "a" }, { id: "b" }, { id: "c" }];

/** Requests one after the other; how many each endpoint got. */
function serve(
  balancer: Balancer,
  count: number,
  request: (index: number) => AcquireRequest = () => ({}),
  latencyOf: (id: string) => number = () => 10,
): Record<string, number> {
  const shares: Record<string, number> = {};
  for (let index = 0; index < count; index++) {
    const lease = balancer.acquire(request(index));
    if (lease === undefined) continue;
    shares[lease.endpointId] = (shares[lease.endpointId] ?? 0) + 1;
    lease.release("success", latencyOf(lease.endpointId));
  }
  return shares;
}

describe("weighted-round-robin", () => {
  it("interleaves turns in proportion to weights", () => {
    const { balancer } = pool("weighted-round-robin", [{ id: "a", weight: 3 }, { id: "b" }, { id: "c" }]);
    const order = Array.from({ length: 10 }, () => balancer.acquire()?.endpointId).join("");
    expect(order).toBe("abacaabaca");
  });
});

describe("random", () => {
  it("draws in proportion to weights", () => {
    const { balancer } = pool("random", [{ id: "a", weight: 3 }, { id: "b" }]);
    expect((serve(balancer, 4_000).a ?? 0) / 4_000).toBeCloseTo(0.75, 1);
  });
});

describe("power-of-two-choices", () => {
  it("never picks the busiest of all, as every sample has a less busy one", () => {
    const { balancer } = pool("power-of-two-choices", abc);
    for (let count = 0; count < 5; count++) balancer.acquire({ exclude: ["b", "c"] });
    for (let count = 0; count < 5; count++) balancer.acquire({ exclude: ["a", "c"] });
    for (let count = 0; count < 9; count++) balancer.acquire({ exclude: ["a", "b"] });
    expect(serve(balancer, 500).c).toBeUndefined();
  });
});

describe("peak-ewma", () => {
  it("avoids a slow endpoint, and tries it again when its latency has faded", async () => {
    const { balancer, clock } = pool("peak-ewma", [{ id: "a" }, { id: "b" }]);
    const latency = (id: string) => (id === "a" ? 500 : 10);
    serve(balancer, 10, undefined, latency);
    expect(serve(balancer, 100, undefined, latency).a).toBeUndefined();
    await clock.advance(60_000);
    expect(serve(balancer, 100, undefined, latency).a).toBe(1);
  });
});

describe("weighted-response-time", () => {
  it("gives turns in proportion to the root of the speed, or to the speed itself when told so", () => {
    const latency = (id: string) => (id === "a" ? 40 : 10);
    for (const [exponent, ratio] of [
      [0.5, 2],
      [1, 4],
    ] as const) {
      const { balancer } = pool("weighted-response-time", [{ id: "a" }, { id: "b" }], { exponent });
      serve(balancer, 100, undefined, latency);
      const { a = 0, b = 0 } = serve(balancer, 1_000, undefined, latency);
      expect(b / a).toBeCloseTo(ratio, 1);
    }
  });
});

describe("capability-based", () => {
  const hosts: readonly EndpointOptions[] = [
    { id: "loaded", capabilities: ["chat", "model:qwen"] },
    { id: "idle", capabilities: ["chat"] },
    { id: "versatile", capabilities: ["chat", "vision", "audio"] },
  ];

  it("prefers an endpoint that has what would help, until it is busier by what a miss costs", () => {
    const { balancer } = pool("capability-based", hosts);
    const picks = Array.from({ length: 6 }, () => balancer.acquire({ prefers: ["model:qwen"] })?.endpointId);
    expect(picks.slice(0, 4)).toEqual(["loaded", "loaded", "loaded", "loaded"]);
    expect(picks.slice(4)).toContain("idle");
  });

  it("leaves endpoints that can do more free for those who need them", () => {
    const { balancer } = pool("capability-based", hosts);
    expect(serve(balancer, 30, () => ({ capabilities: ["chat"] }))).toEqual({ idle: 30 });
    expect(serve(balancer, 30, () => ({ capabilities: ["vision"] }))).toEqual({ versatile: 30 });
  });
});

describe("resource-aware", () => {
  it("gives work in proportion to the headroom that endpoints report, once the blackout is over", async () => {
    const { balancer, clock } = pool("resource-aware", [{ id: "a" }, { id: "b" }]);
    const report = (): void => {
      balancer.report("a", { cpuUtilization: 0.8, memoryUtilization: 0.1 });
      balancer.report("b", { cpuUtilization: 0.1, memoryUtilization: 0.2 });
    };
    const inFlight = (): number[] => balancer.snapshot().endpoints.map((endpoint) => endpoint.inFlight);
    report();
    for (let count = 0; count < 10; count++) balancer.acquire();
    expect(inFlight()).toEqual([5, 5]);
    await clock.advance(10_000);
    report();
    for (let count = 0; count < 40; count++) balancer.acquire();
    // Headroom 0.2 and 0.8.
    expect(inFlight()).toEqual([10, 40]);
  });

  it("balances by connections alone when reports are too old, and by how full an endpoint's limit is", async () => {
    const { balancer, clock } = pool("resource-aware", [{ id: "a" }, { id: "b" }], {
      blackoutMs: 0,
      expiryMs: 1_000,
    });
    balancer.report("a", { cpuUtilization: 0.9 });
    balancer.report("b", { cpuUtilization: 0.1 });
    await clock.advance(1_001);
    for (let count = 0; count < 10; count++) balancer.acquire();
    expect(balancer.snapshot().endpoints.map((endpoint) => endpoint.inFlight)).toEqual([5, 5]);
    balancer.update("a", { maxConcurrency: 6 });
    expect(Array.from({ length: 5 }, () => balancer.acquire()?.endpointId)).toEqual([
      "b",
      "b",
      "b",
      "b",
      "b",
    ]);
  });

  it("takes an endpoint that reports errors for smaller than it says", () => {
    const { balancer } = pool("resource-aware", [{ id: "a" }, { id: "b" }], { blackoutMs: 0 });
    balancer.report("a", { cpuUtilization: 0.5, requestsPerSecond: 100, errorsPerSecond: 30 });
    balancer.report("b", { cpuUtilization: 0.5, requestsPerSecond: 100 });
    for (let count = 0; count < 10; count++) balancer.acquire();
    expect(balancer.snapshot().endpoints.map((endpoint) => endpoint.inFlight)).toEqual([2, 8]);
  });
});

describe.each(["ring-hash", "maglev"])("%s", (strategy) => {
  const ids = Array.from({ length: 10 }, (_, index) => `e${index}`);
  const keys = Array.from({ length: 1_000 }, (_, index) => `session-${index}`);
  const ownerOf = (balancer: Balancer, key: string): string | undefined => {
    const lease = balancer.acquire({ key });
    lease?.release("success", 10);
    return lease?.endpointId;
  };

  it("keeps a key with its endpoint, in any order of adding, and spreads keys", () => {
    const { balancer } = pool(
      strategy,
      ids.map((id) => ({ id })),
    );
    const { balancer: reversed } = pool(
      strategy,
      ids.toReversed().map((id) => ({ id })),
    );
    const owners = keys.map((key) => ownerOf(balancer, key));
    expect(keys.map((key) => ownerOf(balancer, key))).toEqual(owners);
    if (strategy === "ring-hash") expect(keys.map((key) => ownerOf(reversed, key))).toEqual(owners);
    for (const id of ids) expect(owners.filter((owner) => owner === id).length).toBeGreaterThan(40);
  });

  it("moves few other keys when an endpoint goes, and gives it its keys back when it returns", () => {
    const { balancer } = pool(
      strategy,
      ids.map((id) => ({ id })),
    );
    const before = keys.map((key) => ownerOf(balancer, key));
    balancer.setHealth("e3", "unhealthy");
    const away = keys.map((key) => ownerOf(balancer, key));
    for (const [index, owner] of before.entries()) if (owner !== "e3") expect(away[index]).toBe(owner);
    balancer.setHealth("e3", "healthy");
    expect(keys.map((key) => ownerOf(balancer, key))).toEqual(before);
    balancer.remove("e3");
    const moved = keys.filter(
      (key, index) => before[index] !== "e3" && ownerOf(balancer, key) !== before[index],
    );
    expect(moved.length).toBeLessThan(strategy === "ring-hash" ? 1 : 150);
  });

  it("hands a key to another endpoint when its own has twice its share of the work", () => {
    const { balancer } = pool(
      strategy,
      ids.map((id) => ({ id })),
    );
    const leases = Array.from({ length: 40 }, () => balancer.acquire({ key: "popular" }));
    const counts = balancer.snapshot().endpoints.map((endpoint) => endpoint.inFlight);
    expect(Math.max(...counts)).toBeLessThanOrEqual(8);
    for (const lease of leases) lease?.release("success", 10);
  });

  it("gives keys in proportion to weights", () => {
    const { balancer } = pool(strategy, [{ id: "a", weight: 3 }, { id: "b" }]);
    const owners = keys.map((key) => ownerOf(balancer, key));
    expect(owners.filter((owner) => owner === "a").length / keys.length).toBeCloseTo(0.75, 1);
  });
});

describe("prequal", () => {
  it("believes a fresh report of how much an endpoint has to do, and an old one not", async () => {
    const { balancer, clock } = pool("prequal", abc);
    serve(balancer, 60);
    balancer.report("a", { requestsInFlight: 50 });
    expect(serve(balancer, 50).a).toBeUndefined();
    await clock.advance(1_001);
    expect(serve(balancer, 50).a).toBeGreaterThan(0);
  });
});

describe("predictive", () => {
  it("counts what requests are expected to cost, by kinds it has seen, and not how many there are", () => {
    const { balancer } = pool("predictive", [{ id: "a" }, { id: "b" }]);
    const latencyOf: Record<string, number> = { small: 10, large: 300 };
    for (let index = 0; index < 400; index++) {
      const taskClass = index % 2 === 0 ? "small" : "large";
      balancer.acquire({ taskClass })?.release("success", latencyOf[taskClass] ?? 0);
    }
    const large = balancer.acquire({ taskClass: "large" });
    const others = Array.from({ length: 6 }, () => balancer.acquire({ taskClass: "small" })?.endpointId);
    expect(others).not.toContain(large?.endpointId);
  });
});

describe("adaptive", () => {
  it("learns to keep keys together where that makes requests faster, and only there", () => {
    const share = (hitMs: number): number => {
      const { balancer } = pool("adaptive", abc);
      const random = createSeededRandom(3);
      const last = new Map<string, string>();
      let same = 0;
      for (let index = 0; index < 3_000; index++) {
        const key = `session-${Math.floor(random() * 40)}`;
        const lease = balancer.acquire({ key });
        if (lease === undefined) continue;
        const hit = last.get(key) === lease.endpointId;
        last.set(key, lease.endpointId);
        if (index >= 2_000 && hit) same += 1;
        lease.release("success", (hit ? hitMs : 100) * (0.8 + 0.4 * random()));
      }
      return same / 1_000;
    };
    expect(share(20)).toBeGreaterThan(0.9);
    expect(share(100)).toBeLessThan(0.5);
  });

  it("hands over to its fallback when its own choices turn out worse", () => {
    const { balancer } = pool("adaptive", abc, { controlOneIn: 10, margin: 1.1 });
    const state = () => balancer.snapshot().strategyState as { suspensions: number };
    // A trap: whatever it favours by key gets slower, which the control group does not.
    const last = new Map<string, string>();
    for (let index = 0; index < 6_000; index++) {
      const key = `session-${index % 10}`;
      const lease = balancer.acquire({ key });
      if (lease === undefined) continue;
      const early = index < 1_500;
      const hit = last.get(key) === lease.endpointId;
      last.set(key, lease.endpointId);
      lease.release("success", early ? (hit ? 10 : 100) : hit ? 200 : 50);
    }
    expect(state().suspensions).toBeGreaterThan(0);
  });
});

describe("options of strategies", () => {
  it.each([
    ["adaptive", "controlOneIn", 1],
    ["adaptive", "margin", 0],
    ["adaptive", "optimism", 1],
    ["capability-based", "missCost", -1],
    ["capability-based", "surplusCost", -1],
    ["maglev", "tableSize", 100],
    ["maglev", "loadFactor", 0],
    ["peak-ewma", "decayMs", 0],
    ["peak-ewma", "failurePenaltyMs", -1],
    ["peak-ewma", "choices", 1],
    ["power-of-two-choices", "choices", 1],
    ["predictive", "window", 1],
    ["predictive", "trend", 2],
    ["predictive", "horizon", -1],
    ["predictive", "significance", -1],
    ["prequal", "hotQuantile", 2],
    ["prequal", "maxReportAgeMs", 0],
    ["prequal", "window", 0],
    ["resource-aware", "expiryMs", 0],
    ["resource-aware", "blackoutMs", -1],
    ["resource-aware", "errorPenalty", -1],
    ["resource-aware", "minHeadroom", 0],
    ["ring-hash", "pointsPerWeight", 0],
    ["ring-hash", "loadFactor", 0],
    ["weighted-response-time", "window", 0],
    ["weighted-response-time", "exponent", 0],
    ["weighted-response-time", "maxRatio", 0],
    ["least-connections", "anything", 1],
    ["random", "anything", 1],
    ["weighted-round-robin", "anything", 1],
  ])("%s rejects a bad %s", (strategy, name, value) => {
    expect(() => pool(strategy, [], { [name]: value })).toThrow(RangeError);
    expect(() => pool(strategy, [], { [name]: value })).toThrow(name);
  });
});
