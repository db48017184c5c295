// The section `rag`: libraries of documents, each served by replicas of `fairlead-rag` as one pool.
import type { PoolConfig, ReplicasConfig } from "@fairlead/aggregator";
import { replicasSchema } from "@fairlead/aggregator/schema";
import { z } from "zod";
import type { LmStudioSettings } from "./lm-studio.ts";
import { hostsSchema, type OwnPoolOptions, ownPoolSchema, programOf } from "./own-programs.ts";

export interface RagSettings {
  readonly store?: string | undefined;
  readonly roots: readonly string[];
  readonly sync: "watch" | "start" | "off";
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly collection?: string | undefined;
  readonly language?: "english" | "simple" | "trigram" | undefined;
  readonly chunkChars?: number | undefined;
  readonly embeddings?: EmbeddingSettings | undefined;
  readonly reranking?: RerankingSettings | undefined;
  readonly extractModel?: string | undefined;
  readonly replicas: ReplicasConfig;
  readonly pool?: OwnPoolOptions | undefined;
}

interface EmbeddingSettings {
  readonly model: string;
  readonly hosts?: readonly string[] | undefined;
  readonly apiToken?: string | undefined;
  readonly documentPrefix?: string | undefined;
  readonly queryPrefix?: string | undefined;
}

interface RerankingSettings {
  readonly url: string;
  readonly model?: string | undefined;
  readonly apiToken?: string | undefined;
}

const text = z.string().min(1);

export const ragLibrary: z.ZodType<RagSettings> = z.strictObject({
  store: text
    .optional()
    .describe(
      "An SQLite file, or postgres://… with the password as a reference. Default: .fairlead/<namespace>.sqlite",
    ),
  roots: z.array(text).default([]).describe("Folders that files may be ingested from"),
  sync: z
    .enum(["watch", "start", "off"])
    .default("watch")
    .describe("Whether the library follows its roots: always, at each start, or not at all. Default: watch"),
  include: z.array(text).default([]).describe("Globs of the files to follow. Default: all that can be read"),
  exclude: z.array(text).default([]).describe("Globs of files and folders that are left out"),
  collection: text.optional().describe("Collection that these files get. Default: default"),
  language: z
    .enum(["english", "simple", "trigram"])
    .optional()
    .describe("How a new store cuts text into terms. Default: english"),
  chunkChars: z.number().int().min(1).optional().describe("Longest chunk, in characters. Default: 1500"),
  embeddings: z
    .strictObject({
      model: text.describe("The embedding model"),
      hosts: hostsSchema.optional().describe("OpenAI-compatible endpoints. Default: those of lmStudio"),
      apiToken: z
        .string()
        .optional()
        .describe(
          "What the endpoints ask for, only as a reference. Default: that of lmStudio, with its hosts",
        ),
      documentPrefix: z
        .string()
        .optional()
        .describe("Put before each document text. Default: the model's own"),
      queryPrefix: z.string().optional().describe("Put before each query. Default: the model's own"),
    })
    .optional()
    .describe("Compares meanings as well. Default: searches go by words"),
  reranking: z
    .strictObject({
      url: z
        .url({ protocol: /^https?$/, error: "must be a URL that begins with http:// or https://" })
        .describe("Base URL of the endpoint, with or without /v1"),
      model: text.optional().describe("The reranking model. Default: the one that the endpoint has"),
      apiToken: z.string().optional().describe("What the endpoint asks for, only as a reference"),
    })
    .optional()
    .describe("Puts the best hits in order. Default: none"),
  extractModel: text
    .optional()
    .describe("Chat model that reads entities and relations out of each chunk. Default: none"),
  replicas: replicasSchema
    .default({ min: 2 })
    .describe(
      "How many processes serve it, all on the same store; a number, or as many as it takes. Default: 2",
    ),
  pool: ownPoolSchema,
});

export function ragPool(
  namespace: string,
  settings: RagSettings,
  lmStudio: LmStudioSettings | undefined,
): Omit<PoolConfig, "namespace"> {
  const { store, roots, sync, include, exclude, collection, language, chunkChars } = settings;
  const { embeddings, reranking, extractModel, replicas, pool } = settings;
  const { hosts, apiToken } = embeddings?.hosts === undefined ? (lmStudio ?? {}) : embeddings;
  const usesModels = embeddings !== undefined || extractModel !== undefined;
  const flags = [
    ...roots.map((root) => `--root=${root}`),
    ...(roots.length === 0 || sync === "off" ? [] : [sync === "watch" ? "--watch" : "--sync"]),
    ...include.map((glob) => `--include=${glob}`),
    ...exclude.map((glob) => `--exclude=${glob}`),
    ...(collection === undefined ? [] : [`--collection=${collection}`]),
  ];
  const variables: Readonly<Record<string, string | number | undefined>> = {
    FAIRLEAD_RAG_STORE: store ?? `.fairlead/${namespace}.sqlite`,
    FAIRLEAD_RAG_LANGUAGE: language,
    FAIRLEAD_RAG_CHUNK_CHARS: chunkChars,
    FAIRLEAD_RAG_EMBED_MODEL: embeddings?.model,
    FAIRLEAD_RAG_EMBED_URL: usesModels ? hosts?.join(",") : undefined,
    FAIRLEAD_RAG_EMBED_TOKEN: usesModels ? (embeddings?.apiToken ?? apiToken) : undefined,
    FAIRLEAD_RAG_DOCUMENT_PREFIX: embeddings?.documentPrefix,
    FAIRLEAD_RAG_QUERY_PREFIX: embeddings?.queryPrefix,
    FAIRLEAD_RAG_RERANK_URL: reranking?.url,
    FAIRLEAD_RAG_RERANK_MODEL: reranking?.model,
    FAIRLEAD_RAG_RERANK_TOKEN: reranking?.apiToken,
    FAIRLEAD_RAG_EXTRACT_MODEL: extractModel,
  };
  return { ...pool, upstreams: [{ ...programOf("fairlead-rag", namespace, flags, variables), replicas }] };
}
