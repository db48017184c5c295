import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AnswerScanner } from "./answer-scanner.ts";
import { scanEnvelope } from "./envelope.ts";
import { JsonScanError } from "./json-scan.ts";
import { splice } from "./splice.ts";

function read(text: string, cuts: readonly number[], id = 7, newId = '"client"'): string {
  const bytes = Buffer.from(text);
  const scanner = new AnswerScanner(id, Buffer.from(newId), 64);
  const bounds = [0, ...cuts.map((cut) => cut % bytes.length).toSorted((a, b) => a - b), bytes.length];
  const out = bounds
    .slice(1)
    .flatMap((end, at) => scanner.push(Buffer.from(bytes.subarray(bounds[at], end))));
  if (!scanner.isComplete) throw new Error("not complete");
  return Buffer.concat(out).toString();
}

describe("an answer that is read while it arrives", () => {
  it("comes out as one whose id was replaced in the whole, wherever it is cut", () => {
    const long = fc.string({
      unit: fc.constantFrom("a", '"', "\\", "{", "]", "é", "\n"),
      maxLength: 2_000,
      size: "max",
    });
    const result = fc.dictionary(fc.string({ maxLength: 6 }), fc.oneof(fc.jsonValue(), long));
    const extra = fc.dictionary(
      fc.string({ maxLength: 6 }).filter((key) => !["method", "error"].includes(key)),
      fc.jsonValue(),
    );
    fc.assert(
      fc.property(
        result,
        extra,
        fc.shuffledSubarray(["jsonrpc", "id", "result"], { minLength: 3 }),
        fc.array(fc.nat({ max: 5_000 }), { maxLength: 8 }),
        fc.constantFrom(0, 2),
        (value, others, order, cuts, indent) => {
          const known: Record<string, unknown> = { jsonrpc: "2.0", id: 7, result: value };
          const message = { ...others, ...Object.fromEntries(order.map((key) => [key, known[key]])) };
          const text = JSON.stringify(message, null, indent);
          const bytes = Buffer.from(text);
          const expected = splice(bytes, [
            { span: scanEnvelope(bytes, 64).id, bytes: Buffer.from('"client"') },
          ]).toString();
          expect(read(text, cuts)).toBe(expected);
        },
      ),
    );
  });

  it("says when it is inside of the result", () => {
    const scanner = new AnswerScanner(1, Buffer.from("9"), 64);
    scanner.push(Buffer.from('{"jsonrpc":"2.0","res'));
    expect(scanner.isInResult).toBe(false);
    scanner.push(Buffer.from('ult":{"content":[{"text":"long \\" te'));
    expect(scanner.isInResult).toBe(true);
    scanner.push(Buffer.from('xt"}]}'));
    expect([scanner.isInResult, scanner.isComplete]).toEqual([false, false]);
    scanner.push(Buffer.from(',"id":1}'));
    expect(scanner.isComplete).toBe(true);
  });

  it.each([
    ["another id", '{"id":8,"result":{}}'],
    ["a string for a number", '{"id":"7","result":{}}'],
    ["an id of the wrong type", '{"id":[7],"result":{}}'],
    ["an error", '{"id":7,"error":{"code":1,"message":""}}'],
    ["a request", '{"id":7,"method":"x"}'],
    ["the same key twice", '{"id":7,"id":7,"result":{}}'],
    ["the same key twice, once with an escape", '{"id":7,"\\u0069d":7,"result":{}}'],
    ["a result that is no object", '{"id":7,"result":[1]}'],
    ["an endless id", `{"id":${"7".repeat(100)},"result":{}}`],
    ["deep nesting", `{"id":7,"result":{"a":${"[".repeat(100)}`],
    ["bytes behind the end", '{"id":7,"result":{}}{'],
    ["no object", "[]"],
  ])("is refused when it is %s", (_what, text) => {
    expect(() => read(text, [])).toThrow(JsonScanError);
  });

  it.each([
    ["without an id", '{"result":{}}'],
    ["without a result", '{"id":7}'],
    ["cut off", '{"id":7,"result":{}'],
  ])("is not complete %s", (_what, text) => {
    expect(() => read(text, [])).toThrow("not complete");
  });
});
