import fc from "fast-check";
import { expect, it } from "vitest";
import { scanEnvelope } from "./envelope.ts";
import { Spliced, splice, toSingleLine } from "./splice.ts";

it("changes the id and the name, and leaves every other byte alone", () => {
  const text =
    '{ "jsonrpc" : "2.0","id":"client-7" ,\n "method":"tools/call","params":{"big":9007199254740993,"name":"pool__echo","é":"\\u00e9"}}';
  const message = Buffer.from(text);
  const { id, name } = scanEnvelope(message);
  const out = splice(message, [
    { span: name, bytes: Buffer.from('"echo"') },
    { span: id, bytes: Buffer.from("42") },
  ]);
  expect(out.toString()).toBe(text.replace('"client-7"', "42").replace('"pool__echo"', '"echo"'));
});

it("applies any disjoint splices as text replacement would", () => {
  const cuts = fc.uniqueArray(fc.nat({ max: 60 }), { minLength: 2, maxLength: 8 });
  fc.assert(
    fc.property(
      fc.string({ minLength: 61, maxLength: 61, unit: "grapheme-ascii" }),
      cuts,
      fc.string({ unit: "grapheme-ascii" }),
      (text, places, insert) => {
        const sorted = places.toSorted((a, b) => a - b);
        const spans = sorted.flatMap((start, at) =>
          at % 2 === 0 && sorted[at + 1] !== undefined ? [{ start, end: sorted[at + 1] as number }] : [],
        );
        let expected = text;
        for (const { start, end } of spans.toReversed())
          expected = expected.slice(0, start) + insert + expected.slice(end);
        const splices = spans.map((span) => ({ span, bytes: Buffer.from(insert) }));
        expect(splice(Buffer.from(text), splices).toString()).toBe(expected);
        const spliced = new Spliced(Buffer.from(text), splices);
        expect(Buffer.concat(spliced.pieces()).toString()).toBe(expected);
        expect(spliced.length).toBe(Buffer.byteLength(expected));
      },
    ),
  );
});

it("puts any JSON on one line without changing its value", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const line = toSingleLine(Buffer.from(JSON.stringify(value, null, "\r\n  "))).toString();
      expect(line).not.toMatch(/[\r\n]/);
      expect(JSON.stringify(JSON.parse(line))).toBe(JSON.stringify(value));
    }),
  );
});
