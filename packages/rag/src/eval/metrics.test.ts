// Figures worked out by hand from the definitions.
import { expect, it } from "vitest";
import { evaluate } from "./metrics.ts";

const judged = new Map([
  [
    "q1",
    new Map([
      ["a", 2],
      ["b", 1],
      ["c", 0],
    ]),
  ],
  ["q2", new Map([["x", 1]])],
  ["nothing relevant", new Map([["a", 0]])],
]);

it("computes what trec_eval computes", () => {
  const { map, ndcg10, ndcg10Graded, recall100, queries } = evaluate(
    new Map([
      ["q1", ["c", "b", "a"]],
      ["q2", ["x"]],
    ]),
    judged,
  );
  expect(queries).toBe(2);
  expect(map).toBeCloseTo(((1 / 2 + 2 / 3) / 2 + 1) / 2, 10);
  const discount = (rank: number): number => 1 / Math.log2(rank + 1);
  expect(ndcg10).toBeCloseTo(((discount(2) + discount(3)) / (discount(1) + discount(2)) + 1) / 2, 10);
  expect(ndcg10Graded).toBeCloseTo(
    ((discount(2) + 2 * discount(3)) / (2 * discount(1) + discount(2)) + 1) / 2,
    10,
  );
  expect(recall100).toBe(1);
});

it("counts a query without a ranking as 0, and only the first 10 or 100 where the name says so", () => {
  const late = [...Array.from({ length: 100 }, (_, at) => `other${at}`), "x"];
  const { map, ndcg10, recall100 } = evaluate(new Map([["q2", late]]), judged);
  expect([map, ndcg10, recall100]).toEqual([1 / 101 / 2, 0, 0]);
});
