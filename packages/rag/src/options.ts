// The options that the server and every command have in common: which store, which embeddings, which chunks. Each can be
// given by an environment variable, so that an MCP client's configuration can carry it.
import type { Embedder } from "./embed/embedder.ts";
import { RagError } from "./errors.ts";
import { createLlmExtractor, type GraphExtractor } from "./graph/extract.ts";
import { createLibrary, type Library } from "./library/library.ts";
import type { Reranker } from "./rerank/reranker.ts";
import { openStore } from "./store/open-store.ts";
import type { Language } from "./store/terms.ts";

const DEFAULT_STORE = ".fairlead/rag.sqlite";

/** For `node:util`'s `parseArgs`. */
export const libraryFlags = {
  store: { type: "string" },
  language: { type: "string" },
  "embed-url": { type: "string" },
  "embed-model": { type: "string" },
  "document-prefix": { type: "string" },
  "query-prefix": { type: "string" },
  "chunk-chars": { type: "string" },
  "extract-model": { type: "string" },
  "rerank-url": { type: "string" },
  "rerank-model": { type: "string" },
} as const;

export const libraryFlagsHelp = `  --store <file|url>        SQLite file, or postgres://…        FAIRLEAD_RAG_STORE, default ${DEFAULT_STORE}
  --embed-url <url>         OpenAI-compatible endpoint(s)       FAIRLEAD_RAG_EMBED_URL, separated by commas
  --embed-model <name>      embedding model; without: by words  FAIRLEAD_RAG_EMBED_MODEL
  --document-prefix <text>  before each document text           FAIRLEAD_RAG_DOCUMENT_PREFIX, default: the model's own
  --query-prefix <text>     before each query                   FAIRLEAD_RAG_QUERY_PREFIX, default: the model's own
  --chunk-chars <number>    longest chunk, default 1500         FAIRLEAD_RAG_CHUNK_CHARS
  --language <name>         english, simple or trigram (new stores)  FAIRLEAD_RAG_LANGUAGE
  --extract-model <name>    chat model that reads entities out of texts; off by default
  --rerank-url <url>        endpoint that puts the best hits in order   FAIRLEAD_RAG_RERANK_URL, off by default
  --rerank-model <name>     its model                           FAIRLEAD_RAG_RERANK_MODEL`;

export type LibraryFlagValues = { readonly [K in keyof typeof libraryFlags]?: string | undefined };
type Environment = Readonly<Record<string, string | undefined>>;

/** Opens the library that the flags, or else the environment, describe. @throws RagError */
export async function openLibrary(flags: LibraryFlagValues, env: Environment): Promise<Library> {
  const value = (flag: keyof LibraryFlagValues): string | undefined => {
    const given = flags[flag] ?? env[`FAIRLEAD_RAG_${flag.toUpperCase().replaceAll("-", "_")}`];
    return given === undefined || given === "" ? undefined : given;
  };
  const chunkChars = value("chunk-chars");
  const chunking = chunkChars === undefined ? {} : { maxChars: Number(chunkChars) };
  const language = languageOf(value("language"));
  const hosts = (value("embed-url") ?? "http://127.0.0.1:1234/v1").split(",");
  const apiToken = env["FAIRLEAD_RAG_EMBED_TOKEN"];
  const embedder = await embedderOf(value, hosts, apiToken);
  const extractor = await extractorOf(value("extract-model"), hosts, apiToken);
  try {
    const reranker = await rerankerOf(value, env["FAIRLEAD_RAG_RERANK_TOKEN"]);
    const store = await openStore(value("store") ?? DEFAULT_STORE, { language });
    return createLibrary({ store, embedder, extractor, reranker, chunking });
  } catch (error) {
    await embedder?.close();
    throw error instanceof RangeError ? new RagError("INVALID_INPUT", error.message) : error;
  }
}

// The client of endpoints is half of what a start would load; it is loaded only where there is one.

async function extractorOf(
  model: string | undefined,
  hosts: readonly string[],
  apiToken: string | undefined,
): Promise<GraphExtractor | undefined> {
  if (model === undefined) return undefined;
  const { createLmStudioClient } = await import("@fairlead/lmstudio");
  const client = createLmStudioClient({ hosts, ...(apiToken === undefined ? {} : { apiToken }) });
  return createLlmExtractor({ client, model });
}

async function embedderOf(
  value: (flag: keyof LibraryFlagValues) => string | undefined,
  hosts: readonly string[],
  apiToken: string | undefined,
): Promise<Embedder | undefined> {
  const model = value("embed-model");
  if (model === undefined) {
    if (value("embed-url") === undefined || value("extract-model") !== undefined) return undefined;
    throw new RagError(
      "INVALID_INPUT",
      "--embed-url is given without --embed-model or --extract-model: name a model.",
    );
  }
  const { createEmbedder } = await import("./embed/embedder.ts");
  return createEmbedder({
    ...{ model, hosts, apiToken },
    ...{ documentPrefix: value("document-prefix"), queryPrefix: value("query-prefix") },
  });
}

async function rerankerOf(
  value: (flag: keyof LibraryFlagValues) => string | undefined,
  apiToken: string | undefined,
): Promise<Reranker | undefined> {
  const url = value("rerank-url");
  if (url === undefined) return undefined;
  const { createReranker } = await import("./rerank/reranker.ts");
  return createReranker({ url, model: value("rerank-model"), apiToken });
}

function languageOf(name: string | undefined): Language | undefined {
  if (name === undefined || name === "english" || name === "simple" || name === "trigram") return name;
  throw new RagError("INVALID_INPUT", `--language must be english, simple or trigram, got "${name}".`);
}
