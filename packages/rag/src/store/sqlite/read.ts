// Documents and chunks as they are shown.
import type { ChunkRecord, DocumentInfo, MetadataValue, PageQuery, StoreCounts } from "../store.ts";
import { activeSpace } from "./spaces.ts";
import type { Row, Statements } from "./statements.ts";

const CHUNK_COLUMNS = `c.key AS chunk_key, c.ordinal, c.heading, c.text, c.hash AS chunk_hash, c.start, c."end", d.*`;
const CHUNK_FROM = "chunk c JOIN document d ON d.key = c.document";

export function listDocuments(
  sql: Statements,
  { collection, uriPrefix, after, limit }: PageQuery,
): readonly DocumentInfo[] {
  return sql
    .all(
      `SELECT * FROM document WHERE (?1 IS NULL OR collection = ?1) AND (?2 IS NULL OR substr(uri, 1, length(?2)) = ?2)
         AND (collection, uri) > (?3, ?4) ORDER BY collection, uri LIMIT ?5`,
      ...[collection ?? null, uriPrefix ?? null, after?.collection ?? "", after?.uri ?? "", limit],
    )
    .map(documentOf);
}

export function documentById(sql: Statements, id: string): DocumentInfo | undefined {
  const row = sql.get("SELECT * FROM document WHERE id = ?", id);
  return row === undefined ? undefined : documentOf(row);
}

export function chunksOfDocument(
  sql: Statements,
  id: string,
  from: number,
  limit: number,
): readonly ChunkRecord[] {
  return sql
    .all(
      `SELECT ${CHUNK_COLUMNS} FROM ${CHUNK_FROM} WHERE d.id = ? AND c.ordinal >= ? ORDER BY c.ordinal LIMIT ?`,
      ...[id, from, limit],
    )
    .map(chunkOf);
}

export function chunksByKey(sql: Statements, keys: readonly number[]): readonly ChunkRecord[] {
  return sql
    .all(
      `SELECT ${CHUNK_COLUMNS} FROM ${CHUNK_FROM} WHERE c.key IN (SELECT value FROM json_each(?))`,
      JSON.stringify(keys),
    )
    .map(chunkOf);
}

export function countAll(sql: Statements): StoreCounts {
  const count = (table: string): number => Number(sql.get(`SELECT count(*) n FROM ${table}`)?.["n"]);
  const space = activeSpace(sql);
  return {
    documents: count("document"),
    chunks: count("chunk"),
    embedded: space === undefined ? 0 : count(`bits_${space.key}`),
    entities: count("entity"),
    relations: count("relation"),
  };
}

/** What `RagStore.check` finds in SQLite. */
export function checkConsistency(sql: Statements): readonly string[] {
  const problems: string[] = [];
  for (const row of sql.all("PRAGMA integrity_check")) {
    const text = String(row["integrity_check"]);
    if (text !== "ok") problems.push(text);
  }
  for (const row of sql.all("PRAGMA foreign_key_check"))
    problems.push(`${String(row["table"])} refers to a row of ${String(row["parent"])} that is not there`);
  for (const table of ["chunk_fts", "entity_fts"])
    try {
      // With rank 1 the index is compared with the content that it was made from.
      sql.run(`INSERT INTO ${table} (${table}, rank) VALUES ('integrity-check', 1)`);
    } catch (error) {
      problems.push(`${table}: ${error instanceof Error ? error.message : String(error)}`);
    }
  const wrong = sql.all(
    "SELECT id FROM document d WHERE chunks <> (SELECT count(*) FROM chunk WHERE document = d.key) LIMIT 10",
  );
  for (const row of wrong) problems.push(`document ${String(row["id"])} has not as many chunks as it should`);
  for (const { key } of sql.all("SELECT key FROM space") as unknown as readonly { key: number }[]) {
    const row = sql.get(
      `SELECT count(*) n FROM vector_${key} v FULL JOIN bits_${key} b ON b.chunk = v.chunk WHERE v.chunk IS NULL OR b.chunk IS NULL`,
    );
    if (Number(row?.["n"]) > 0)
      problems.push(`space ${key}: ${String(row?.["n"])} vectors without signs, or the reverse`);
  }
  return problems;
}

function documentOf(row: Row): DocumentInfo {
  return {
    id: String(row["id"]),
    collection: String(row["collection"]),
    uri: String(row["uri"]),
    title: String(row["title"]),
    mimeType: String(row["mime_type"]),
    hash: String(row["hash"]),
    fingerprint: String(row["fingerprint"]),
    metadata: JSON.parse(String(row["metadata"])) as Record<string, MetadataValue>,
    chunks: Number(row["chunks"]),
    updatedAt: String(row["updated_at"]),
  };
}

function chunkOf(row: Row): ChunkRecord {
  return {
    key: Number(row["chunk_key"]),
    ordinal: Number(row["ordinal"]),
    heading: String(row["heading"]),
    text: String(row["text"]),
    hash: String(row["chunk_hash"]),
    start: Number(row["start"]),
    end: Number(row["end"]),
    document: documentOf(row),
  };
}
