import { describe, expect, it } from "vitest";
import { createFairQueue, type Queued } from "./fair-queue.ts";

interface Item extends Queued<number> {
  readonly name: string;
}

function item(name: string, key: string, queuedAt = 0): Item {
  return { name, key, priority: 0, queuedAt };
}

describe("a fair queue", () => {
  it("serves what it gave to look at, although another one would be next by now", () => {
    const excess = new Map([["ada", 0]]);
    const queue = createFairQueue<number, Item>({
      classes: [0],
      ageingMs: 1_000,
      weightOf: () => 1,
      excessOf: (key) => excess.get(key) ?? 1,
    });
    const [ada, bob] = [item("a", "ada"), item("b", "bob")];
    queue.push(ada);
    queue.push(bob);
    expect(queue.peek(0)).toBe(ada);
    excess.set("ada", 5);
    expect(queue.peek(0)).toBe(bob);
    expect(queue.serve(ada)).toBe(true);
    expect(queue.serve(ada)).toBe(false);
    expect(queue.size).toBe(1);
    expect(queue.shift(0)).toBe(bob);
    expect(queue.shift(0)).toBeUndefined();
  });

  it("uses up the turn of whose item is served", () => {
    const queue = createFairQueue<number, Item>({ classes: [0], ageingMs: 1_000, weightOf: () => 1 });
    for (const name of ["a1", "a2"]) queue.push(item(name, "ada"));
    for (const name of ["b1", "b2"]) queue.push(item(name, "bob"));
    const order: string[] = [];
    for (let next = queue.peek(0); next !== undefined; next = queue.peek(0)) {
      order.push(next.name);
      queue.serve(next);
    }
    expect(order).toEqual(["a1", "b1", "a2", "b2"]);
  });

  it("gives the newest of a key that has waited for too long, and the oldest of the others", () => {
    const queue = createFairQueue<number, Item>({ classes: [0], ageingMs: 1e9, weightOf: () => 1 });
    for (const at of [0, 10]) queue.push(item(`old ${at}`, "old", at));
    for (const at of [20, 30]) queue.push(item(`new ${at}`, "new", at));
    expect(queue.shift(40, 15)?.name).toBe("old 10");
    expect(queue.shift(40, 15)?.name).toBe("new 20");
  });

  it("counts what a key has waiting in a priority, and the keys that have anything", () => {
    const queue = createFairQueue<number, Item>({ classes: [1, 0], ageingMs: 1_000, weightOf: () => 1 });
    const urgent = { ...item("a3", "ada"), priority: 1 };
    for (const one of [item("a1", "ada"), item("a2", "ada"), item("b1", "bob"), urgent]) queue.push(one);
    const counts = (): readonly number[] => [
      queue.countOf("ada", 0),
      queue.countOf("bob", 0),
      queue.keysOf(0),
    ];
    expect(counts()).toEqual([2, 1, 2]);
    expect([queue.countOf("ada", 1), queue.countOf("bob", 1), queue.keysOf(1)]).toEqual([1, 0, 1]);
    queue.remove(urgent);
    while (queue.shift(0) !== undefined);
    expect(counts()).toEqual([0, 0, 0]);
  });
});
