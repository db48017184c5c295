// What the tools take and give. Descriptions are written for the language model that reads them.
import { z } from "zod";

/**
 * A schema that is ready: turned into JSON Schema, and its parser compiled, while the server starts. Servers are made per request,
 * and would do the former each time.
 */
function ready<T extends z.ZodType>(schema: T): T {
  const standard = schema["~standard"];
  const { input, output } = standard.jsonSchema;
  const once = (convert: typeof input): typeof input => {
    const target = "draft-2020-12";
    const converted = convert({ target });
    return (options) => (options.target === target ? converted : convert(options));
  };
  Object.defineProperty(schema, "~standard", {
    value: { ...standard, jsonSchema: { input: once(input), output: once(output) } },
  });
  schema.safeParse({});
  return schema;
}

const metadata = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]));

const filterFields = {
  collection: z.string().min(1).optional().describe("Only documents of this collection."),
  uriPrefix: z.string().min(1).optional().describe("Only documents whose uri starts with this."),
  documentIds: z.array(z.string()).max(1_000).optional().describe("Only these documents."),
  metadata: metadata.optional().describe("Only documents whose metadata has these values."),
};

const maxChars = z
  .number()
  .int()
  .min(200)
  .max(200_000)
  .default(20_000)
  .describe("Most characters of text in all results together.");

export const searchInput = ready(
  z.object({
    query: z.string().min(1).max(10_000).describe("What to look for, in words."),
    context: z
      .string()
      .max(10_000)
      .optional()
      .describe("What the question is about; steers the search by meaning only."),
    maxResults: z.number().int().min(1).max(100).default(10).describe("Most results."),
    threshold: z
      .number()
      .min(0)
      .max(1)
      .default(0)
      .describe(
        "Least cosine similarity, inclusive. The answer says in thresholdApplied whether it could be applied.",
      ),
    diversity: z
      .number()
      .min(0)
      .max(1)
      .default(0)
      .describe("0: the best; towards 1: less alike (maximal marginal relevance)."),
    ...filterFields,
    maxChars,
  }),
);

const resultFields = {
  rank: z.number().int(),
  id: z.string().describe("Of the chunk: <document id>#<position>."),
  documentId: z.string(),
  title: z.string(),
  uri: z.string(),
  heading: z.string(),
  text: z.string(),
  score: z.number(),
  start: z.number().int().describe("Offsets in the document's text."),
  end: z.number().int(),
  collection: z.string(),
  metadata,
};

export const searchOutput = ready(
  z.object({
    mode: z.enum(["hybrid", "vector", "lexical"]).describe("How it was answered."),
    scoreKind: z.enum(["similarity", "bm25", "rrf", "rerank"]),
    thresholdApplied: z.boolean(),
    truncated: z.boolean().describe("Whether maxChars cut something off."),
    notices: z.array(z.string()),
    results: z.array(z.object({ ...resultFields, similarity: z.number().nullable() })),
  }),
);

export const graphInput = ready(
  z.object({
    query: z.string().max(10_000).optional().describe("Words to find entities by."),
    entities: z.array(z.string().min(1)).max(50).optional().describe("Names of entities to begin at."),
    relationTypes: z
      .array(z.string().min(1))
      .max(50)
      .optional()
      .describe("Only along relations of these types."),
    direction: z.enum(["out", "in", "both"]).default("both"),
    depth: z.number().int().min(0).max(3).default(2).describe("Hops from where it begins."),
    maxResults: z.number().int().min(1).max(100).default(20).describe("Most entities, and most chunks."),
    threshold: z
      .number()
      .min(0)
      .max(1)
      .default(0)
      .describe("Taken, but never applied: a graph has no similarities."),
    ...filterFields,
    maxChars,
  }),
);

export const graphOutput = ready(
  z.object({
    nodes: z.array(
      z.object({
        name: z.string(),
        kind: z.string(),
        observations: z.array(z.string()),
        hops: z.number().int(),
        score: z.number(),
      }),
    ),
    edges: z.array(z.object({ from: z.string(), to: z.string(), type: z.string() })),
    results: z.array(z.object({ ...resultFields, mentions: z.array(z.string()) })),
    scoreKind: z.literal("hop-decay"),
    thresholdApplied: z.boolean(),
    truncated: z.boolean(),
  }),
);

const collection = z.string().min(1).max(200).default("default");

export const ingestInput = ready(
  z.object({
    documents: z
      .array(
        z.object({
          text: z.string().min(1),
          uri: z
            .string()
            .min(1)
            .max(2_000)
            .optional()
            .describe("Where it comes from; the same uri replaces."),
          id: z.string().min(1).max(200).optional(),
          title: z.string().max(1_000).optional(),
          mimeType: z
            .string()
            .optional()
            .describe("text/markdown, text/plain, text/html, or a source code type."),
          metadata: metadata.optional(),
        }),
      )
      .min(1)
      .max(1_000),
    collection,
  }),
);

const ingested = z.object({
  id: z.string(),
  uri: z.string(),
  outcome: z.enum(["created", "updated", "unchanged"]),
  chunks: z.number().int(),
  embedded: z.boolean(),
  notice: z.string().optional(),
});

export const ingestOutput = ready(z.object({ results: z.array(ingested) }));

export const ingestFileInput = ready(
  z.object({
    path: z
      .string()
      .min(1)
      .max(4_000)
      .describe("A file below one of the server's folders, absolute or relative to them."),
    collection,
  }),
);

export const deleteInput = ready(
  z.object({
    ids: z.array(z.string()).max(1_000).default([]).describe("Ids of documents."),
    uris: z.array(z.string()).max(1_000).default([]).describe("Or their uris, in the given collection."),
    collection,
  }),
);

export const deleteOutput = ready(z.object({ deleted: z.number().int() }));

const entityKey = z.object({
  name: z.string().min(1).max(300),
  kind: z.string().min(1).max(100).default("concept"),
});

export const upsertInput = ready(
  z.object({
    entities: z
      .array(entityKey.extend({ observations: z.array(z.string().max(2_000)).max(100).default([]) }))
      .max(1_000)
      .default([]),
    relations: z
      .array(z.object({ from: entityKey, to: entityKey, type: z.string().min(1).max(100) }))
      .max(2_000)
      .default([]),
  }),
);

export const upsertOutput = ready(
  z.object({
    entities: z.number().int(),
    relations: z.number().int().describe("Relations that were not there before."),
  }),
);

export const listInput = ready(
  z.object({
    collection: z.string().min(1).optional(),
    uriPrefix: z.string().min(1).optional(),
    cursor: z.string().optional().describe("nextCursor of the page before."),
    limit: z.number().int().min(1).max(500).default(100),
  }),
);

export const listOutput = ready(
  z.object({
    sources: z.array(
      z.object({
        id: z.string(),
        collection: z.string(),
        uri: z.string(),
        title: z.string(),
        mimeType: z.string(),
        chunks: z.number().int(),
        updatedAt: z.string(),
        metadata,
      }),
    ),
    nextCursor: z.string().optional(),
  }),
);

export const statusOutput = ready(
  z.object({
    mode: z.enum(["hybrid", "lexical"]),
    documents: z.number().int(),
    chunks: z.number().int(),
    embedded: z.number().int(),
    entities: z.number().int(),
    relations: z.number().int(),
    space: z
      .object({
        model: z.string(),
        dimension: z.number().int(),
        documentPrefix: z.string(),
        queryPrefix: z.string(),
      })
      .nullable(),
    embedder: z.object({
      state: z.enum(["none", "ready", "unavailable", "mismatch"]),
      reason: z.string().optional(),
    }),
    store: z.object({ kind: z.string(), location: z.string(), engine: z.record(z.string(), z.string()) }),
    folders: z.array(
      z.object({
        root: z.string(),
        state: z.enum(["syncing", "in-step", "failed"]),
        files: z.number().int(),
        message: z.string(),
      }),
    ),
  }),
);

export const plainSearchInput = ready(z.object({ query: z.string().min(1).max(10_000) }));

export const plainSearchOutput = ready(
  z.object({
    results: z.array(z.object({ id: z.string(), title: z.string(), url: z.string(), text: z.string() })),
  }),
);

export const fetchInput = ready(
  z.object({
    id: z.string().min(1).max(400).describe("An id from search, or of a chunk."),
  }),
);

export const fetchOutput = ready(
  z.object({
    id: z.string(),
    title: z.string(),
    text: z.string(),
    url: z.string(),
    metadata,
  }),
);
