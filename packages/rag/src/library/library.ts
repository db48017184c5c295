// The library: a store, an embedder and a chunker put together. The MCP server and the command line are faces of it.
import type { ChunkOptions } from "../chunk/chunk.ts";
import { chunkLimits } from "../chunk/chunk.ts";
import type { Embedder } from "../embed/embedder.ts";
import type { GraphExtractor } from "../graph/extract.ts";
import { type GraphAnswer, type GraphQuery, queryGraph } from "../graph/query.ts";
import type { FileFormat } from "../parse/formats.ts";
import type { ParsedText } from "../parse/parse.ts";
import { createTextThread } from "../parse/text-thread.ts";
import type { Reranker } from "../rerank/reranker.ts";
import type {
  DocumentInfo,
  EmbeddingSpace,
  RagStore,
  StoreCounts,
  StoreDescription,
} from "../store/store.ts";
import { createDense } from "./dense.ts";
import { type IngestOptions, type IngestResult, ingestDocuments } from "./ingest.ts";
import type { DocumentInput } from "./prepare.ts";
import { type ReembedOptions, type ReembedResult, reembed } from "./reembed.ts";
import { type SearchAnswer, type SearchQuery, search } from "./search.ts";

export interface LibraryOptions {
  readonly store: RagStore;
  /** Without one everything works lexically. */
  readonly embedder?: Embedder | undefined;
  /** Puts the best hits in order. @defaultValue none */
  readonly reranker?: Reranker | undefined;
  readonly chunking?: ChunkOptions | undefined;
  /** Whether links, headings and imports become a graph. @defaultValue true */
  readonly structureGraph?: boolean | undefined;
  /** Reads entities and relations out of texts, for instance with a language model. @defaultValue none */
  readonly extractor?: GraphExtractor | undefined;
}

export interface LibraryStatus extends StoreCounts {
  readonly store: StoreDescription;
  /** What the stored vectors are; null without any. */
  readonly space: EmbeddingSpace | null;
  readonly embedder: {
    readonly state: "none" | "ready" | "unavailable" | "mismatch";
    readonly reason?: string;
  };
  /** How a hybrid search would be answered now. */
  readonly mode: "hybrid" | "lexical";
}

export interface Library {
  readonly store: RagStore;
  ingest(documents: readonly DocumentInput[], options?: IngestOptions): Promise<readonly IngestResult[]>;
  /** The text of a file's bytes, read in a thread. @throws RagError `FORMAT_BROKEN` */
  parse(bytes: Uint8Array, format: FileFormat, name: string): Promise<ParsedText>;
  search(query: SearchQuery): Promise<SearchAnswer>;
  graph(query: GraphQuery): Promise<GraphAnswer>;
  /** The whole text of a document, put together from its chunks, up to `maxChars`. */
  text(
    id: string,
    maxChars: number,
  ): Promise<
    { readonly document: DocumentInfo; readonly text: string; readonly truncated: boolean } | undefined
  >;
  /** Gives every chunk a vector of the present embedder, and makes it the one that is searched. */
  reembed(options?: ReembedOptions): Promise<ReembedResult>;
  status(): Promise<LibraryStatus>;
  /** Closes the store and the embedder. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const TEXT_PAGE = 100;

/** @throws RangeError when an option is out of range */
export function createLibrary(options: LibraryOptions): Library {
  const { store, embedder, reranker, structureGraph = true, extractor } = options;
  const limits = chunkLimits(options.chunking);
  const dense = createDense(store, embedder);
  const texts = createTextThread();
  const prepare = { ...limits, structureGraph, extractor: extractor?.name ?? "" };
  const close = async (): Promise<void> => {
    await Promise.all([store.close(), embedder?.close(), texts.close()]);
  };
  return {
    store,
    ingest: (documents, given) =>
      ingestDocuments({ store, dense, texts, options: prepare, extractor }, documents, given),
    parse: (bytes, format, name) => texts.parse(bytes, format, name),
    search: (query) => search({ store, dense, reranker }, query),
    graph: (query) => queryGraph(store, query),
    async text(id, maxChars) {
      const document = await store.document(id);
      if (document === undefined) return undefined;
      let text = "";
      let last = 0;
      for (let from = 0; from < document.chunks && text.length <= maxChars; from += TEXT_PAGE)
        for (const chunk of await store.chunksOf(id, from, TEXT_PAGE)) {
          // Between chunks there was nothing but white space; what was imported may say otherwise.
          text += (text === "" ? "" : "\n".repeat(Math.max(0, Math.min(2, chunk.start - last)))) + chunk.text;
          last = chunk.end;
        }
      const truncated = text.length > maxChars;
      return { document, text: truncated ? text.slice(0, maxChars) : text, truncated };
    },
    reembed: (given) => reembed(store, embedder, given),
    async status() {
      const [description, counts, space, state] = await Promise.all([
        store.describe(),
        store.counts(),
        store.space(),
        dense.state(),
      ]);
      const mode = state.state === "ready" && counts.embedded > 0 ? "hybrid" : "lexical";
      return { store: description, ...counts, space: space ?? null, embedder: state, mode };
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
