import { expect, it } from "vitest";
import { diversify } from "./diversify.ts";
import { reciprocalRankFusion } from "./fuse.ts";

it("adds reciprocal ranks with k = 60, and counts what stands twice in one list once", () => {
  const fused = reciprocalRankFusion(
    [
      ["a", "b", "b"],
      ["b", "c"],
    ],
    (item) => item,
  );
  expect(fused.map(({ item, ranks }) => [item, ...ranks])).toEqual([
    ["b", 2, 1],
    ["a", 1, undefined],
    ["c", undefined, 2],
  ]);
  expect(fused[0]?.score).toBeCloseTo(1 / 62 + 1 / 61, 12);
});

it("prefers the unlike, the more the more diversity is asked for", () => {
  const items = [
    { id: "a", at: 0, good: 1 },
    { id: "a2", at: 0.01, good: 0.99 },
    { id: "b", at: 1, good: 0.5 },
  ];
  const order = (diversity: number): string =>
    diversify(
      items,
      2,
      diversity,
      ({ good }) => good,
      (x, y) => 1 - Math.abs(x.at - y.at),
    )
      .map(({ id }) => id)
      .join();
  expect([order(0), order(0.5)]).toEqual(["a,a2", "a,b"]);
});
