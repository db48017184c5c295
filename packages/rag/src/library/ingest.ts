// Documents into the store: chunked, embedded as far as that works, with their part of the graph, in transactions of
// bounded size. What was acknowledged is committed; ingesting it again changes nothing.
import type { GraphExtractor } from "../graph/extract.ts";
import type { TextThread } from "../parse/text-thread.ts";
import type { DocumentGraph, RagStore, StoredDocument } from "../store/store.ts";
import type { Dense } from "./dense.ts";
import type { DocumentInput, PrepareOptions } from "./prepare.ts";

export interface IngestOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told after each transaction. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

export interface IngestResult {
  readonly id: string;
  readonly uri: string;
  readonly outcome: "created" | "updated" | "unchanged";
  readonly chunks: number;
  /** Whether all of its chunks have vectors. */
  readonly embedded: boolean;
  /** Why not, if an endpoint is configured. */
  readonly notice?: string | undefined;
}

export interface IngestParts {
  readonly store: RagStore;
  readonly dense: Dense;
  readonly texts: TextThread;
  readonly options: PrepareOptions;
  readonly extractor: GraphExtractor | undefined;
}

const MAX_BATCH_CHUNKS = 500;
const MAX_BATCH_DOCUMENTS = 100;
const MAX_BATCH_CHARS = 1_000_000;

export async function ingestDocuments(
  parts: IngestParts,
  documents: readonly DocumentInput[],
  { signal, onProgress }: IngestOptions = {},
): Promise<readonly IngestResult[]> {
  const results: IngestResult[] = [];
  for (const group of groupsOf(documents, MAX_BATCH_DOCUMENTS, ({ text }) => text.length, MAX_BATCH_CHARS)) {
    signal?.throwIfAborted();
    const prepared = await parts.texts.prepare(group, parts.options);
    for (const batch of groupsOf(
      prepared,
      MAX_BATCH_DOCUMENTS,
      ({ chunks }) => chunks.length,
      MAX_BATCH_CHUNKS,
    )) {
      signal?.throwIfAborted();
      results.push(...(await writeBatch(parts, await extracted(parts, batch, signal), signal)));
      onProgress?.(results.length, documents.length);
    }
  }
  return results;
}

/** Splits a list where a group would get too many members, or too heavy; one that is too heavy alone is a group. */
function groupsOf<T>(
  items: readonly T[],
  most: number,
  weigh: (item: T) => number,
  heaviest: number,
): readonly T[][] {
  const groups: T[][] = [];
  let weight = 0;
  for (const item of items) {
    const group = groups.at(-1);
    const own = weigh(item);
    if (group === undefined || group.length >= most || weight + own > heaviest) {
      groups.push([item]);
      weight = own;
    } else {
      group.push(item);
      weight += own;
    }
  }
  return groups;
}

async function writeBatch(
  { store, dense }: IngestParts,
  batch: readonly StoredDocument[],
  signal: AbortSignal | undefined,
): Promise<readonly IngestResult[]> {
  const hashes = [...new Set(batch.flatMap(({ chunks }) => chunks.map(({ hash }) => hash)))];
  const known = dense.isConfigured ? await store.vectorsByHash(hashes) : new Map<string, Float32Array>();
  const missing = new Map<string, string>();
  for (const { chunks } of batch)
    for (const { hash, heading, text } of chunks)
      if (!known.has(hash)) missing.set(hash, heading === "" ? text : `${heading}\n${text}`);
  const embedded = await dense.documents([...missing.values()], signal);
  const vectors = new Map(known);
  if ("vectors" in embedded)
    for (const [at, hash] of [...missing.keys()].entries()) {
      const vector = embedded.vectors[at];
      if (vector !== undefined) vectors.set(hash, vector);
    }
  signal?.throwIfAborted();
  const put = await store.put(
    batch.map((document) => ({ ...document, vectors: document.chunks.map(({ hash }) => vectors.get(hash)) })),
    "space" in embedded ? embedded.space : undefined,
  );
  return put.map(({ id, outcome, chunks }, at): IngestResult => {
    const document = batch[at] as StoredDocument;
    const whole = dense.isConfigured && document.chunks.every(({ hash }) => vectors.has(hash));
    return {
      ...{ id, uri: document.uri, outcome, chunks, embedded: whole },
      ...("reason" in embedded && dense.isConfigured ? { notice: embedded.reason } : {}),
    };
  });
}

async function extracted(
  { extractor }: IngestParts,
  batch: readonly StoredDocument[],
  signal: AbortSignal | undefined,
): Promise<readonly StoredDocument[]> {
  if (extractor === undefined) return batch;
  const documents: StoredDocument[] = [];
  for (const document of batch)
    documents.push({ ...document, graph: united(document.graph, await extractor.extract(document, signal)) });
  return documents;
}

function united(first: DocumentGraph | undefined, second: DocumentGraph): DocumentGraph {
  if (first === undefined) return second;
  return {
    entities: [...first.entities, ...second.entities],
    relations: [...first.relations, ...second.relations],
    mentions: [...first.mentions, ...second.mentions],
  };
}
