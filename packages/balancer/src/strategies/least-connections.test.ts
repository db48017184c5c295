import { createSeededRandom } from "@fairlead/core/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createBalancer } from "../balancer.ts";
import type { Lease } from "../lease.ts";

describe("least-connections", () => {
  it("takes the endpoint that was used the longest ago among equals", () => {
    const balancer = createBalancer({ strategy: "least-connections" });
    for (const id of ["a", "b", "c"]) balancer.add({ id });
    const order: (string | undefined)[] = [];
    for (let index = 0; index < 6; index++) {
      const lease = balancer.acquire();
      order.push(lease?.endpointId);
      lease?.release("success");
    }
    expect(order).toEqual(["a", "b", "c", "a", "b", "c"]);
  });

  it("always takes one with the fewest leases per weight, whatever the order of releases", () => {
    const weights = fc.array(fc.constantFrom(1, 1, 2, 4), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(
        weights,
        fc.array(fc.nat(), { maxLength: 200 }),
        fc.boolean(),
        (weight, steps, filtered) => {
          const balancer = createBalancer({ strategy: "least-connections", random: createSeededRandom(3) });
          for (const [index, value] of weight.entries())
            balancer.add({ id: `${index}`, weight: value, tags: ["all"] });
          const open: Lease[] = [];
          for (const step of steps) {
            if (step % 3 === 0) {
              open.splice(step % (open.length + 1), 1)[0]?.release("success");
              continue;
            }
            const load = balancer
              .snapshot()
              .endpoints.map(({ inFlight, weight: share }) => (inFlight + 1) / share);
            const lease = balancer.acquire(filtered ? { tags: ["all"] } : undefined);
            expect(load[Number(lease?.endpointId)]).toBe(Math.min(...load));
            if (lease !== undefined) open.push(lease);
          }
        },
      ),
      { seed: 21, numRuns: 100 },
    );
  });
});
