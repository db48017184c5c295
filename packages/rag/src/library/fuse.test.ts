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

it("prefers the unlike, the more the more diversity is asked for", async () => {
  const items = [
    { id: "a", at: 0, good: 1 },
    { id: "a2", at: 0.01, good: 0.99 },
    { id: "b", at: 1, good: 0.5 },
  ];
  const order = async (diversity: number): Promise<string> => {
    const chosen = await diversify(
      items,
      2,
      diversity,
      ({ good }) => good,
      (x, y) => 1 - Math.abs(x.at - y.at),
    );
    return chosen.map(({ id }) => id).join();
  };
  expect([await order(0), await order(0.5)]).toEqual(["a,a2", "a,b"]);
});

it("compares each two once, and lets the event loop turn meanwhile", async () => {
  const items = Array.from({ length: 400 }, (_, at) => at);
  let compared = 0;
  let turns = 0;
  const timer = setInterval(() => {
    turns++;
  }, 0);
  await diversify(
    items,
    200,
    0.5,
    () => 1,
    () => {
      compared++;
      // As long as it takes in earnest, and more.
      for (const until = performance.now() + 0.002; performance.now() < until; );
      return 0;
    },
  );
  clearInterval(timer);
  expect(compared).toBe(200 * 400 - (200 * 201) / 2);
  expect(turns).toBeGreaterThan(5);
});
