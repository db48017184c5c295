// Changes to another embedding model: the new vectors are built beside the old ones, which are searched until the new
// ones are complete. Broken off, it goes on where it was.
import type { Embedder } from "../embed/embedder.ts";
import { RagError } from "../errors.ts";
import type { RagStore } from "../store/store.ts";

export interface ReembedOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

export interface ReembedResult {
  /** Chunks that got a vector now. */
  readonly embedded: number;
  readonly model: string;
  readonly dimension: number;
}

const BATCH = 128;

export async function reembed(
  store: RagStore,
  embedder: Embedder | undefined,
  { signal, onProgress }: ReembedOptions = {},
): Promise<ReembedResult> {
  if (embedder === undefined)
    throw new RagError(
      "NO_EMBEDDER",
      "There is no embedding endpoint: give its URL and a model (--embed-url, --embed-model).",
    );
  const space = await embedder.space({ signal });
  let embedded = 0;
  const { chunks: total } = await store.counts();
  for (;;) {
    signal?.throwIfAborted();
    const pending = await store.pending(space, BATCH);
    if (pending.length > 0) {
      // The same text may stand in several documents.
      const texts = new Map(
        pending.map(({ hash, heading, text }) => [hash, heading === "" ? text : `${heading}\n${text}`]),
      );
      const vectors = await embedder.documents([...texts.values()], { signal });
      const byHash = new Map([...texts.keys()].map((hash, at) => [hash, vectors[at]]));
      signal?.throwIfAborted();
      await store.addVectors(
        space,
        pending.flatMap(({ key, hash }) => {
          const vector = byHash.get(hash);
          return vector === undefined ? [] : [{ key, hash, vector }];
        }),
      );
      embedded += pending.length;
      onProgress?.(Math.min(embedded, total), total);
    } else if (await store.activateSpace(space)) {
      onProgress?.(total, total);
      return { embedded, model: space.model, dimension: space.dimension };
    }
  }
}
