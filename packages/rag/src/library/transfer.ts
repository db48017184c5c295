// The library as lines of JSON, vectors included: what was embedded once need not be embedded again, whatever the store
// that it moves to.

import { RagError } from "../errors.ts";
import type {
  EmbeddingSpace,
  RagStore,
  StoredDocument,
  StoredEntity,
  StoredRelation,
} from "../store/store.ts";

const FORMAT = "fairlead-rag";
const VERSION = 1;
const PAGE = 100;
const CHUNK_PAGE = 500;
const IMPORT_BATCH = 50;

type Line =
  | { readonly format: string; readonly version: number; readonly space: EmbeddingSpace | null }
  | { readonly document: Omit<StoredDocument, "vectors">; readonly vectors: readonly (string | null)[] }
  | {
      readonly graph: {
        readonly entities: readonly StoredEntity[];
        readonly relations: readonly StoredRelation[];
      };
    };

/** Each string is one line without its end. */
export async function* exportLines(store: RagStore): AsyncGenerator<string, void, undefined> {
  const space = (await store.space()) ?? null;
  yield line({ format: FORMAT, version: VERSION, space });
  let after: { readonly collection: string; readonly uri: string } | undefined;
  do {
    const page = await store.documents({ limit: PAGE, ...(after === undefined ? {} : { after }) });
    for (const { chunks: count, updatedAt: _updatedAt, ...document } of page) {
      const records = [];
      for (let from = 0; from < count; from += CHUNK_PAGE)
        records.push(...(await store.chunksOf(document.id, from, CHUNK_PAGE)));
      const vectors = await store.vectors(records.map(({ key }) => key));
      yield line({
        document: {
          ...document,
          chunks: records.map(({ heading, text, hash, start, end }) => ({ heading, text, hash, start, end })),
          graph: await store.graphOf(document.id),
        },
        vectors: records.map(({ key }) => base64Of(vectors.get(key))),
      });
    }
    after = page.length === PAGE ? page.at(-1) : undefined;
  } while (after !== undefined);
  yield line({ graph: await store.ownGraph() });
}

/** Adds to what is there; documents that are the same are left alone. @throws RagError `INVALID_INPUT`, `EMBEDDING_MISMATCH` */
export async function importLines(
  store: RagStore,
  lines: AsyncIterable<string>,
  onProgress?: (documents: number) => void,
): Promise<{ readonly documents: number; readonly chunks: number }> {
  let space: EmbeddingSpace | undefined;
  let header = false;
  const total = { documents: 0, chunks: 0 };
  let batch: StoredDocument[] = [];
  const write = async (): Promise<void> => {
    const embedded = batch.some(({ vectors }) => vectors?.some((vector) => vector !== undefined) === true);
    for (const { chunks } of await store.put(batch, embedded ? space : undefined)) {
      total.documents++;
      total.chunks += chunks;
    }
    batch = [];
    onProgress?.(total.documents);
  };
  for await (const text of lines) {
    if (text.trim() === "") continue;
    const value = parsed(text);
    if (!header) {
      if (!("format" in value) || value.format !== FORMAT || value.version !== VERSION)
        throw new RagError("INVALID_INPUT", `This is no export of fairlead-rag, version ${VERSION}.`);
      header = true;
      space = value.space ?? undefined;
    } else if ("document" in value) {
      batch.push({ ...value.document, vectors: value.vectors.map(vectorOf) });
      if (batch.length >= IMPORT_BATCH) await write();
    } else if ("graph" in value) {
      await write();
      await store.upsertGraph(value.graph.entities, value.graph.relations);
    }
  }
  await write();
  if (!header) throw new RagError("INVALID_INPUT", "The export is empty.");
  return total;
}

function line(value: Line): string {
  return JSON.stringify(value);
}

function parsed(text: string): Line {
  try {
    return JSON.parse(text) as Line;
  } catch (cause) {
    throw new RagError(
      "INVALID_INPUT",
      "A line of the export is no JSON: the file is damaged or cut off.",
      {},
      { cause },
    );
  }
}

function base64Of(vector: Float32Array | undefined): string | null {
  return vector === undefined
    ? null
    : Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString("base64");
}

function vectorOf(text: string | null): Float32Array | undefined {
  if (text === null) return undefined;
  const bytes = Buffer.from(text, "base64");
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}
