// From the library's answers to what tools answer: bounded in length, the same as text and as structured content.
import type { CallToolResult } from "@modelcontextprotocol/server";
import { RagError } from "../errors.ts";
import type { GraphNode } from "../graph/query.ts";
import type { ChunkRecord } from "../store/store.ts";

/** Text first, since not every client reads structured content; both say the same. */
export function resultOf(structuredContent: Record<string, unknown>): CallToolResult {
  return { content: [{ type: "text", text: JSON.stringify(structuredContent) }], structuredContent };
}

/** A failure that the model should read; what is no fault of the request or the store is thrown on. */
export function failureOf(error: unknown): CallToolResult {
  if (!(error instanceof RagError)) throw error;
  return { isError: true, content: [{ type: "text", text: `${error.code}: ${error.message}` }] };
}

export function chunkFields(chunk: ChunkRecord, rank: number, score: number) {
  const { document, ordinal, heading, text, start, end } = chunk;
  const { id, title, uri, collection, metadata } = document;
  return {
    ...{
      rank,
      id: `${id}#${ordinal}`,
      documentId: id,
      title,
      uri,
      heading,
      text,
      score,
      start,
      end,
      collection,
    },
    metadata: { ...metadata },
  };
}

/** Leaves out observations beyond `maxChars`, those of the last nodes first. */
export function boundedNodes(
  nodes: readonly GraphNode[],
  maxChars: number,
): { readonly nodes: readonly GraphNode[]; readonly truncated: boolean } {
  let left = maxChars;
  const fits = (observation: string): boolean => {
    left -= observation.length;
    return left >= 0;
  };
  const kept = nodes.map((node) => ({ ...node, observations: node.observations.filter(fits) }));
  return { nodes: kept, truncated: left < 0 };
}

/** Cuts texts so that all together have at most `maxChars`; those that get nothing are left out. */
export function bounded<T extends { readonly text: string }>(
  items: readonly T[],
  maxChars: number,
): { readonly items: readonly T[]; readonly truncated: boolean } {
  let left = maxChars;
  const kept: T[] = [];
  for (const item of items) {
    if (left <= 0) return { items: kept, truncated: true };
    kept.push(item.text.length <= left ? item : { ...item, text: `${item.text.slice(0, left)}…` });
    left -= item.text.length;
  }
  return { items: kept, truncated: left < 0 };
}
