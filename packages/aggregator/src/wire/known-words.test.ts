import { describe, expect, it } from "vitest";
import { skipString } from "./json-scan.ts";
import { knownWords, wordAt } from "./known-words.ts";

const WORDS = knownWords(["id", "name", "task", "method", "params"]);

function find(token: string): string | undefined {
  const bytes = Buffer.from(` ${token} `);
  return wordAt(bytes, 1, skipString(bytes, 1), WORDS);
}

describe("known words", () => {
  it.each(["id", "name", "task", "method", "params"])("finds %s, with escapes and without", (word) => {
    const escaped = Array.from(word, (c) => `\\u00${c.charCodeAt(0).toString(16)}`).join("");
    expect(find(`"${word}"`)).toBe(word);
    expect(find(`"${escaped}"`)).toBe(word);
    expect(find(`"${word.slice(0, 1)}${escaped.slice(6)}"`)).toBe(word);
  });

  it.each(["", "i", "ids", "Name", "tasks", "toString", "constructor", "n\\u0061me ", "\\u0069"])(
    "does not find %s",
    (text) => {
      expect(find(`"${text}"`)).toBeUndefined();
    },
  );
});
