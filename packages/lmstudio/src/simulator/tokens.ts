// Tokens without a tokenizer: four characters make one, which is about right for English and the same everywhere.
import { createSeededRandom } from "@fairlead/core/testing";

export function countTokens(text: string): number {
  return Math.ceil(text.length / 4);
}

/** The text in pieces of one token each, as a stream sends them: a word with the space before it. */
export function splitTokens(text: string): readonly string[] {
  return text.match(/\s*\S+|\s+$/g) ?? [];
}

const words =
  "line harbour the rope a ship and deck runs through wind of steady holds under with tide clear to keeps each lead".split(
    " ",
  );

/** Five to forty words, always the same for the same seed, model and prompt. */
export function seededText(seed: number, model: string, prompt: string): string {
  const random = createSeededRandom(hash(`${seed}\n${model}\n${prompt}`));
  const length = 5 + Math.floor(random() * 36);
  const text = Array.from({ length }, () => words[Math.floor(random() * words.length)]).join(" ");
  return `${text}.`;
}

/** A direction that depends on the text alone, of length 1. */
export function seededVector(seed: number, text: string, dimensions: number): readonly number[] {
  const random = createSeededRandom(hash(`${seed}\n${text}`));
  const raw = Array.from({ length: dimensions }, () => random() * 2 - 1);
  const norm = Math.sqrt(raw.reduce((sum, value) => sum + value * value, 0));
  return raw.map((value) => value / norm);
}

/** An id of the host's look, from the number of the request. */
export function seededId(seed: number, number: number, length: number): string {
  const random = createSeededRandom(seed * 31 + number);
  const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789";
  return Array.from({ length }, () => alphabet[Math.floor(random() * alphabet.length)]).join("");
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  return value >>> 0;
}
