import { createSeededRandom } from "@fairlead/core/testing";
import { describe, expect, it } from "vitest";
import { createBalancer } from "../balancer.ts";

describe("round-robin", () => {
  it("takes each endpoint in turn, exactly, while others come and go", () => {
    const balancer = createBalancer({ strategy: "round-robin", strategyOptions: { randomStart: false } });
    for (const id of ["a", "b", "c"]) balancer.add({ id });
    const next = (): string | undefined => balancer.acquire()?.endpointId;
    expect([next(), next(), next(), next()]).toEqual(["a", "b", "c", "a"]);
    balancer.setHealth("b", "unhealthy");
    expect([next(), next(), next()]).toEqual(["c", "a", "c"]);
    balancer.setHealth("b", "healthy");
    expect([next(), next(), next()]).toEqual(["a", "b", "c"]);
  });

  it("starts at different endpoints for different seeds", () => {
    const starts = new Set<string | undefined>();
    for (let seed = 0; seed < 20; seed++) {
      const balancer = createBalancer({ strategy: "round-robin", random: createSeededRandom(seed) });
      for (const id of ["a", "b", "c"]) balancer.add({ id });
      starts.add(balancer.acquire()?.endpointId);
    }
    expect(starts.size).toBe(3);
  });

  it("rejects options it does not know", () => {
    const strategyOptions = { randomstart: true };
    expect(() => createBalancer({ strategy: "round-robin", strategyOptions })).toThrow(/randomstart/);
    expect(() => createBalancer({ strategy: "round-robin", strategyOptions: { randomStart: 1 } })).toThrow(
      RangeError,
    );
    expect(() => createBalancer({ strategy: "round-robin", strategyOptions: [] })).toThrow(RangeError);
  });
});
