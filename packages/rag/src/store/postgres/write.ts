// Writing and removing documents. A document is replaced as a whole, and only if its hash is another one.
import { randomUUID } from "node:crypto";
import { documentIdOf } from "../document-id.ts";
import type { EmbeddingSpace, PutResult, StoredDocument } from "../store.ts";
import { wordsOf } from "../terms.ts";
import type { Query } from "./connection.ts";
import { addDocumentGraph, entitiesOfDocument, removeOrphans } from "./graph.ts";
import { HAS_BM25_INDEX, type TextConfig } from "./schema.ts";
import { claimSpace, vectorText } from "./spaces.ts";

export async function putDocuments(
  query: Query,
  documents: readonly StoredDocument[],
  space: EmbeddingSpace | undefined,
  config: TextConfig,
): Promise<readonly PutResult[]> {
  const spaceKey = space === undefined ? undefined : await claimSpace(query, space);
  const results = new Map<StoredDocument, PutResult>();
  // In one order everywhere, so that two writers meet at a lock instead of in a deadlock.
  const ordered = documents.toSorted((a, b) => (a.uri < b.uri ? -1 : a.uri > b.uri ? 1 : 0));
  for (const document of ordered) {
    const place =
      spaceKey === undefined || space === undefined
        ? undefined
        : { key: spaceKey, dimension: space.dimension };
    results.set(document, await putDocument(query, document, place, config));
  }
  return documents.map((document) => results.get(document) as PutResult);
}

async function putDocument(
  query: Query,
  document: StoredDocument,
  space: { readonly key: number; readonly dimension: number } | undefined,
  config: TextConfig,
): Promise<PutResult> {
  const { collection, uri, title, mimeType, hash, fingerprint, metadata, chunks, vectors, graph } = document;
  const found = await query(
    `SELECT key, id, hash, uri = $2 AND collection = $1 AS here FROM fairlead_rag.document
     WHERE (collection = $1 AND uri = $2) OR id = $3 ORDER BY key FOR UPDATE`,
    [collection, uri, document.id ?? null],
  );
  const byUri = found.find((row) => row["here"] === true);
  const id = document.id ?? (byUri?.["id"] as string | undefined) ?? (await freeId(query, collection, uri));
  if (byUri !== undefined && byUri["id"] === id && byUri["hash"] === hash) {
    await query("UPDATE fairlead_rag.document SET fingerprint = $1 WHERE id = $2 AND fingerprint <> $1", [
      fingerprint,
      id,
    ]);
    return { id, outcome: "unchanged", chunks: chunks.length };
  }
  const left = await removeByKeys(
    query,
    found.map((row) => Number(row["key"])),
  );
  const [inserted] = await query(
    `INSERT INTO fairlead_rag.document (id, collection, uri, title, mime_type, hash, fingerprint, metadata, chunks)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING key`,
    [id, collection, uri, title, mimeType, hash, fingerprint, JSON.stringify(metadata), chunks.length],
  );
  const key = Number(inserted?.["key"]);
  const rows = await query(
    `INSERT INTO fairlead_rag.chunk (document, ordinal, heading, text, hash, start, "end", terms, length, words)
     SELECT $1, c.ordinal - 1, c.heading, c.text, c.hash, c.start, c."end", v.terms,
       (SELECT coalesce(sum(cardinality(positions)), 0) FROM unnest(v.terms)), CASE WHEN ${HAS_BM25_INDEX} THEN c.words END
     FROM unnest($2::text[], $3::text[], $4::text[], $5::int[], $6::int[], $8::text[]) WITH ORDINALITY
       AS c (heading, text, hash, start, "end", words, ordinal)
     CROSS JOIN LATERAL (SELECT to_tsvector($7::regconfig, c.words) AS terms) v
     ORDER BY c.ordinal RETURNING key, ordinal`,
    [
      key,
      chunks.map(({ heading }) => clean(heading)),
      chunks.map(({ text }) => clean(text)),
      chunks.map((chunk) => chunk.hash),
      chunks.map(({ start }) => start),
      chunks.map(({ end }) => end),
      config.language,
      chunks.map(({ heading, text }) => wordsOf(`${heading}\n${text}`)),
    ],
  );
  await countTerms(query, key, 1);
  const keys = chunks.map((_, ordinal) => Number(rows.find((row) => row["ordinal"] === ordinal)?.["key"]));
  if (space !== undefined && vectors !== undefined) {
    const given = keys.flatMap((chunk, at) => {
      const vector = vectors[at];
      return vector === undefined ? [] : [{ chunk, vector: vectorText(vector, space.dimension) }];
    });
    await query(
      `INSERT INTO fairlead_rag.vector_${space.key} SELECT v.chunk, v.vector::vector FROM unnest($1::bigint[], $2::text[]) AS v (chunk, vector)`,
      [given.map(({ chunk }) => chunk), given.map(({ vector }) => vector)],
    );
  }
  if (graph !== undefined) await addDocumentGraph(query, key, keys, graph, config);
  await removeOrphans(query, left);
  return { id, outcome: found.length === 0 ? "created" : "updated", chunks: chunks.length };
}

export async function renameDocument(
  query: Query,
  id: string,
  uri: string,
  fingerprint: string,
): Promise<boolean> {
  const [document] = await query(
    "SELECT key, collection FROM fairlead_rag.document WHERE id = $1 FOR UPDATE",
    [id],
  );
  if (document === undefined) return false;
  const others = await query(
    "SELECT key FROM fairlead_rag.document WHERE collection = $1 AND uri = $2 AND id <> $3 FOR UPDATE",
    [document["collection"], uri, id],
  );
  await removeOrphans(
    query,
    await removeByKeys(
      query,
      others.map((row) => Number(row["key"])),
    ),
  );
  await query("UPDATE fairlead_rag.document SET uri = $1, fingerprint = $2 WHERE id = $3", [
    uri,
    fingerprint,
    id,
  ]);
  return true;
}

export async function removeDocuments(query: Query, ids: readonly string[]): Promise<number> {
  const found = await query(
    "SELECT key FROM fairlead_rag.document WHERE id = ANY($1::text[]) ORDER BY key FOR UPDATE",
    [ids],
  );
  await removeOrphans(
    query,
    await removeByKeys(
      query,
      found.map((row) => Number(row["key"])),
    ),
  );
  return found.length;
}

/** Rows are only added to the counts; now and then they are put together. */
export async function compactCounts(query: Query): Promise<void> {
  const [lock] = await query("SELECT pg_try_advisory_xact_lock(7240413554) AS got");
  if (lock?.["got"] !== true) return;
  await query(
    `WITH gone AS (DELETE FROM fairlead_rag.term_count RETURNING *)
     INSERT INTO fairlead_rag.term_count SELECT term, sum(chunks), sum(length) FROM gone GROUP BY term HAVING sum(chunks) <> 0`,
  );
}

/** Returns the entities that may have lost their last mention. */
async function removeByKeys(query: Query, keys: readonly number[]): Promise<readonly number[]> {
  const left: number[] = [];
  for (const key of keys) {
    left.push(...(await entitiesOfDocument(query, key)));
    await countTerms(query, key, -1);
    await query("DELETE FROM fairlead_rag.document WHERE key = $1", [key]);
  }
  return left;
}

async function countTerms(query: Query, document: number, sign: 1 | -1): Promise<void> {
  await query(
    `INSERT INTO fairlead_rag.term_count
     SELECT t.lexeme, ${sign} * count(*), 0 FROM fairlead_rag.chunk c CROSS JOIN LATERAL unnest(c.terms) t WHERE c.document = $1 GROUP BY t.lexeme
     UNION ALL SELECT '', ${sign} * count(*), ${sign} * coalesce(sum(length), 0) FROM fairlead_rag.chunk WHERE document = $1`,
    [document],
  );
}

async function freeId(query: Query, collection: string, uri: string): Promise<string> {
  const derived = documentIdOf(collection, uri);
  const taken = await query("SELECT 1 FROM fairlead_rag.document WHERE id = $1", [derived]);
  return taken.length === 0 ? derived : documentIdOf(collection, `${uri}\n${randomUUID()}`);
}

/** Postgres stores no NUL characters. */
function clean(text: string): string {
  return text.replaceAll("\u0000", "");
}
