// An embedder without an endpoint: a text's vector points where its words do, so that texts that share words are similar.
import { createHash } from "node:crypto";
import type { Embedder } from "../src/embed/embedder.ts";
import { RagError } from "../src/errors.ts";

export interface FakeEmbedder extends Embedder {
  /** Texts that were embedded as documents. */
  readonly seen: string[];
  /** False lets every call fail. */
  isUp: boolean;
}

export function fakeEmbedder(model = "fake", dimension = 64, documentPrefix = ""): FakeEmbedder {
  const vectorOf = (text: string): Float32Array => {
    const vector = new Float32Array(dimension);
    for (const word of text.toLowerCase().match(/[a-z\d]+/g) ?? []) {
      const at = createHash("sha256").update(word).digest().readUInt32LE(0) % dimension;
      vector[at] = (vector[at] as number) + 1;
    }
    const length = Math.hypot(...vector) || 1;
    return vector.map((value) => value / length);
  };
  const fake: FakeEmbedder = {
    seen: [],
    isUp: true,
    async space() {
      check();
      return { model, dimension, documentPrefix, queryPrefix: "" };
    },
    async documents(texts) {
      check();
      fake.seen.push(...texts);
      return texts.map(vectorOf);
    },
    async query(text) {
      check();
      return vectorOf(text);
    },
    close: () => Promise.resolve(),
  };
  return fake;

  function check(): void {
    if (!fake.isUp) throw new RagError("EMBEDDING_FAILED", "the endpoint is down");
  }
}
