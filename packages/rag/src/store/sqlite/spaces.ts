// Spaces of vectors: one is active and searched, others are being built beside it.
import { RagError } from "../../errors.ts";
import { isSameSpace, mismatch } from "../embedding-space.ts";
import type { EmbeddingSpace, PendingChunk } from "../store.ts";
import { createSpaceTables, dropSpaceTables } from "./schema.ts";
import type { Row, Statements } from "./statements.ts";
import { bytesOf, floatsOf, signsOf } from "./vector-functions.ts";

export interface SpaceRow extends EmbeddingSpace {
  readonly key: number;
}

export function activeSpace(sql: Statements): SpaceRow | undefined {
  const row = sql.get("SELECT * FROM space WHERE active = 1");
  return row === undefined ? undefined : spaceOf(row);
}

/** Inside a transaction: the active space's key, after making this one active if there is none. */
export function claimSpace(sql: Statements, space: EmbeddingSpace): number {
  const active = activeSpace(sql);
  if (active !== undefined) {
    if (!isSameSpace(active, space)) throw mismatch(active, space);
    return active.key;
  }
  const key = findSpace(sql, space) ?? createSpace(sql, space);
  sql.run("UPDATE space SET active = 1 WHERE key = ?", key);
  return key;
}

export function pendingChunks(
  sql: Statements,
  space: EmbeddingSpace,
  limit: number,
): readonly PendingChunk[] {
  const key = findSpace(sql, space);
  const without = key === undefined ? "" : `WHERE key NOT IN (SELECT chunk FROM vector_${key})`;
  return sql.all(
    `SELECT key, heading, text, hash FROM chunk ${without} ORDER BY key LIMIT ?`,
    limit,
  ) as unknown as readonly PendingChunk[];
}

export function addVectors(
  sql: Statements,
  space: EmbeddingSpace,
  entries: readonly { readonly key: number; readonly hash: string; readonly vector: Float32Array }[],
): void {
  sql.transaction(() => {
    const key = findSpace(sql, space) ?? createSpace(sql, space);
    for (const { key: chunk, hash, vector } of entries) {
      // A chunk that was replaced meanwhile has another key, or at least another hash.
      if (sql.get("SELECT 1 FROM chunk WHERE key = ? AND hash = ?", chunk, hash) !== undefined)
        insertVector(sql, key, chunk, vector);
    }
  });
}

export function activateSpace(sql: Statements, space: EmbeddingSpace): boolean {
  return sql.transaction(() => {
    if (pendingChunks(sql, space, 1).length > 0) return false;
    const key = findSpace(sql, space) ?? createSpace(sql, space);
    for (const { key: other } of sql.all("SELECT key FROM space WHERE key <> ?", key)) {
      dropSpaceTables(sql, Number(other));
      sql.run("DELETE FROM space WHERE key = ?", Number(other));
    }
    sql.run("UPDATE space SET active = 1 WHERE key = ?", key);
    return true;
  });
}

export function insertVector(sql: Statements, space: number, chunk: number, vector: Float32Array): void {
  const { dimension } = sql.get("SELECT dimension FROM space WHERE key = ?", space) as { dimension: number };
  if (vector.length !== dimension)
    throw new RagError(
      "EMBEDDING_MISMATCH",
      `A vector has ${vector.length} dimensions, the store has ${dimension}.`,
      {
        found: vector.length,
        expected: dimension,
      },
    );
  sql.run(`INSERT OR REPLACE INTO vector_${space} VALUES (?, ?)`, chunk, bytesOf(vector));
  sql.run(`INSERT OR REPLACE INTO bits_${space} VALUES (?, ?)`, chunk, signsOf(vector));
}

export function vectorsOf(sql: Statements, keys: readonly number[]): ReadonlyMap<number, Float32Array> {
  const space = activeSpace(sql);
  if (space === undefined) return new Map();
  const rows = sql.all(
    `SELECT chunk, vector FROM vector_${space.key} WHERE chunk IN (SELECT value FROM json_each(?))`,
    JSON.stringify(keys),
  );
  return new Map(rows.map((row) => [Number(row["chunk"]), floatsOf(row["vector"])]));
}

export function vectorsByHash(sql: Statements, hashes: readonly string[]): ReadonlyMap<string, Float32Array> {
  const space = activeSpace(sql);
  if (space === undefined) return new Map();
  const rows = sql.all(
    `SELECT c.hash, v.vector FROM chunk c JOIN vector_${space.key} v ON v.chunk = c.key
     WHERE c.hash IN (SELECT value FROM json_each(?)) GROUP BY c.hash`,
    JSON.stringify(hashes),
  );
  return new Map(rows.map((row) => [String(row["hash"]), floatsOf(row["vector"])]));
}

function findSpace(
  sql: Statements,
  { model, dimension, documentPrefix, queryPrefix }: EmbeddingSpace,
): number | undefined {
  const row = sql.get(
    "SELECT key FROM space WHERE model = ? AND dimension = ? AND document_prefix = ? AND query_prefix = ?",
    ...[model, dimension, documentPrefix, queryPrefix],
  );
  return row === undefined ? undefined : Number(row["key"]);
}

function createSpace(
  sql: Statements,
  { model, dimension, documentPrefix, queryPrefix }: EmbeddingSpace,
): number {
  const row = sql.get(
    `INSERT INTO space (model, dimension, document_prefix, query_prefix, active) VALUES (?, ?, ?, ?, 0) RETURNING key`,
    ...[model, dimension, documentPrefix, queryPrefix],
  );
  const key = Number(row?.["key"]);
  createSpaceTables(sql, key);
  return key;
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
