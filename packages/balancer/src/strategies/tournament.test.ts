import fc from "fast-check";
import { expect, it } from "vitest";
import { createTournament } from "./tournament.ts";

it("a tournament always names the slot with the lowest cost, the one used the longest ago among equals", () => {
  const step = fc.record({
    kind: fc.constantFrom("join", "leave", "cost", "use"),
    slot: fc.nat(40),
    cost: fc.integer({ min: 1, max: 4 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const tournament = createTournament();
      const members = new Set<number>();
      const costs = new Map<number, number>();
      const uses = new Map<number, number>();
      for (const [time, { kind, slot, cost }] of steps.entries()) {
        if (kind === "join") {
          tournament.join(slot);
          members.add(slot);
        } else if (kind === "leave") {
          tournament.leave(slot);
          members.delete(slot);
        } else {
          if (kind === "use") {
            tournament.touch(slot);
            uses.set(slot, time + 1);
          }
          tournament.setCost(slot, cost);
          costs.set(slot, cost);
        }
        const key = (member: number): number => (costs.get(member) ?? 1) * 1_000 + (uses.get(member) ?? 0);
        const first = tournament.first();
        if (members.size === 0) expect(first).toBe(-1);
        else expect(key(first)).toBe(Math.min(...[...members].map(key)));
      }
    }),
    { seed: 23, numRuns: 200 },
  );
});
