// A graph for nothing: documents, their sections, what they link to and what they import. The entities of a document are
// named by its uri, so that a link from one document and the document itself meet.
import { posix } from "node:path";
import { markdownBlocks } from "../chunk/blocks.ts";
import type { TextFormat } from "../chunk/chunk.ts";
import type { DocumentGraph, EntityKey, StoredChunk, StoredEntity, StoredRelation } from "../store/store.ts";

export interface StructureInput {
  readonly uri: string;
  readonly title: string;
  readonly format: TextFormat;
  readonly chunks: readonly StoredChunk[];
}

const MAX_ENTITIES = 500;
const MAX_NAME = 300;
const LINK = /\[[^\]]*\]\(\s*<?([^)\s>]+)>?(?:\s+["'][^)]*)?\)/g;
const IMPORTS: readonly RegExp[] = [
  /\b(?:import|export)\b[^;'"`]*?\bfrom\s*["']([^"']+)["']/g,
  /\bimport\s*\(?\s*["']([^"']+)["']/g,
  /\brequire\(\s*["']([^"']+)["']\s*\)/g,
  /^\s*from\s+([\w.]+)\s+import\b/gm,
  /^\s*import\s+([\w.]+)(?:\s+as\s+\w+)?\s*$/gm,
  /^\s*#include\s+[<"]([^>"]+)[>"]/gm,
  /^\s*use\s+([\w:]+)/gm,
];

export function structureGraph({ uri, title, format, chunks }: StructureInput): DocumentGraph {
  const self: EntityKey = { name: uri.slice(0, MAX_NAME), kind: "document" };
  const entities = new Map<string, StoredEntity>();
  const relations = new Map<string, StoredRelation>();
  const mentions = new Map<string, { chunk: number; entity: EntityKey }>();
  const add = (entity: EntityKey, observations: readonly string[] = []): void => {
    const key = `${entity.kind}\n${entity.name}`;
    if (!entities.has(key)) entities.set(key, { ...entity, observations });
  };
  const relate = (to: EntityKey, type: string, chunk: number): void => {
    if (to.name === "" || entities.size >= MAX_ENTITIES) return;
    add(to);
    relations.set(`${type}\n${to.kind}\n${to.name}`, { from: self, to, type });
    mentions.set(`${chunk}\n${to.kind}\n${to.name}`, { chunk, entity: to });
  };

  add(self, title === "" || title === uri ? [] : [title]);
  // A document mentions itself where it begins.
  if (chunks.length > 0) mentions.set("self", { chunk: 0, entity: self });
  for (const [at, chunk] of chunks.entries()) {
    if (format === "markdown") {
      const above = chunk.heading.split(" > ").filter((heading) => heading !== "");
      // Short sections share a chunk, whose own heading is what they have in common.
      const headings = new Set([...above, ...headingsIn(chunk.text)].filter((heading) => heading !== title));
      for (const heading of headings)
        relate({ name: heading.slice(0, MAX_NAME), kind: "section" }, "has_section", at);
      for (const [, target = ""] of chunk.text.matchAll(LINK)) {
        const resolved = resolveLink(uri, target);
        if (resolved !== undefined) relate({ name: resolved, kind: kindOf(resolved) }, "links_to", at);
      }
    }
    if (format === "code")
      for (const pattern of IMPORTS)
        for (const [, target = ""] of chunk.text.matchAll(pattern)) {
          const relative = target.startsWith(".") && /^[./]+[\w-]/.test(target);
          const name = relative ? (resolveLink(uri, target) ?? target) : target;
          relate({ name: name.slice(0, MAX_NAME), kind: relative ? "document" : "module" }, "imports", at);
        }
  }
  return {
    entities: [...entities.values()],
    relations: [...relations.values()],
    mentions: [...mentions.values()],
  };
}

function headingsIn(markdown: string): readonly string[] {
  return markdownBlocks(markdown).flatMap(({ kind, headings }) =>
    kind === "heading" ? headings.slice(-1) : [],
  );
}

/** Where a link leads, seen from the document; undefined for anchors within it. */
function resolveLink(uri: string, target: string): string | undefined {
  const [path = ""] = target.split("#");
  if (path === "" || /^(mailto|javascript|data):/i.test(path)) return undefined;
  if (/^[a-z][a-z\d+.-]*:/i.test(path)) return path.slice(0, MAX_NAME);
  try {
    return new URL(path, uri).href.slice(0, MAX_NAME);
  } catch {
    return posix.join(posix.dirname(uri), path).slice(0, MAX_NAME);
  }
}

function kindOf(target: string): string {
  return /^https?:/i.test(target) ? "url" : "document";
}
