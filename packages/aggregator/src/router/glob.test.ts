import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compileGlobs } from "./glob.ts";

const matches = (glob: string, text: string): boolean => compileGlobs([glob])?.(text) ?? true;

describe("compileGlobs", () => {
  it.each([
    ["echo", "echo", true],
    ["echo", "echoes", false],
    ["*", "anything", true],
    ["read_*", "read_file", true],
    ["read_*", "read_", true],
    ["read_*", "reread_file", false],
    ["*_file", "read_file", true],
    ["*_file", "file", false],
    ["a*b*c", "aXbYc", true],
    ["a*b*c", "abc", true],
    ["a*b*c", "ac", false],
    ["a*a", "a", false],
    ["a*a", "aa", true],
    ["*b*", "abc", true],
    ["**", "", true],
    ["a.c", "abc", false],
    ["", "", true],
  ])("%s and %s: %s", (glob, text, expected) => {
    expect(matches(glob, text)).toBe(expected);
  });

  it("is any of several, and undefined for everything", () => {
    const any = compileGlobs(["one", "two", "th*"]);
    expect(["one", "two", "three", "four"].map((text) => any?.(text))).toEqual([true, true, true, false]);
    expect(compileGlobs(["one", "*"])).toBeUndefined();
  });

  it("agrees with a regular expression", () => {
    const letters = fc.string({ unit: fc.constantFrom("a", "b", "*"), maxLength: 8 });
    fc.assert(
      fc.property(letters, fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 10 }), (glob, text) => {
        expect(matches(glob, text)).toBe(new RegExp(`^${glob.replaceAll(/\*+/g, ".*")}$`).test(text));
      }),
      { numRuns: 2_000 },
    );
  });

  it("does not blow up on what makes regular expressions backtrack", () => {
    // (a*)*b takes 2^n steps where matching backtracks; here it is some thousands, so it ends.
    expect(matches(`${"*a".repeat(2_000)}b`, "a".repeat(20_000))).toBe(false);
  });
});
