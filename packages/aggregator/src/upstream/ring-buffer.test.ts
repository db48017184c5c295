import fc from "fast-check";
import { expect, it } from "vitest";
import { createRingBuffer } from "./ring-buffer.ts";

it("keeps the last bytes, however they came", () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: "grapheme-ascii", maxLength: 40 })),
      fc.integer({ min: 1, max: 64 }),
      (parts, limit) => {
        const ring = createRingBuffer(limit);
        for (const part of parts) ring.push(Buffer.from(part));
        expect(ring.text()).toBe(parts.join("").slice(-limit));
      },
    ),
  );
});

it("finds the last words", () => {
  const ring = createRingBuffer(100);
  expect(ring.lastLine()).toBeUndefined();
  ring.push(Buffer.from("first\n  fatal: no such file \n\n"));
  expect(ring.lastLine()).toBe("fatal: no such file");
});
