// Distances in SQL. sqlite-vec brings them for most platforms; where it does not load (musl, Windows on ARM) the same
// functions in JavaScript do the work, slower and with the same results.
import type { DatabaseSync } from "node:sqlite";
import { getLoadablePath } from "sqlite-vec";

/** Which implementation is in use: the version of sqlite-vec, or why it is JavaScript. */
export type VectorFunctions =
  | { readonly kind: "sqlite-vec"; readonly version: string }
  | { readonly kind: "javascript"; readonly reason: string };

/** Adds `vec_distance_cosine(a, b)`, `vec_bit(x)` and `vec_distance_hamming(a, b)`. */
export function addVectorFunctions(database: DatabaseSync, native: boolean): VectorFunctions {
  try {
    if (!native) throw new Error("not wanted");
    database.loadExtension(getLoadablePath());
    return { kind: "sqlite-vec", version: String(database.prepare("SELECT vec_version() v").get()?.["v"]) };
  } catch (error) {
    const options = { deterministic: true };
    database.function("vec_distance_cosine", options, (a, b) => 1 - cosine(floatsOf(a), floatsOf(b)));
    database.function("vec_bit", options, (bits) => bits);
    database.function("vec_distance_hamming", options, (a, b) => hamming(a as Uint8Array, b as Uint8Array));
    return { kind: "javascript", reason: error instanceof Error ? error.message : String(error) };
  }
}

/** The sign of each component, eight to a byte. */
export function signsOf(vector: Float32Array): Uint8Array {
  const bits = new Uint8Array(Math.ceil(vector.length / 8));
  for (const [at, value] of vector.entries())
    if (value > 0) bits[at >> 3] = (bits[at >> 3] ?? 0) | (1 << (at & 7));
  return bits;
}

export function bytesOf(vector: Float32Array): Uint8Array {
  return new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength);
}

export function floatsOf(value: unknown): Float32Array {
  const { buffer, byteOffset, byteLength } = value as Uint8Array;
  return byteOffset % 4 === 0
    ? new Float32Array(buffer, byteOffset, byteLength / 4)
    : new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));
}

/** Of vectors of length 1, which is how they are stored. */
function cosine(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let at = 0; at < a.length; at++) sum += (a[at] as number) * (b[at] as number);
  return sum;
}

function hamming(a: Uint8Array, b: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < a.length; at++) sum += BIT_COUNTS[(a[at] as number) ^ (b[at] as number)] as number;
  return sum;
}

const BIT_COUNTS: Uint8Array = Uint8Array.from(
  { length: 256 },
  (_, byte) => byte.toString(2).replaceAll("0", "").length,
);
