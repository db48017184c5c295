// Documents into the store: chunked, embedded as far as that works, with their part of the graph, in transactions of
// bounded size. What was acknowledged is committed; ingesting it again changes nothing.
import { createHash } from "node:crypto";
import { basename } from "node:path";
import { chunkText } from "../chunk/chunk.ts";
import { RagError } from "../errors.ts";
import type { GraphExtractor } from "../graph/extract.ts";
import { structureGraph as graphOfStructure } from "../graph/structure.ts";
import { formatOfMimeType } from "../parse/formats.ts";
import { htmlToMarkdown } from "../parse/html.ts";
import { markdownTitle } from "../parse/parse.ts";
import type { DocumentGraph, MetadataValue, RagStore, StoredDocument } from "../store/store.ts";
import type { Dense } from "./dense.ts";

export interface DocumentInput {
  readonly text: string;
  /** Where it comes from; the same place is the same document. @defaultValue made of `id`, or else of the text */
  readonly uri?: string | undefined;
  /** @defaultValue derived from collection and uri */
  readonly id?: string | undefined;
  /** @defaultValue what the text calls itself, or the last part of the uri */
  readonly title?: string | undefined;
  /** @defaultValue "text/markdown" */
  readonly mimeType?: string | undefined;
  /** @defaultValue "default" */
  readonly collection?: string | undefined;
  readonly metadata?: Readonly<Record<string, MetadataValue>> | undefined;
  readonly fingerprint?: string | undefined;
}

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
  readonly limits: { readonly maxChars: number; readonly minChars: number };
  readonly structureGraph: boolean;
  readonly extractor: GraphExtractor | undefined;
}

/** Part of each document's hash: when chunking changes, everything is chunked again. */
const PIPELINE_VERSION = 1;
const MAX_BATCH_CHUNKS = 500;
const MAX_BATCH_DOCUMENTS = 100;
const MAX_TEXT_CHARS = 50_000_000;

export async function ingestDocuments(
  parts: IngestParts,
  documents: readonly DocumentInput[],
  { signal, onProgress }: IngestOptions = {},
): Promise<readonly IngestResult[]> {
  const results: IngestResult[] = [];
  let batch: StoredDocument[] = [];
  let chunks = 0;
  const write = async (): Promise<void> => {
    if (batch.length === 0) return;
    results.push(...(await writeBatch(parts, batch, signal)));
    [batch, chunks] = [[], 0];
    onProgress?.(results.length, documents.length);
  };
  for (const document of documents) {
    signal?.throwIfAborted();
    const prepared = await prepare(parts, document, signal);
    if (
      batch.length >= MAX_BATCH_DOCUMENTS ||
      (batch.length > 0 && chunks + prepared.chunks.length > MAX_BATCH_CHUNKS)
    )
      await write();
    batch.push(prepared);
    chunks += prepared.chunks.length;
  }
  await write();
  return results;
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

async function prepare(
  { limits, structureGraph, extractor }: IngestParts,
  input: DocumentInput,
  signal: AbortSignal | undefined,
): Promise<StoredDocument> {
  const { collection = "default", mimeType = "text/markdown", metadata = {}, fingerprint = "" } = input;
  if (input.text.length > MAX_TEXT_CHARS)
    throw new RagError(
      "INVALID_INPUT",
      `A document has ${input.text.length} characters; at most ${MAX_TEXT_CHARS} are taken.`,
    );
  const read = formatOfMimeType(mimeType);
  const html = read.parser === "html" ? await htmlToMarkdown(input.text) : undefined;
  const text = (html?.markdown ?? input.text).normalize("NFC");
  const id = input.id === undefined ? undefined : checkedId(input.id);
  const uri = input.uri ?? (id === undefined ? `text:${sha256(text).slice(0, 20)}` : `id:${id}`);
  const named = html?.title || (read.format === "markdown" ? markdownTitle(text) : "");
  const title = input.title ?? (named || decodeURIComponentSafely(basename(uri)));
  const chunks = chunkText(text, read.format, title, limits);
  const structure = structureGraph
    ? graphOfStructure({ uri, title, chunks, format: read.format })
    : undefined;
  const extracted = await extractor?.extract({ uri, title, chunks }, signal);
  return {
    ...{ id, collection, uri, title, mimeType, metadata, fingerprint, chunks },
    hash: sha256(
      JSON.stringify([
        PIPELINE_VERSION,
        limits,
        structureGraph,
        extractor?.name ?? "",
        title,
        mimeType,
        metadata,
        sha256(text),
      ]),
    ),
    graph: united(structure, extracted),
  };
}

function united(...graphs: readonly (DocumentGraph | undefined)[]): DocumentGraph | undefined {
  const given = graphs.filter((graph) => graph !== undefined);
  if (given.length === 0) return undefined;
  return {
    entities: given.flatMap(({ entities }) => entities),
    relations: given.flatMap(({ relations }) => relations),
    mentions: given.flatMap(({ mentions }) => mentions),
  };
}

function checkedId(id: string): string {
  if (!/^[^\s#]{1,200}$/.test(id))
    throw new RagError(
      "INVALID_INPUT",
      `A document's id must have 1 to 200 characters, no white space and no "#"; got "${id.slice(0, 60)}".`,
    );
  return id;
}

function decodeURIComponentSafely(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
