import fc from "fast-check";
import { expect, it } from "vitest";
import { createLineSplitter } from "./lines.ts";

function split(
  chunks: readonly Buffer[],
  maxLineBytes = 1_000_000,
  carriageReturns = false,
): { lines: string[]; dropped: [string, string][] } {
  const lines: string[] = [];
  const dropped: [string, string][] = [];
  const splitter = createLineSplitter({
    maxLineBytes,
    carriageReturns,
    onLine: (line) => lines.push(line.toString()),
    onOversize: (head, tail) => dropped.push([head.toString(), tail.toString()]),
  });
  for (const chunk of chunks) splitter.push(chunk);
  splitter.end();
  return { lines, dropped };
}

/** Cuts bytes at arbitrary places. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const sorted = [
    0,
    ...places.map((place) => place % (bytes.length + 1)).toSorted((a, b) => a - b),
    bytes.length,
  ];
  return sorted.slice(1).map((end, at) => bytes.subarray(sorted[at], end));
}

const places = fc.array(fc.nat(), { maxLength: 20 });

it("finds the same lines however the bytes are cut into chunks", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: fc.constantFrom("a", "é", "\r", "漢") })), places, (texts, at) => {
      const expected = texts.map((text) => Buffer.from(text).toString());
      expect(split(cut(Buffer.from(texts.map((text) => `${text}\n`).join("")), at)).lines).toEqual(expected);
    }),
  );
});

it("ends lines at CR, LF and CRLF when asked, however they are cut", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.string({ unit: fc.constantFrom("a", "b") }), fc.constantFrom("\n", "\r\n", "\r"))),
      places,
      (parts, at) => {
        const text = parts.map(([line, end]) => line + end).join("");
        // A lone CR before an LF that begins the next line is a CRLF; the reference splits the same way.
        const expected = text.split(/\r\n|\r|\n/).slice(0, -1);
        expect(split(cut(Buffer.from(text), at), 1_000, true).lines).toEqual(expected);
      },
    ),
  );
});

it("drops a line over the bound, keeps its two ends, and goes on with the next", () => {
  const long = `head${"x".repeat(10_000)}tail`;
  fc.assert(
    fc.property(places, (at) => {
      const { lines, dropped } = split(cut(Buffer.from(`one\n${long}\ntwo\n`), at), 100);
      expect(lines).toEqual(["one", "two"]);
      expect(dropped).toHaveLength(1);
      expect(dropped[0]?.[0].startsWith("head")).toBe(true);
      expect(dropped[0]?.[1].endsWith("tail")).toBe(true);
    }),
  );
});

it("takes a line of exactly the bound, and not one byte more", () => {
  expect(split([Buffer.from(`${"x".repeat(10)}\n`)], 10).lines).toEqual(["x".repeat(10)]);
  expect(split([Buffer.from(`${"x".repeat(11)}\n`)], 10).lines).toEqual([]);
});
