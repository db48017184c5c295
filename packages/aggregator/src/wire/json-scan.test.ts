import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { JsonScanError, readString, skipSpace, skipString, skipValue, stringIs } from "./json-scan.ts";

/** What the scanner says of a whole text. */
function accepts(text: string, depth = 64): boolean {
  const bytes = Buffer.from(text);
  try {
    return skipSpace(bytes, skipValue(bytes, skipSpace(bytes, 0), depth)) === bytes.length;
  } catch (error) {
    if (error instanceof JsonScanError) return false;
    throw error;
  }
}

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe("scanner", () => {
  it("accepts whatever JSON.stringify prints, however it is spaced", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 8 }), fc.constantFrom(0, 2, "\t"), (text, space) => {
        expect(accepts(JSON.stringify(JSON.parse(text), null, space))).toBe(true);
      }),
    );
  });

  it("agrees with JSON.parse about damaged texts", () => {
    const fragments = fc.constantFrom(
      "{",
      "}",
      "[",
      "]",
      ":",
      ",",
      '"',
      "\\",
      "\\u12",
      "0",
      "01",
      "-",
      "1e",
      "1.",
      ".5",
      "tru",
      "null",
      " ",
      "\n",
      "\u0001",
      "é",
    );
    fc.assert(
      fc.property(
        fc.json({ maxDepth: 4 }),
        fc.nat(),
        fc.nat({ max: 3 }),
        fragments,
        (text, at, cut, fragment) => {
          const place = at % (text.length + 1);
          const damaged = text.slice(0, place) + fragment + text.slice(place + cut);
          expect(accepts(damaged), damaged).toBe(parses(damaged));
        },
      ),
      { numRuns: 3_000 },
    );
  });

  it("agrees with JSON.parse about short texts of JSON's own characters", () => {
    const characters = fc.constantFrom(...'{}[]:,"\\0123456789.eE+-truefalsn \t\n/u'.split(""));
    fc.assert(
      fc.property(fc.string({ unit: characters, maxLength: 12 }), (text) => {
        expect(accepts(text), text).toBe(parses(text));
      }),
      { numRuns: 5_000 },
    );
  });

  it("agrees with JSON.parse about long strings, whatever is in them, wherever they begin", () => {
    const plain = fc.string({
      unit: fc.constantFrom("a", " ", "é", "漢", "\u007f", "!", "#", "["),
      maxLength: 200,
    });
    const special = fc.constantFrom("", '"', "\\", '\\"', "\\\\", "\\u00e9", "\\x", "\n", "\u001f", "\u0000");
    fc.assert(
      fc.property(
        fc.nat({ max: 7 }),
        fc.array(fc.tuple(plain, special), { maxLength: 4 }),
        (shift, parts) => {
          const text = `${" ".repeat(shift)}"${parts.flat().join("")}"`;
          expect(accepts(text), text).toBe(parses(text));
        },
      ),
      { numRuns: 3_000 },
    );
  });

  it("refuses what is nested more deeply than allowed, and nothing less", () => {
    const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);
    expect(accepts(nested(64))).toBe(true);
    expect(accepts(nested(65))).toBe(false);
    expect(accepts(`{"a":${nested(63)}}`)).toBe(true);
    expect(accepts(`{"a":${nested(64)}}`)).toBe(false);
  });

  it("stops a depth bomb after its first bytes", () => {
    const bomb = Buffer.alloc(1_000_000, "[");
    expect(() => skipValue(bomb, 0, 64)).toThrow(/nested too deeply at byte 64/);
  });
});

describe("string tokens", () => {
  it("compare and read like JSON.parse, escapes and all", () => {
    const escaped = fc.tuple(fc.string({ unit: "binary" }), fc.boolean()).map(([text, escapeAll]) => {
      const token = escapeAll
        ? `"${Array.from(text, (c) => (c.length === 1 ? `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}` : c)).join("")}"`
        : JSON.stringify(text);
      return { text: JSON.parse(token) as string, token };
    });
    fc.assert(
      fc.property(escaped, ({ text, token }) => {
        const bytes = Buffer.from(`  ${token}  `);
        const end = skipString(bytes, 2);
        expect(readString(bytes, 2, end)).toBe(Buffer.from(text).toString("utf8"));
      }),
    );
  });

  it.each(["method", "m\\u0065thod", "\\u006d\\u0065\\u0074\\u0068\\u006f\\u0064"])(
    'see that "%s" is method',
    (token) => {
      const bytes = Buffer.from(`"${token}"`);
      expect(stringIs(bytes, 0, bytes.length, "method")).toBe(true);
    },
  );

  it.each(["methods", "Method", "metho", "", "m\\\\u0065thod"])('see that "%s" is not method', (token) => {
    const bytes = Buffer.from(`"${token}"`);
    expect(stringIs(bytes, 0, bytes.length, "method")).toBe(false);
  });
});
