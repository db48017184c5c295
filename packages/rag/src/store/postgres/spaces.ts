// Spaces of vectors, and the search in the active one.

import { RagError } from "../../errors.ts";
import { isSameSpace, mismatch } from "../embedding-space.ts";
import type { EmbeddingSpace, PendingChunk, ScoredChunk, VectorQuery } from "../store.ts";
import type { Database, Query, Row } from "./connection.ts";
import { sqlFilter } from "./filter.ts";
import { createSpaceTable, dropSpaceTable } from "./schema.ts";

interface SpaceRow extends EmbeddingSpace {
  readonly key: number;
}

const MIN_EF_SEARCH = 100;
const MAX_EF_SEARCH = 1_000;
/** Postgres's code. */
const UNDEFINED_TABLE = "42P01";

export async function activeSpace(query: Query): Promise<SpaceRow | undefined> {
  const [row] = await query("SELECT * FROM fairlead_rag.space WHERE active");
  return row === undefined ? undefined : spaceOf(row);
}

/** Inside a transaction: the active space's key, after making this one active if there is none. */
export async function claimSpace(query: Query, space: EmbeddingSpace): Promise<number> {
  const active = await activeSpace(query);
  if (active !== undefined) {
    if (!isSameSpace(active, space)) throw mismatch(active, space);
    return active.key;
  }
  const key = await ensureSpace(query, space);
  await query("UPDATE fairlead_rag.space SET active = true WHERE key = $1", [key]);
  return key;
}

export async function pendingChunks(
  query: Query,
  space: EmbeddingSpace,
  limit: number,
): Promise<readonly PendingChunk[]> {
  const key = await findSpace(query, space);
  const without =
    key === undefined
      ? ""
      : `WHERE NOT EXISTS (SELECT 1 FROM fairlead_rag.vector_${key} v WHERE v.chunk = c.key)`;
  const rows = await query(
    `SELECT key, heading, text, hash FROM fairlead_rag.chunk c ${without} ORDER BY key LIMIT $1`,
    [limit],
  );
  return rows.map((row) => ({
    ...{ key: Number(row["key"]), heading: String(row["heading"]) },
    ...{ text: String(row["text"]), hash: String(row["hash"]) },
  }));
}

export async function addVectors(
  query: Query,
  space: EmbeddingSpace,
  entries: readonly { readonly key: number; readonly hash: string; readonly vector: Float32Array }[],
): Promise<void> {
  const key = await ensureSpace(query, space);
  const columns = [entries.map((entry) => entry.key), entries.map(({ hash }) => hash)];
  const vectors = entries.map(({ vector }) => vectorText(vector, space.dimension));
  await query(
    `INSERT INTO fairlead_rag.vector_${key} SELECT c.key, e.vector::vector FROM unnest($1::bigint[], $2::text[], $3::text[])
       AS e (key, hash, vector) JOIN fairlead_rag.chunk c ON c.key = e.key AND c.hash = e.hash
     ON CONFLICT (chunk) DO UPDATE SET vector = excluded.vector`,
    [...columns, vectors],
  );
}

export async function activateSpace(query: Query, space: EmbeddingSpace): Promise<boolean> {
  // Nobody may add chunks between the look for missing vectors and the switch.
  await query("LOCK TABLE fairlead_rag.chunk IN SHARE MODE");
  if ((await pendingChunks(query, space, 1)).length > 0) return false;
  const key = await ensureSpace(query, space);
  for (const row of await query("SELECT key FROM fairlead_rag.space WHERE key <> $1", [key])) {
    await dropSpaceTable(query, Number(row["key"]));
    await query("DELETE FROM fairlead_rag.space WHERE key = $1", [row["key"]]);
  }
  await query("UPDATE fairlead_rag.space SET active = true WHERE key = $1", [key]);
  return true;
}

/** Text form of a vector, as pgvector reads it. @throws RagError `EMBEDDING_MISMATCH` */
export function vectorText(vector: Float32Array, dimension: number): string {
  if (vector.length !== dimension)
    throw new RagError(
      "EMBEDDING_MISMATCH",
      `A vector has ${vector.length} dimensions, the store has ${dimension}.`,
      {
        found: vector.length,
        expected: dimension,
      },
    );
  return `[${vector.join(",")}]`;
}

/** Does something with the active space; undefined without one, or where it is not acceptable. */
export type InActiveSpace = <T>(
  use: (space: SpaceRow) => Promise<T>,
  isAcceptable?: (space: SpaceRow) => boolean,
) => Promise<T | undefined>;

/**
 * Remembers which space is active, so that a search need not ask first. Only another one that becomes active changes it, which
 * drops this one's table; then it is looked up again.
 */
export function rememberActiveSpace(query: Query): InActiveSpace {
  let remembered: SpaceRow | undefined;
  return async (use, isAcceptable = () => true) => {
    if (remembered !== undefined && isAcceptable(remembered)) {
      try {
        return await use(remembered);
      } catch (error) {
        if (!(error instanceof RagError) || error.facts["postgresCode"] !== UNDEFINED_TABLE) throw error;
      }
    }
    remembered = await activeSpace(query);
    return remembered !== undefined && isAcceptable(remembered) ? await use(remembered) : undefined;
  };
}

/** HNSW as far as it finds enough; where a filter leaves it short, every vector that passes is compared. */
export async function vectorSearch(
  database: Database,
  inActiveSpace: InActiveSpace,
  { vector, space: wanted, limit, filter, exact = false }: VectorQuery,
): Promise<readonly ScoredChunk[]> {
  const { sql, values } = sqlFilter(filter, 3);
  const joins =
    sql === ""
      ? ""
      : "JOIN fairlead_rag.chunk c ON c.key = v.chunk JOIN fairlead_rag.document d ON d.key = c.document WHERE true";
  const parameters = [vectorBytes(vector), limit, ...values];
  const efSearch = Math.min(MAX_EF_SEARCH, Math.max(MIN_EF_SEARCH, limit));
  const isAcceptable = (active: SpaceRow): boolean =>
    active.dimension === vector.length && (wanted === undefined || isSameSpace(active, wanted));
  const rows = await inActiveSpace(async ({ key }) => {
    const found = `SELECT v.chunk AS key, 1 - (v.vector <=> $1::vector) AS score FROM fairlead_rag.vector_${key} v ${joins}${sql}`;
    const near = exact
      ? []
      : await database.queryWith(
          { "hnsw.ef_search": efSearch, "hnsw.iterative_scan": "relaxed_order" },
          `${found} ORDER BY v.vector <=> $1::vector LIMIT $2`,
          parameters,
        );
    // The index knows distances, and is of no use for an order by similarity.
    return near.length >= limit
      ? near
      : await database.query(`${found} ORDER BY score DESC, key LIMIT $2`, parameters);
  }, isAcceptable);
  if (rows === undefined && wanted !== undefined) {
    const active = await activeSpace(database.query);
    if (active !== undefined && !isSameSpace(active, wanted)) throw mismatch(active, wanted);
  }
  return (rows ?? [])
    .map((row) => ({ key: Number(row["key"]), score: Number(row["score"]) }))
    .toSorted((a, b) => b.score - a.score || a.key - b.key);
}

export async function vectorsOf(
  query: Query,
  inActiveSpace: InActiveSpace,
  keys: readonly number[],
): Promise<ReadonlyMap<number, Float32Array>> {
  const rows = await inActiveSpace(({ key }) =>
    query(
      `SELECT chunk, vector_send(vector) AS vector FROM fairlead_rag.vector_${key} WHERE chunk = ANY($1::bigint[])`,
      [keys],
    ),
  );
  return new Map((rows ?? []).map((row) => [Number(row["chunk"]), floatsOf(row["vector"])]));
}

export async function vectorsByHash(
  query: Query,
  inActiveSpace: InActiveSpace,
  hashes: readonly string[],
): Promise<ReadonlyMap<string, Float32Array>> {
  const rows = await inActiveSpace(({ key }) =>
    query(
      `SELECT DISTINCT ON (c.hash) c.hash, vector_send(v.vector) AS vector FROM fairlead_rag.chunk c
       JOIN fairlead_rag.vector_${key} v ON v.chunk = c.key WHERE c.hash = ANY($1::text[])`,
      [hashes],
    ),
  );
  return new Map((rows ?? []).map((row) => [String(row["hash"]), floatsOf(row["vector"])]));
}

async function findSpace(query: Query, space: EmbeddingSpace): Promise<number | undefined> {
  const { model, dimension, documentPrefix, queryPrefix } = space;
  const [row] = await query(
    "SELECT key FROM fairlead_rag.space WHERE model = $1 AND dimension = $2 AND document_prefix = $3 AND query_prefix = $4",
    [model, dimension, documentPrefix, queryPrefix],
  );
  return row === undefined ? undefined : Number(row["key"]);
}

async function ensureSpace(query: Query, space: EmbeddingSpace): Promise<number> {
  const found = await findSpace(query, space);
  if (found !== undefined) return found;
  const { model, dimension, documentPrefix, queryPrefix } = space;
  const [row] = await query(
    `INSERT INTO fairlead_rag.space (model, dimension, document_prefix, query_prefix, active)
     VALUES ($1, $2, $3, $4, false) RETURNING key`,
    [model, dimension, documentPrefix, queryPrefix],
  );
  const key = Number(row?.["key"]);
  await createSpaceTable(query, key, dimension);
  return key;
}

// Binary, as pgvector sends and receives it, since text takes several times as long: the dimension, 16 bits that are not
// used, and floats, all big-endian.

function vectorBytes(vector: Float32Array): Buffer {
  const bytes = Buffer.alloc(4 + 4 * vector.length);
  bytes.writeUInt16BE(vector.length);
  for (let at = 0; at < vector.length; at++) bytes.writeFloatBE(vector[at] as number, 4 + 4 * at);
  return bytes;
}

function floatsOf(sent: unknown): Float32Array {
  const bytes = sent as Buffer;
  const floats = new Float32Array(bytes.readUInt16BE());
  // Turned round as a whole: one by one takes as long as an event loop should not stand still.
  const turned = Buffer.from(floats.buffer);
  bytes.copy(turned, 0, 4);
  turned.swap32();
  return floats;
}

function spaceOf(row: Row): SpaceRow {
  return {
    key: Number(row["key"]),
    model: String(row["model"]),
    dimension: Number(row["dimension"]),
    documentPrefix: String(row["document_prefix"]),
    queryPrefix: String(row["query_prefix"]),
  };
}
