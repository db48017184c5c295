// Documents for tests, made of little: hashes and offsets are those that the library would give.
import { createHash } from "node:crypto";
import { RagError } from "../src/errors.ts";
import type { StoredChunk, StoredDocument } from "../src/store/store.ts";

export const hashOf = (text: string): string => createHash("sha256").update(text).digest("hex");

/** A document with one chunk per text. */
export function documentOf(
  uri: string,
  texts: readonly string[],
  extra: Partial<StoredDocument> = {},
): StoredDocument {
  let at = 0;
  const chunks = texts.map((text): StoredChunk => {
    const start = at;
    at += text.length + 2;
    return {
      heading: extra.title ?? "",
      text,
      hash: hashOf(`${extra.title ?? ""}\n${text}`),
      start,
      end: start + text.length,
    };
  });
  return {
    collection: "default",
    uri,
    title: "",
    mimeType: "text/plain",
    hash: hashOf(JSON.stringify([texts, extra.metadata, extra.title])),
    fingerprint: "",
    metadata: {},
    chunks,
    ...extra,
  };
}

/** A unit vector that leans towards axis `axis`. */
export function vectorOf(dimension: number, axis: number, noise = 0): Float32Array {
  const vector = new Float32Array(dimension).fill(noise);
  vector[axis] = 1;
  const length = Math.hypot(...vector);
  return vector.map((value) => value / length);
}

/** The code that a promise fails with. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return error instanceof RagError ? error.code : `no RagError: ${String(error)}`;
}
