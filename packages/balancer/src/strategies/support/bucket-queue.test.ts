import fc from "fast-check";
import { expect, it } from "vitest";
import { createBucketQueue } from "./bucket-queue.ts";

it("a bucket queue always names a slot with the lowest rank, the one placed there first", () => {
  const step = fc.record({
    kind: fc.constantFrom("place", "move", "remove"),
    slot: fc.nat(70),
    rank: fc.oneof(fc.nat(4), fc.nat(300)),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const queue = createBucketQueue();
      // Insertion order of a Map is the order of placement within a rank.
      const ranks = new Map<number, number>();
      for (const { kind, slot, rank } of steps) {
        const before = ranks.get(slot);
        if (kind === "remove") {
          queue.remove(slot);
          ranks.delete(slot);
        } else {
          queue[kind](slot, rank);
          if (before !== rank && (kind === "place" || before !== undefined)) {
            ranks.delete(slot);
            ranks.set(slot, rank);
          }
        }
        const lowest = Math.min(...ranks.values());
        const first = [...ranks].find(([, of]) => of === lowest)?.[0] ?? -1;
        expect(queue.first()).toBe(first);
      }
    }),
    { seed: 23, numRuns: 200 },
  );
});
