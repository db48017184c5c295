import { describe, expect, it } from "vitest";
import { median, pairedRatio, spread } from "./statistics.ts";

describe("statistics", () => {
  it("takes the middle of an odd number of values, and the mean of the middle two of an even one", () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([])).toBeNaN();
  });

  it("shows how far values spread", () => {
    expect(spread([5, 1, 3])).toEqual({ median: 3, min: 1, max: 5 });
  });

  it("compares pair by pair, so that a slow round slows both sides", () => {
    expect(pairedRatio([20, 200, 40], [10, 100, 20])).toEqual({ median: 2, min: 2, max: 2 });
    expect(() => pairedRatio([1], [1, 2])).toThrow(RangeError);
  });
});
