import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Exchange } from "./client.ts";
import { RunningRequests } from "./running.ts";

const exchange = (id: string): Exchange => ({ id: Buffer.from(id) }) as Partial<Exchange> as Exchange;

describe("a client's running requests", () => {
  it("do what a Map by id does", () => {
    const step = fc.record({ id: fc.integer({ min: 0, max: 60 }), adds: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 500 }), (steps) => {
        const running = new RunningRequests();
        const model = new Map<string, Exchange>();
        for (const { id: number, adds } of steps) {
          const id = String(number);
          const known = model.get(id);
          expect(running.find(Buffer.from(id))).toBe(known);
          if (adds) {
            const added = exchange(id);
            expect(running.add(added)).toBe(known === undefined);
            if (known === undefined) model.set(id, added);
          } else if (known === undefined) {
            running.delete(exchange(id));
          } else {
            running.delete(known);
            model.delete(id);
          }
          expect(running.size).toBe(model.size);
        }
        expect(new Set(running.values())).toEqual(new Set(model.values()));
      }),
    );
  });

  it("tell a string from a number, and take no other exchange's end for theirs", () => {
    const running = new RunningRequests();
    const one = exchange("1");
    expect([running.add(one), running.add(exchange('"1"')), running.add(exchange("1"))]).toEqual([
      true,
      true,
      false,
    ]);
    running.delete(exchange("1"));
    expect(running.find(Buffer.from("1"))).toBe(one);
  });
});
