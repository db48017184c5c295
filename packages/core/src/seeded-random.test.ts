import { describe, expect, it } from "vitest";
import { createSeededRandom } from "./seeded-random.ts";

describe("the seeded random source", () => {
  it("repeats itself for the same seed only", () => {
    const draw = (seed: number): number[] => Array.from({ length: 5 }, createSeededRandom(seed));
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
    expect(draw(2 ** 33)).not.toEqual(draw(2 ** 34));
  });

  it("is spread evenly over [0, 1)", () => {
    const random = createSeededRandom(1);
    const tenths = Array.from({ length: 10 }, () => 0);
    for (let draw = 0; draw < 10_000; draw += 1) {
      const tenth = Math.floor(random() * 10);
      tenths[tenth] = (tenths[tenth] ?? 0) + 1;
    }
    expect(tenths).toHaveLength(10);
    for (const count of tenths) expect(Math.abs(count - 1_000)).toBeLessThan(120);
  });
});
