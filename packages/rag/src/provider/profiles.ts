// The servers that are known, recognised by their tools, and a guess for those that are not.
import { termsOf } from "../store/terms.ts";
import { CAPABILITIES, type Capability } from "./config.ts";
import type { ProfileQuery, ServerProfile, ToolDescription, ToolUse } from "./profile.ts";
import { readColumns, readEntities } from "./read-result.ts";

const MAX_TERM_CALLS = 5;

const referenceArguments = ({ query, maxResults, threshold, collection }: ProfileQuery) => ({
  ...{ query, maxResults, threshold },
  ...(collection === undefined ? {} : { collection }),
});

const reference: ServerProfile = {
  name: "fairlead-rag",
  uses: Object.fromEntries(
    CAPABILITIES.map((tool): [Capability, ToolUse] => [
      tool,
      {
        tool,
        arguments: (query) => ({
          ...referenceArguments(query),
          ...(tool === "graph_query" || query.context === "" ? {} : { context: query.context }),
        }),
        scoreKind: tool === "graph_query" ? "rank" : "similarity",
      },
    ]),
  ),
};

/** https://github.com/qdrant/mcp-server-qdrant: no limit to ask for, and no scores. */
const qdrant: ServerProfile = {
  name: "mcp-server-qdrant",
  uses: {
    vector_search: {
      tool: "qdrant-find",
      arguments: ({ query, collection }) => ({
        query,
        ...(collection === undefined ? {} : { collection_name: collection }),
      }),
      scoreKind: "none",
    },
  },
};

/** https://github.com/chroma-core/chroma-mcp: distances of a kind that the collection chose. */
const chroma: ServerProfile = {
  name: "chroma-mcp",
  uses: {
    vector_search: {
      tool: "chroma_query_documents",
      arguments: ({ query, maxResults, collection = "default" }) => ({
        ...{ collection_name: collection, query_texts: [query], n_results: maxResults },
        include: ["documents", "metadatas", "distances"],
      }),
      scoreKind: "distance",
      read: readColumns,
    },
  },
};

/** https://github.com/shinpr/mcp-local-rag: 0 is the best score. */
const localRag: ServerProfile = {
  name: "mcp-local-rag",
  uses: {
    hybrid_search: {
      tool: "query_documents",
      arguments: ({ query, maxResults }) => ({ query, limit: Math.min(20, maxResults) }),
      scoreKind: "distance",
    },
  },
};

/** https://github.com/tobi/qmd: scores between 0 and 1 that are blended from ranks, so no threshold is passed on. */
const qmd: ServerProfile = {
  name: "qmd",
  uses: {
    hybrid_search: {
      tool: "query",
      arguments: ({ query, maxResults, collection }) => ({
        ...{
          searches: [
            { type: "lex", query },
            { type: "vec", query },
          ],
          limit: maxResults,
        },
        ...(collection === undefined ? {} : { collections: [collection] }),
      }),
      scoreKind: "rank",
    },
  },
};

/** The contract of ChatGPT's connectors. */
const searchAndFetch: ServerProfile = {
  name: "search/fetch",
  uses: { hybrid_search: { tool: "search", arguments: ({ query }) => ({ query }), scoreKind: "rank" } },
};

/** The reference server of a knowledge graph: it looks for its query as it stands, so it is asked word by word. */
const memory: ServerProfile = {
  name: "memory",
  uses: {
    graph_query: {
      tool: "search_nodes",
      arguments: ({ query }) =>
        [...new Set(termsOf(query, "english"))].slice(0, MAX_TERM_CALLS).map((term) => ({ query: term })),
      scoreKind: "none",
      read: readEntities,
    },
  },
};

const KNOWN: readonly { readonly profile: ServerProfile; readonly tools: readonly string[] }[] = [
  { profile: qdrant, tools: ["qdrant-find"] },
  { profile: chroma, tools: ["chroma_query_documents"] },
  { profile: localRag, tools: ["query_documents", "read_chunk_neighbors"] },
  { profile: qmd, tools: ["query", "multi_get", "status"] },
  { profile: memory, tools: ["search_nodes", "open_nodes"] },
];

/** Tools that only read, whatever their annotations say or leave out: a query may be repeated on another replica. */
export const QUERY_TOOL_NAMES: readonly string[] = [
  ...[reference, ...KNOWN.map(({ profile }) => profile), searchAndFetch].flatMap(({ uses }) =>
    Object.values(uses).map(({ tool }) => tool),
  ),
];

/** Undefined when none of the tools looks like a search. */
export function detectProfile(
  tools: readonly ToolDescription[],
  wanted: readonly Capability[] | undefined,
): ServerProfile | undefined {
  const has = (name: string): boolean => tools.some((tool) => tool.name === name);
  const own = CAPABILITIES.filter(has);
  if (own.length > 0)
    return {
      name: reference.name,
      uses: Object.fromEntries(own.map((capability) => [capability, reference.uses[capability]])),
    };
  const known = KNOWN.find(({ tools: names }) => names.every(has))?.profile;
  if (known !== undefined) return known;
  if (has("search") && has("fetch")) return searchAndFetch;
  return guess(tools, wanted?.[0] ?? "hybrid_search");
}

const QUERY_NAMES = ["query", "query_texts", "question", "q", "search_query", "text"];
const LIMIT_NAMES = ["limit", "maxResults", "max_results", "top_k", "topK", "n_results", "k", "count"];

/** A tool whose name speaks of searching and that takes a text. */
function guess(tools: readonly ToolDescription[], capability: Capability): ServerProfile | undefined {
  const candidates = tools
    .filter(
      ({ name }) =>
        /search|query|retriev|find|lookup|ask/i.test(name) &&
        !/delete|write|store|add|create|update/i.test(name),
    )
    .flatMap(({ name, inputSchema }) => {
      const properties = Object.keys(inputSchema?.properties ?? {});
      const text = QUERY_NAMES.find((candidate) => properties.includes(candidate));
      const limit = LIMIT_NAMES.find((candidate) => properties.includes(candidate));
      return text === undefined ? [] : [{ name, text, limit }];
    });
  const [best] = candidates;
  if (best === undefined) return undefined;
  const { name, text, limit } = best;
  return {
    name: `guessed from ${name}`,
    uses: {
      [capability]: {
        tool: name,
        arguments: ({ query, maxResults }: ProfileQuery) => ({
          [text]: text === "query_texts" ? [query] : query,
          ...(limit === undefined ? {} : { [limit]: maxResults }),
        }),
        scoreKind: "rank",
      } satisfies ToolUse,
    },
  };
}
