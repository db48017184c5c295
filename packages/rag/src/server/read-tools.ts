// Tools that only read. A pool may send such a call to any replica, and repeat it on another one.
import type { McpServer, ServerContext } from "@modelcontextprotocol/server";
import type { z } from "zod";
import { RagError } from "../errors.ts";
import type { SearchFilter } from "../store/store.ts";
import { bounded, boundedNodes, chunkFields, failureOf, resultOf } from "./results.ts";
import {
  fetchInput,
  fetchOutput,
  graphInput,
  graphOutput,
  listInput,
  listOutput,
  plainSearchInput,
  plainSearchOutput,
  searchInput,
  searchOutput,
  statusOutput,
} from "./schemas.ts";
import type { ServerLibrary } from "./server-library.ts";

const annotations = { readOnlyHint: true, idempotentHint: true, openWorldHint: false } as const;
const MAX_FETCHED_CHARS = 200_000;
const SNIPPET_CHARS = 400;

export function registerReadTools(server: McpServer, { library, folders }: ServerLibrary): void {
  const search = async (
    mode: "hybrid" | "vector",
    input: z.output<typeof searchInput>,
    { mcpReq }: ServerContext,
  ) => {
    const { query, context, maxResults, threshold, diversity, maxChars } = input;
    const { hits, ...answer } = await library.search({
      ...{ query, context, mode, limit: maxResults, threshold, diversity },
      filter: filterOf(input),
      signal: mcpReq.signal,
    });
    const results = hits.map(({ chunk, rank, score, similarity }) => ({
      ...chunkFields(chunk, rank, score),
      similarity,
    }));
    const { items, truncated } = bounded(results, maxChars);
    return resultOf({ ...answer, truncated, results: items });
  };

  server.registerTool(
    "hybrid_search",
    {
      title: "Search by words and meaning",
      description:
        "Finds passages by their words (BM25) and their meaning (vectors), fused by rank. The best first choice.",
      inputSchema: searchInput,
      outputSchema: searchOutput,
      annotations,
    },
    (input, context) => search("hybrid", input, context).catch(failureOf),
  );
  server.registerTool(
    "vector_search",
    {
      title: "Search by meaning",
      description:
        "Finds passages by meaning alone. Without an embedding model it searches by words, and says so in mode.",
      inputSchema: searchInput,
      outputSchema: searchOutput,
      annotations,
    },
    (input, context) => search("vector", input, context).catch(failureOf),
  );
  server.registerTool(
    "graph_query",
    {
      title: "Follow relations",
      description:
        "Finds entities (documents, sections, modules, people, ...) by name or words, follows their relations up to 3 hops, and returns nodes, edges and the passages that mention them.",
      inputSchema: graphInput,
      outputSchema: graphOutput,
      annotations,
    },
    async (input, { mcpReq }) => {
      try {
        const { query, entities, relationTypes, direction, depth, maxResults, threshold, maxChars } = input;
        const answer = await library.graph({
          ...{ query, entities, relationTypes, direction, depth, limit: maxResults },
          filter: filterOf(input),
          signal: mcpReq.signal,
        });
        const results = answer.chunks.map(({ chunk, score, mentions }, at) => ({
          ...chunkFields(chunk, at + 1, score),
          mentions,
        }));
        const cut = bounded(results, maxChars);
        const { nodes, truncated } = boundedNodes(answer.nodes, maxChars);
        return resultOf({
          ...{ nodes, edges: answer.edges, results: cut.items, scoreKind: "hop-decay" },
          thresholdApplied: threshold === 0,
          truncated: answer.truncated || truncated || cut.truncated,
        });
      } catch (error) {
        return failureOf(error);
      }
    },
  );
  server.registerTool(
    "list_sources",
    {
      title: "List documents",
      description: "Lists the documents of the library, in pages.",
      inputSchema: listInput,
      outputSchema: listOutput,
      annotations,
    },
    async ({ collection, uriPrefix, cursor, limit }) => {
      try {
        const after = cursor === undefined ? undefined : positionOf(cursor);
        const sources = await library.store.documents({ collection, uriPrefix, after, limit });
        const last = sources.length === limit ? sources.at(-1) : undefined;
        return resultOf({
          sources: sources.map(({ hash: _hash, fingerprint: _fingerprint, ...source }) => source),
          ...(last === undefined ? {} : { nextCursor: cursorOf(last) }),
        });
      } catch (error) {
        return failureOf(error);
      }
    },
  );
  server.registerTool(
    "status",
    {
      title: "State of the library",
      description: "Says how many documents there are, how they are searched, and what is missing.",
      outputSchema: statusOutput,
      annotations,
    },
    async () => {
      try {
        return resultOf({ ...(await library.status()), folders: folders() });
      } catch (error) {
        return failureOf(error);
      }
    },
  );
  server.registerTool(
    "search",
    {
      title: "Search",
      description:
        "Returns documents that answer the query: id, title, url and a snippet. Give an id to fetch for the text.",
      inputSchema: plainSearchInput,
      outputSchema: plainSearchOutput,
      annotations,
    },
    async ({ query }, { mcpReq }) => {
      try {
        const { hits } = await library.search({ query, limit: 30, signal: mcpReq.signal });
        const results = new Map<string, { id: string; title: string; url: string; text: string }>();
        for (const { chunk } of hits) {
          const { id, title, uri } = chunk.document;
          if (!results.has(id))
            results.set(id, { id, title, url: uri, text: chunk.text.slice(0, SNIPPET_CHARS) });
        }
        return resultOf({ results: [...results.values()].slice(0, 10) });
      } catch (error) {
        return failureOf(error);
      }
    },
  );
  server.registerTool(
    "fetch",
    {
      title: "Fetch a document",
      description: "Returns the whole text of a document that search found, or one chunk of it.",
      inputSchema: fetchInput,
      outputSchema: fetchOutput,
      annotations,
    },
    async ({ id }) => {
      try {
        const [documentId = "", ordinal] = id.split("#");
        const found = await library.text(documentId, MAX_FETCHED_CHARS);
        const chunk =
          ordinal === undefined
            ? undefined
            : (await library.store.chunksOf(documentId, Number(ordinal), 1))[0];
        if (found === undefined || (ordinal !== undefined && chunk === undefined))
          throw new RagError(
            "NOT_FOUND",
            `There is no document ${id}; take an id from search or list_sources.`,
            { id },
          );
        const { title, uri: url, metadata } = found.document;
        const text = chunk?.text ?? found.text;
        return resultOf({
          id,
          title,
          text,
          url,
          metadata: { ...metadata, ...(found.truncated ? { truncated: true } : {}) },
        });
      } catch (error) {
        return failureOf(error);
      }
    },
  );
}

function filterOf({ collection, uriPrefix, documentIds, metadata }: SearchFilter): SearchFilter {
  return { collection, uriPrefix, documentIds, metadata };
}

function cursorOf({ collection, uri }: { readonly collection: string; readonly uri: string }): string {
  return Buffer.from(JSON.stringify([collection, uri])).toString("base64url");
}

function positionOf(cursor: string): { readonly collection: string; readonly uri: string } {
  try {
    const [collection, uri] = JSON.parse(Buffer.from(cursor, "base64url").toString("utf8")) as unknown[];
    if (typeof collection === "string" && typeof uri === "string") return { collection, uri };
  } catch {
    // Falls through to the complaint.
  }
  throw new RagError(
    "INVALID_INPUT",
    "The cursor is not one of list_sources: take nextCursor of the page before as it is.",
  );
}
