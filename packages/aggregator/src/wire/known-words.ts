// Tells which of a few known words a string token is, without making a string of it: by its length, then by its bytes.
import { readString, stringHadEscapes } from "./json-scan.ts";

/** Words that are looked for, by their length. */
export interface KnownWords {
  readonly byLength: readonly (readonly string[])[];
}

/** @param words plain ASCII */
export function knownWords(words: readonly string[]): KnownWords {
  const byLength: string[][] = [];
  for (const word of words) {
    while (byLength.length <= word.length) byLength.push([]);
    byLength[word.length]?.push(word);
  }
  return { byLength };
}

/**
 * The word that the string token at `start`..`end` (quotes included) is; undefined for any other. The token is what
 * `skipString` was last called for: a word may be written with escapes, and readers behind us would see it.
 */
export function wordAt(
  bytes: Buffer,
  start: number,
  end: number,
  { byLength }: KnownWords,
): string | undefined {
  if (stringHadEscapes) {
    const text = readString(bytes, start, end);
    return byLength[text.length]?.find((word) => word === text);
  }
  const candidates = byLength[end - start - 2];
  if (candidates === undefined) return undefined;
  for (const word of candidates) if (isAt(bytes, start + 1, word)) return word;
  return undefined;
}

function isAt(bytes: Buffer, start: number, word: string): boolean {
  for (let at = 0; at < word.length; at++) if (bytes[start + at] !== word.charCodeAt(at)) return false;
  return true;
}
