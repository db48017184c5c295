import { createSeededRandom } from "@fairlead/core/testing";
import { describe, expect, it } from "vitest";
import { shuffled } from "./shuffle.ts";
import { type Ballot, countVotes } from "./vote.ts";
import { seatWeight } from "./weights.ts";

const ballots = (...values: (string | null)[]): readonly Ballot[] =>
  values.map((value, seat) => ({ seat, value, weight: 1 }));

describe("votes", () => {
  it("are counted by value; those without one count as disagreement", () => {
    expect(countVotes(ballots("42", "41", "42", null), "abstain")).toEqual({
      winner: { value: "42", weight: 2, members: [0, 2] },
      votes: [
        { value: "42", weight: 2, members: [0, 2] },
        { value: "41", weight: 1, members: [1] },
      ],
      tied: false,
      agreement: 0.5,
    });
    expect(countVotes(ballots(null, null), "first")).toMatchObject({
      winner: null,
      agreement: 0,
      tied: false,
    });
    expect(countVotes([], "first")).toMatchObject({ winner: null, agreement: 0 });
  });

  it("that are tied abstain, or go by who is first, or by who counts most", () => {
    const tied: readonly Ballot[] = [
      { seat: 0, value: "a", weight: 1, standing: 1 },
      { seat: 1, value: "b", weight: 1, standing: 3 },
    ];
    expect(countVotes(tied, "abstain")).toMatchObject({ winner: null, tied: true, agreement: 0.5 });
    expect(countVotes(tied, "first").winner?.value).toBe("a");
    expect(countVotes(tied, "heaviest").winner?.value).toBe("b");
  });

  it("have weights, and tenths add up", () => {
    const heavy: readonly Ballot[] = [
      { seat: 0, value: "a", weight: 0.3 },
      { seat: 1, value: "b", weight: 0.1 },
      { seat: 2, value: "b", weight: 0.2 },
    ];
    expect(countVotes(heavy, "abstain").tied).toBe(true);
    expect(countVotes([...heavy, { seat: 3, value: "b", weight: 1 }], "abstain").winner?.value).toBe("b");
  });

  it.each([1, 2, 3, 4, 5])("come to the same in any order of ballots, ties aside (seed %i)", (seed) => {
    const random = createSeededRandom(seed);
    const some = Array.from({ length: 9 }, (_, seat) => ({
      seat,
      value: String(Math.floor(random() * 3)),
      weight: 1 + Math.floor(random() * 3),
    }));
    const straight = countVotes(some, "abstain");
    expect(countVotes(shuffled(some, seed), "abstain")).toMatchObject({
      tied: straight.tied,
      agreement: straight.agreement,
      winner:
        straight.winner === null ? null : { value: straight.winner.value, weight: straight.winner.weight },
    });
    expect(straight.votes.reduce((sum, { weight }) => sum + weight, 0)).toBe(
      some.reduce((sum, { weight }) => sum + weight, 0),
    );
  });
});

describe("weights", () => {
  it("grow with accuracy, and are never nothing", () => {
    const weights = [0.05, 0.3, 0.6, 0.9].map((accuracy) => seatWeight({ accuracy }));
    expect(weights).toEqual(weights.toSorted((a, b) => a - b));
    expect(weights[0]).toBe(0.01);
    expect(seatWeight({})).toBe(1);
    expect(seatWeight({ weight: 2, accuracy: 0.9 })).toBe(2);
    expect(() => seatWeight({ accuracy: 1 })).toThrow("models[].accuracy must be between 0 and 1, got 1");
    expect(() => seatWeight({ weight: 0 })).toThrow("models[].weight must be a finite number above 0, got 0");
  });
});

it("a shuffle keeps all, is the same for a seed, and every place comes first about as often", () => {
  const items = ["a", "b", "c", "d"];
  expect(shuffled(items, 3)).toEqual(shuffled(items, 3));
  const first = new Map<string, number>();
  for (let seed = 0; seed < 4_000; seed += 1) {
    const order = shuffled(items, seed);
    expect(order.toSorted()).toEqual(items);
    first.set(order[0] ?? "", (first.get(order[0] ?? "") ?? 0) + 1);
  }
  for (const count of first.values()) expect(Math.abs(count - 1_000)).toBeLessThan(150);
});
