// Measures retrieval as users get it: documents are chunked, and a document ranks where its best chunk does.
import { RagError } from "../errors.ts";
import type { Library } from "../library/library.ts";
import type { SearchAnswer } from "../library/search.ts";
import type { TestCollection } from "./collection.ts";
import { evaluate, type Metrics } from "./metrics.ts";

export interface EvalOptions {
  /** @defaultValue "lexical" */
  readonly mode?: "lexical" | "vector" | "hybrid" | undefined;
  /** Documents per query, 1 to 3 000. @defaultValue 1 000 */
  readonly depth?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((stage: "ingest" | "search", done: number, total: number) => void) | undefined;
}

export interface EvalResult extends Metrics {
  readonly documents: number;
  readonly chunks: number;
  readonly depth: number;
  /** How the queries were answered. */
  readonly mode: SearchAnswer["mode"];
  readonly ingestSeconds: number;
  readonly msPerQuery: number;
}

const COLLECTION = "eval";
const CHUNKS_PER_DOCUMENT = 3;
const BATCH = 200;

/** The library must hold nothing else: other documents would change what is rare. @throws RagError `INVALID_INPUT` */
export async function runEvaluation(
  library: Library,
  { documents, queries, judgements }: TestCollection,
  { mode = "lexical", depth = 1_000, signal, onProgress }: EvalOptions = {},
): Promise<EvalResult> {
  if (!Number.isInteger(depth) || depth < 1 || depth > 3_000)
    throw new RagError("INVALID_INPUT", `depth must be an integer from 1 to 3000, got ${depth}.`);
  const started = performance.now();
  for (let at = 0; at < documents.length; at += BATCH) {
    const part = documents.slice(at, at + BATCH).map(({ id, title, text }) => ({
      ...{ id, text: text === "" ? title : text, collection: COLLECTION, mimeType: "text/plain" },
      // Many collections repeat the title in the text; twice it would count twice.
      title: text.startsWith(title) ? "" : title,
    }));
    await library.ingest(part, { signal });
    onProgress?.("ingest", Math.min(documents.length, at + BATCH), documents.length);
  }
  const ingestSeconds = (performance.now() - started) / 1_000;
  const { documents: stored, chunks } = await library.store.counts();
  if (stored !== documents.length)
    throw new RagError(
      "INVALID_INPUT",
      `The store has ${stored} documents, the collection ${documents.length}: use an empty store.`,
    );

  const rankings = new Map<string, readonly string[]>();
  const used = new Set<SearchAnswer["mode"]>();
  const searching = performance.now();
  for (const [at, { id, text }] of queries.entries()) {
    signal?.throwIfAborted();
    const answer = await library.search({ query: text, mode, limit: CHUNKS_PER_DOCUMENT * depth, signal });
    used.add(answer.mode);
    rankings.set(id, [...new Set(answer.hits.map(({ chunk }) => chunk.document.id))].slice(0, depth));
    onProgress?.("search", at + 1, queries.length);
  }
  const msPerQuery = (performance.now() - searching) / Math.max(1, queries.length);
  if (used.size > 1)
    throw new RagError(
      "EMBEDDING_FAILED",
      "The embedding endpoint failed for some of the queries: the figures would mean nothing.",
    );
  const [answered = mode] = used;
  return {
    ...evaluate(rankings, judgements),
    documents: stored,
    chunks,
    depth,
    mode: answered,
    ingestSeconds,
    msPerQuery,
  };
}
