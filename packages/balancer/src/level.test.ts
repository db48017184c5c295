import { createSeededRandom } from "@fairlead/core/testing";
import { describe, expect, it } from "vitest";
import { createBalancer } from "./balancer.ts";
import type { BalancerOptions } from "./balancer-options.ts";

function twoLevels(options: BalancerOptions = {}) {
  const balancer = createBalancer({ random: createSeededRandom(5), ...options });
  for (let index = 0; index < 10; index++) balancer.add({ id: `main${index}` });
  for (let index = 0; index < 10; index++) balancer.add({ id: `backup${index}`, priority: 1 });
  const share = (): number => {
    let backup = 0;
    for (let index = 0; index < 4000; index++) {
      const lease = balancer.acquire();
      if (lease?.endpointId.startsWith("backup")) backup += 1;
      lease?.release("success");
    }
    return backup / 4000;
  };
  const fail = (count: number): void => {
    for (let index = 0; index < count; index++) balancer.setHealth(`main${index}`, "unhealthy");
  };
  return { balancer, share, fail };
}

describe("priority levels", () => {
  it("keep all traffic while the serving share times the overprovisioning factor is at least 1", () => {
    const { share, fail } = twoLevels();
    fail(2);
    expect(share()).toBe(0);
  });

  it("hand the missing part to the next level", () => {
    const { share, fail } = twoLevels();
    fail(5);
    // 5 of 10 × 1.4 = 70 % stay.
    expect(share()).toBeCloseTo(0.3, 1);
    fail(10);
    expect(share()).toBe(1);
  });

  it("keep everything as long as one endpoint serves when told so", () => {
    const { share, fail } = twoLevels({ overprovisioningFactor: Number.POSITIVE_INFINITY });
    fail(9);
    expect(share()).toBe(0);
  });

  it("use the next level while all endpoints of the preferred one are full", () => {
    const balancer = createBalancer();
    balancer.add({ id: "main", maxConcurrency: 1 });
    balancer.add({ id: "backup", priority: 1 });
    expect([balancer.acquire()?.endpointId, balancer.acquire()?.endpointId]).toEqual(["main", "backup"]);
  });

  it("do not count draining endpoints as missing", () => {
    const { balancer, share } = twoLevels();
    for (let index = 0; index < 5; index++) balancer.setHealth(`main${index}`, "draining");
    expect(share()).toBe(0);
  });

  it.each([
    ["overprovisioningFactor", 0.5],
    ["panicThresholdRatio", 2],
    ["maxLeaseMs", 0],
    ["strategyStallMs", 0],
    ["strategyMaxStrikes", 0],
  ])("reject a bad %s", (name, value) => {
    expect(() => createBalancer({ [name]: value })).toThrow(new RegExp(`^${name} .*got ${value}`));
  });
});
