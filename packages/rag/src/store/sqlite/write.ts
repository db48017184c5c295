// Writing and removing documents. A document is replaced as a whole, and only if its hash is another one.
import { randomUUID } from "node:crypto";
import { documentIdOf } from "../document-id.ts";
import type { EmbeddingSpace, PutResult, StoredDocument } from "../store.ts";
import { addDocumentGraph, removeOrphans } from "./graph.ts";
import { claimSpace, insertVector } from "./spaces.ts";
import type { Statements } from "./statements.ts";

export function putDocuments(
  sql: Statements,
  documents: readonly StoredDocument[],
  space: EmbeddingSpace | undefined,
): readonly PutResult[] {
  return sql.transaction(() => {
    const spaceKey = space === undefined ? undefined : claimSpace(sql, space);
    return documents.map((document) => putDocument(sql, document, spaceKey));
  });
}

function putDocument(sql: Statements, document: StoredDocument, spaceKey: number | undefined): PutResult {
  const { collection, uri, title, mimeType, hash, fingerprint, metadata, chunks, vectors, graph } = document;
  const byUri = sql.get(
    "SELECT key, id, hash FROM document WHERE collection = ? AND uri = ?",
    collection,
    uri,
  );
  const byId =
    document.id === undefined
      ? byUri
      : sql.get("SELECT key, id, hash FROM document WHERE id = ?", document.id);
  const id = document.id ?? (byUri?.["id"] as string | undefined) ?? freeId(sql, collection, uri);
  if (byUri !== undefined && byUri["id"] === id && byUri["hash"] === hash) {
    sql.run(
      "UPDATE document SET fingerprint = ? WHERE id = ? AND fingerprint <> ?",
      fingerprint,
      id,
      fingerprint,
    );
    return { id, outcome: "unchanged", chunks: chunks.length };
  }
  // The document itself, and another one that had this uri until now.
  for (const old of [byUri, byId]) if (old !== undefined) removeDocument(sql, Number(old["key"]));
  const now = new Date().toISOString();
  const { key } = sql.get(
    `INSERT INTO document (id, collection, uri, title, mime_type, hash, fingerprint, metadata, chunks, updated_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING key`,
    ...[
      id,
      collection,
      uri,
      title,
      mimeType,
      hash,
      fingerprint,
      JSON.stringify(metadata),
      chunks.length,
      now,
    ],
  ) as { key: number };
  const chunkKeys = chunks.map((chunk, ordinal) => {
    const inserted = sql.get(
      `INSERT INTO chunk (document, ordinal, heading, text, hash, start, "end") VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING key`,
      ...[key, ordinal, chunk.heading, chunk.text, chunk.hash, chunk.start, chunk.end],
    ) as { key: number };
    const vector = vectors?.[ordinal];
    if (vector !== undefined && spaceKey !== undefined) insertVector(sql, spaceKey, inserted.key, vector);
    return inserted.key;
  });
  if (graph !== undefined) addDocumentGraph(sql, key, chunkKeys, graph);
  removeOrphans(sql);
  return {
    id,
    outcome: byUri === undefined && byId === undefined ? "created" : "updated",
    chunks: chunks.length,
  };
}

export function renameDocument(sql: Statements, id: string, uri: string, fingerprint: string): boolean {
  return sql.transaction(() => {
    const document = sql.get("SELECT key, collection FROM document WHERE id = ?", id);
    if (document === undefined) return false;
    const collection = String(document["collection"]);
    const other = sql.get("SELECT key, id FROM document WHERE collection = ? AND uri = ?", collection, uri);
    if (other !== undefined && other["id"] !== id) removeDocument(sql, Number(other["key"]));
    sql.run("UPDATE document SET uri = ?, fingerprint = ? WHERE id = ?", uri, fingerprint, id);
    return true;
  });
}

export function removeDocuments(sql: Statements, ids: readonly string[]): number {
  return sql.transaction(() => {
    const found = ids.map((id) => sql.get("SELECT key FROM document WHERE id = ?", id));
    const keys = new Set(found.flatMap((row) => (row === undefined ? [] : [Number(row["key"])])));
    for (const key of keys) removeDocument(sql, key);
    removeOrphans(sql);
    return keys.size;
  });
}

/** Index, vectors, mentions and relations follow: by triggers and foreign keys. */
function removeDocument(sql: Statements, key: number): void {
  sql.run(
    `UPDATE entity SET touched = 1 WHERE own = 0 AND touched = 0 AND key IN (
       SELECT m.entity FROM chunk c JOIN mention m ON m.chunk = c.key WHERE c.document = ?1
       UNION SELECT source FROM relation WHERE document = ?1 UNION SELECT target FROM relation WHERE document = ?1)`,
    key,
  );
  sql.run("DELETE FROM chunk WHERE document = ?", key);
  sql.run("DELETE FROM document WHERE key = ?", key);
}

/** The derived id may belong to a document that was renamed since; then another one is made up. */
function freeId(sql: Statements, collection: string, uri: string): string {
  const derived = documentIdOf(collection, uri);
  const taken = sql.get("SELECT 1 FROM document WHERE id = ?", derived) !== undefined;
  return taken ? documentIdOf(collection, `${uri}\n${randomUUID()}`) : derived;
}
