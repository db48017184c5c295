// Hits out of whatever a tool returns: structured content first, then text that is JSON, then `<entry>` elements, and at
// last plain text, which is one hit. Everything read here was written by others.

import type { GraphEdge, GraphNode } from "../graph/query.ts";
import type { ScoreKind } from "./answer.ts";

/** A result of `tools/call`. */
export interface ToolResult {
  readonly content?: readonly { readonly type?: string; readonly text?: string }[] | undefined;
  readonly structuredContent?: unknown;
  readonly isError?: boolean | undefined;
}

export interface FoundText {
  readonly text: string;
  readonly id: string | null;
  readonly title: string | null;
  readonly uri: string | null;
  readonly score: number | null;
  /** Where the hit itself says what its score is. */
  readonly scoreKind?: ScoreKind | undefined;
  readonly metadata: Readonly<Record<string, unknown>>;
}

export interface ReadResult {
  readonly hits: readonly FoundText[];
  readonly graph: { readonly nodes: readonly GraphNode[]; readonly edges: readonly GraphEdge[] };
  /** What the server itself says about the threshold, if it does. */
  readonly thresholdApplied: boolean | undefined;
}

const LISTS = ["results", "hits", "matches", "documents", "chunks", "items", "sources", "data"];
const TEXTS = ["text", "content", "snippet", "document", "pageContent", "page_content", "body", "chunk"];
const MAX_HITS = 1_000;

export function readToolResult(
  result: ToolResult,
  read: ((value: unknown) => readonly FoundText[] | undefined) | undefined,
): ReadResult {
  const texts = (result.content ?? []).flatMap(({ text }) => (typeof text === "string" ? [text] : []));
  const value = result.structuredContent ?? jsonOf(texts);
  const hits = read?.(value) ?? (value === undefined ? textHits(texts) : hitsOf(value));
  const object = isObject(value) ? value : {};
  return {
    hits: hits.filter(({ text }) => text.trim() !== "").slice(0, MAX_HITS),
    graph: {
      nodes: objectsOf(object["nodes"]) as unknown as readonly GraphNode[],
      edges: objectsOf(object["edges"]) as unknown as readonly GraphEdge[],
    },
    thresholdApplied:
      typeof object["thresholdApplied"] === "boolean" ? object["thresholdApplied"] : undefined,
  };
}

/** Chroma's way: columns, one list of each per query. */
export function readColumns(value: unknown): readonly FoundText[] | undefined {
  if (!isObject(value) || !Array.isArray(value["documents"])) return undefined;
  const column = (name: string): readonly unknown[] => {
    const lists = value[name];
    return Array.isArray(lists) && Array.isArray(lists[0]) ? (lists[0] as unknown[]) : [];
  };
  const [ids, metadatas, distances] = [column("ids"), column("metadatas"), column("distances")];
  return column("documents").flatMap((text, at) => {
    const metadata = isObject(metadatas[at]) ? metadatas[at] : {};
    return typeof text === "string"
      ? [{ text, metadata, id: stringOf(ids[at]), ...placeOf(metadata), score: numberOf(distances[at]) }]
      : [];
  });
}

/** The memory server's way: entities with observations, and relations. */
export function readEntities(value: unknown): readonly FoundText[] | undefined {
  if (!isObject(value)) return undefined;
  const relations = objectsOf(value["relations"]);
  return objectsOf(value["entities"]).map((entity) => {
    const name = String(entity["name"]);
    const facts = Array.isArray(entity["observations"]) ? entity["observations"].map(String) : [];
    const lines = relations
      .filter(({ from, to }) => from === name || to === name)
      .map(({ from, relationType, to }) => `${String(from)} ${String(relationType)} ${String(to)}`);
    const kind = stringOf(entity["entityType"]) ?? "entity";
    const text = [`${name} (${kind})`, ...facts, ...lines].join("\n");
    return { text, id: name, title: name, uri: null, score: null, metadata: { kind } };
  });
}

function hitsOf(value: unknown): readonly FoundText[] {
  if (typeof value === "string") return textHits([value]);
  const list = Array.isArray(value)
    ? value
    : isObject(value)
      ? LISTS.map((name) => value[name]).find((candidate) => Array.isArray(candidate))
      : undefined;
  if (list !== undefined) return (list as unknown[]).flatMap(hitOf);
  return isObject(value) ? hitOf(value) : [];
}

function hitOf(item: unknown): readonly FoundText[] {
  if (typeof item === "string") return [plain(item)];
  if (!isObject(item)) return [];
  const text = TEXTS.map((name) => item[name]).find((candidate) => typeof candidate === "string");
  if (typeof text !== "string") return [];
  const metadata = isObject(item["metadata"]) ? item["metadata"] : {};
  const similarity = numberOf(item["similarity"]);
  const score = similarity ?? numberOf(item["score"]) ?? numberOf(item["distance"]);
  // A server that has a place for similarities, and leaves it empty, scored in another way.
  const scoreKind = similarity === null && "similarity" in item ? "rank" : undefined;
  return [
    {
      ...{ text, metadata, score, scoreKind },
      id: stringOf(item["id"]) ?? stringOf(item["docid"]) ?? null,
      ...placeOf({ ...metadata, ...item }),
    },
  ];
}

function textHits(texts: readonly string[]): readonly FoundText[] {
  const entries = texts.flatMap((text) =>
    [...text.matchAll(/<entry>([\s\S]*?)<\/entry>/g)].map(([, entry = ""]) => entry),
  );
  if (entries.length === 0) return texts.length === 0 ? [] : [plain(texts.join("\n"))];
  return entries.map((entry) => {
    const part = (name: string): string | undefined =>
      new RegExp(`<${name}>([\\s\\S]*?)</${name}>`).exec(entry)?.[1];
    const parsed = jsonOf([part("metadata") ?? ""]);
    const metadata = isObject(parsed) ? parsed : {};
    return { ...plain(part("content") ?? entry), metadata, ...placeOf(metadata) };
  });
}

function placeOf(item: Readonly<Record<string, unknown>>): Pick<FoundText, "title" | "uri"> {
  const place = ["uri", "url", "source", "filePath", "file", "path"].map((name) => stringOf(item[name]));
  return { title: stringOf(item["title"]), uri: place.find((value) => value !== null) ?? null };
}

function plain(text: string): FoundText {
  return { text, id: null, title: null, uri: null, score: null, metadata: {} };
}

function jsonOf(texts: readonly string[]): unknown {
  const [text, ...others] = texts;
  if (text === undefined || others.length > 0 || !/^\s*[[{]/.test(text)) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function objectsOf(value: unknown): readonly Readonly<Record<string, unknown>>[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function stringOf(value: unknown): string | null {
  return typeof value === "string" || typeof value === "number" ? String(value) : null;
}

function numberOf(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}
