import { expect, it } from "vitest";
import { createFaultPlan } from "./faults.ts";

const numbers = Array.from({ length: 2_000 }, (_, at) => at + 1);

it("meets the same requests for the same seed, others for another, and about its share of them", () => {
  const hit = (seed: number): readonly number[] => {
    const plan = createFaultPlan(seed, [{ kind: "empty", rate: 0.25 }]);
    return numbers.filter((number) => plan.pick(number, "m") !== undefined);
  };
  expect(hit(7)).toEqual(hit(7));
  expect(hit(7)).not.toEqual(hit(8));
  expect(hit(7).length).toBeGreaterThan(400);
  expect(hit(7).length).toBeLessThan(600);
});

it("meets the listed requests of its model only, until it is taken back", () => {
  const plan = createFaultPlan(1, []);
  const remove = plan.add({ kind: "crash", requests: [2, 3], model: "m" });
  expect([plan.pick(1, "m"), plan.pick(2, "m"), plan.pick(3, "other")]).toEqual([
    undefined,
    "crash",
    undefined,
  ]);
  remove();
  expect(plan.pick(2, "m")).toBeUndefined();
});

it("names what is wrong with a fault", () => {
  expect(() => createFaultPlan(1, [{ kind: "empty", rate: 2 }])).toThrow(
    "fault.rate must be from 0 to 1, got 2",
  );
  expect(() => createFaultPlan(1, [{ kind: "bad" as "empty" }])).toThrow(RangeError);
});
