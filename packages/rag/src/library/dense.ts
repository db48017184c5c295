// The half of retrieval that needs an endpoint: says whether it can be used now, and if not, why. An endpoint that failed
// is left alone for a while, so that not every query waits for it.
import type { Embedder } from "../embed/embedder.ts";
import { RagError } from "../errors.ts";
import { isSameSpace, mismatch } from "../store/embedding-space.ts";
import type { EmbeddingSpace, RagStore } from "../store/store.ts";

const COOL_DOWN_MS = 10_000;

export interface Dense {
  /** The vector of a query, or the reason why there is none. */
  query(
    text: string,
    signal?: AbortSignal,
  ): Promise<{ readonly vector: Float32Array } | { readonly reason: string }>;
  /** Vectors of documents, or the reason why there are none. @throws RagError `EMBEDDING_MISMATCH` */
  documents(
    texts: readonly string[],
    signal?: AbortSignal,
  ): Promise<
    | { readonly space: EmbeddingSpace; readonly vectors: readonly Float32Array[] }
    | { readonly reason: string }
  >;
  state(): Promise<{
    readonly state: "none" | "ready" | "unavailable" | "mismatch";
    readonly reason?: string;
  }>;
  readonly isConfigured: boolean;
}

export function createDense(
  store: RagStore,
  embedder: Embedder | undefined,
  now: () => number = () => performance.now(),
): Dense {
  let failure: { readonly reason: string; readonly until: number } | undefined;

  const failed = (error: unknown): { readonly reason: string } => {
    if (!(error instanceof RagError) || error.code !== "EMBEDDING_FAILED") throw error;
    failure = { reason: error.message, until: now() + COOL_DOWN_MS };
    return { reason: error.message };
  };
  const resting = (): { readonly reason: string } | undefined =>
    failure !== undefined && now() < failure.until ? { reason: failure.reason } : undefined;
  const comparable = async (
    given: Embedder,
    stored: EmbeddingSpace | undefined,
    signal?: AbortSignal,
  ): Promise<EmbeddingSpace | RagError> => {
    const own = await given.space({ signal });
    return stored === undefined || isSameSpace(stored, own) ? own : mismatch(stored, own);
  };

  return {
    isConfigured: embedder !== undefined,
    async query(text, signal) {
      if (embedder === undefined) return { reason: "no embedding endpoint is configured" };
      const rest = resting();
      if (rest !== undefined) return rest;
      try {
        const stored = await store.space();
        if (stored === undefined) return { reason: "no chunk has a vector yet" };
        const space = await comparable(embedder, stored, signal);
        if (space instanceof RagError) return { reason: space.message };
        return { vector: await embedder.query(text, { signal }) };
      } catch (error) {
        signal?.throwIfAborted();
        return failed(error);
      }
    },
    async documents(texts, signal) {
      if (embedder === undefined) return { reason: "no embedding endpoint is configured" };
      try {
        const space = await comparable(embedder, await store.space(), signal);
        if (space instanceof RagError) throw space;
        return { space, vectors: texts.length === 0 ? [] : await embedder.documents(texts, { signal }) };
      } catch (error) {
        signal?.throwIfAborted();
        return failed(error);
      }
    },
    async state() {
      if (embedder === undefined) return { state: "none" };
      const rest = resting();
      if (rest !== undefined) return { state: "unavailable", ...rest };
      try {
        const space = await comparable(embedder, await store.space());
        return space instanceof RagError ? { state: "mismatch", reason: space.message } : { state: "ready" };
      } catch (error) {
        return { state: "unavailable", ...failed(error) };
      }
    },
  };
}
