// Documents and chunks as they are shown.
import type { ChunkRecord, DocumentInfo, MetadataValue, PageQuery, StoreCounts } from "../store.ts";
import type { Query, Row } from "./connection.ts";
import { activeSpace } from "./spaces.ts";

const CHUNKS = `SELECT c.key AS chunk_key, c.ordinal, c.heading, c.text, c.hash AS chunk_hash, c.start, c."end", d.*
  FROM fairlead_rag.chunk c JOIN fairlead_rag.document d ON d.key = c.document`;

export async function listDocuments(
  query: Query,
  { collection, uriPrefix, after, limit }: PageQuery,
): Promise<readonly DocumentInfo[]> {
  const rows = await query(
    `SELECT * FROM fairlead_rag.document WHERE ($1::text IS NULL OR collection = $1) AND ($2::text IS NULL OR starts_with(uri, $2))
       AND (collection, uri) > ($3, $4) ORDER BY collection, uri LIMIT $5`,
    [collection ?? null, uriPrefix ?? null, after?.collection ?? "", after?.uri ?? "", limit],
  );
  return rows.map(documentOf);
}

export async function documentById(query: Query, id: string): Promise<DocumentInfo | undefined> {
  const [row] = await query("SELECT * FROM fairlead_rag.document WHERE id = $1", [id]);
  return row === undefined ? undefined : documentOf(row);
}

export async function chunksOfDocument(
  query: Query,
  id: string,
  from: number,
  limit: number,
): Promise<readonly ChunkRecord[]> {
  const rows = await query(`${CHUNKS} WHERE d.id = $1 AND c.ordinal >= $2 ORDER BY c.ordinal LIMIT $3`, [
    id,
    from,
    limit,
  ]);
  return rows.map(chunkOf);
}

export async function chunksByKey(query: Query, keys: readonly number[]): Promise<readonly ChunkRecord[]> {
  return (await query(`${CHUNKS} WHERE c.key = ANY($1::bigint[])`, [keys])).map(chunkOf);
}

export async function countAll(query: Query): Promise<StoreCounts> {
  const space = await activeSpace(query);
  const embedded = space === undefined ? "0" : `(SELECT count(*) FROM fairlead_rag.vector_${space.key})`;
  const [row] = await query(
    `SELECT (SELECT count(*) FROM fairlead_rag.document) AS documents, (SELECT count(*) FROM fairlead_rag.chunk) AS chunks,
       ${embedded} AS embedded, (SELECT count(*) FROM fairlead_rag.entity) AS entities,
       (SELECT count(*) FROM fairlead_rag.relation) AS relations`,
  );
  const count = (name: keyof StoreCounts): number => Number(row?.[name]);
  return {
    documents: count("documents"),
    chunks: count("chunks"),
    embedded: count("embedded"),
    entities: count("entities"),
    relations: count("relations"),
  };
}

/** What `RagStore.check` finds in Postgres; its own indexes are its own business. */
export async function checkConsistency(query: Query): Promise<readonly string[]> {
  const wrong = await query(
    `SELECT id FROM fairlead_rag.document d
     WHERE chunks <> (SELECT count(*) FROM fairlead_rag.chunk c WHERE c.document = d.key) LIMIT 10`,
  );
  const terms = await query(
    `SELECT term FROM (
       SELECT t.lexeme COLLATE "C" AS term, count(*) AS chunks FROM fairlead_rag.chunk c CROSS JOIN LATERAL unnest(c.terms) t GROUP BY 1
       UNION ALL SELECT '', count(*) FROM fairlead_rag.chunk
       UNION ALL SELECT term, -sum(chunks) FROM fairlead_rag.term_count GROUP BY term
     ) counted GROUP BY term HAVING sum(chunks) <> 0 LIMIT 10`,
  );
  return [
    ...wrong.map((row) => `document ${String(row["id"])} has not as many chunks as it should`),
    ...terms.map((row) => `the count of term "${String(row["term"])}" is wrong`),
  ];
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
    metadata: row["metadata"] as Record<string, MetadataValue>,
    chunks: Number(row["chunks"]),
    updatedAt: (row["updated_at"] as Date).toISOString(),
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
