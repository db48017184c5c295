import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { IdTable } from "./id-table.ts";

describe("the table of what waits under a number", () => {
  it("does what a Map with a counter does, whatever stays in it for long", () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 400 }), { maxLength: 600 }), (steps) => {
        const table = new IdTable<string>();
        const model = new Map<number, string>();
        for (const [at, step] of steps.entries()) {
          const ids = [...model.keys()];
          if (step % 3 !== 0 || ids.length === 0) {
            const id = table.add(`v${at}`);
            expect(model.has(id)).toBe(false);
            model.set(id, `v${at}`);
          } else {
            const id = ids[step % ids.length] as number;
            expect(table.take(id)).toBe(model.get(id));
            expect(table.take(id)).toBeUndefined();
            model.delete(id);
          }
          expect(table.size).toBe(model.size);
        }
        for (const [id, value] of model) expect(table.get(id)).toBe(value);
        expect(table.values().toSorted()).toEqual([...model.values()].toSorted());
      }),
    );
  });

  it("never hands out a number twice, and finds nothing under others", () => {
    const table = new IdTable<string>();
    const first = table.add("stays");
    const seen = new Set([first]);
    for (let n = 0; n < 10_000; n++) {
      const id = table.add("goes");
      expect(seen.has(id)).toBe(false);
      seen.add(id);
      table.take(id);
    }
    expect(table.get(first)).toBe("stays");
    for (const strange of [0, -1, 1.5, first + 64, 2 ** 53]) expect(table.get(strange)).toBeUndefined();
    table.clear();
    expect([table.size, table.get(first), table.values()]).toEqual([0, undefined, []]);
  });

  it("shares no number with another table", () => {
    const [one, other] = [new IdTable<string>(), new IdTable<string>()];
    const ids = Array.from({ length: 200 }, (_, at) => (at % 2 === 0 ? one : other).add("x"));
    expect(new Set(ids).size).toBe(200);
    expect(other.get(ids[0] ?? 0)).toBeUndefined();
  });
});
