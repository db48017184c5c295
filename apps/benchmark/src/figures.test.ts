import { expect, it } from "vitest";
import { percentile, slope } from "./figures.ts";

it("takes percentiles by nearest rank", () => {
  const values = [5, 1, 4, 2, 3];
  expect([0, 20, 50, 99, 100].map((p) => percentile(values, p))).toEqual([1, 1, 3, 5, 5]);
  expect(percentile([], 50)).toBeNaN();
});

it("fits a line", () => {
  expect(slope([0, 1, 2, 5].map((x) => ({ x, y: 3 * x - 1 })))).toBeCloseTo(3);
  expect(() => slope([{ x: 1, y: 1 }])).toThrow(RangeError);
});
