// The tables of the Postgres store, all in the schema `fairlead_rag`, and how a database gets them.
import { RagError } from "../../errors.ts";
import type { Language } from "../terms.ts";
import type { Database, Query } from "./connection.ts";

const VERSION = 1;
/** Of BM25: those of FTS5, which the other store uses. */
export const K1 = 1.2;
export const B = 0.75;
/** Any number that nobody else uses: processes that create the tables at the same time queue up behind it. */
const SCHEMA_LOCK = 7_240_413_553;
/** pgvector's HNSW index takes no longer vectors; those are compared one by one. */
const MAX_INDEXED_DIMENSION = 2_000;

const TABLES = `
CREATE TABLE fairlead_rag.document (
  key bigserial PRIMARY KEY,
  id text NOT NULL UNIQUE,
  collection text COLLATE "C" NOT NULL,
  uri text COLLATE "C" NOT NULL,
  title text NOT NULL,
  mime_type text NOT NULL,
  hash text NOT NULL,
  fingerprint text NOT NULL,
  metadata jsonb NOT NULL,
  chunks integer NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (collection, uri)
);
CREATE TABLE fairlead_rag.chunk (
  key bigserial PRIMARY KEY,
  document bigint NOT NULL REFERENCES fairlead_rag.document ON DELETE CASCADE,
  ordinal integer NOT NULL,
  heading text NOT NULL,
  text text NOT NULL,
  hash text NOT NULL,
  start integer NOT NULL,
  "end" integer NOT NULL,
  terms tsvector NOT NULL,
  length integer NOT NULL,
  words text,
  UNIQUE (document, ordinal)
);
CREATE INDEX chunk_hash ON fairlead_rag.chunk (hash);
CREATE INDEX chunk_terms ON fairlead_rag.chunk USING gin (terms) WITH (fastupdate = off);
-- How many chunks have a term: rows are only added, and summed up when asked for, so that writers never wait for each
-- other on a common word. The empty term counts the chunks and their lengths.
CREATE TABLE fairlead_rag.term_count (term text COLLATE "C" NOT NULL, chunks bigint NOT NULL, length bigint NOT NULL);
CREATE INDEX term_count_term ON fairlead_rag.term_count (term) INCLUDE (chunks, length);
CREATE TABLE fairlead_rag.space (
  key bigserial PRIMARY KEY,
  model text NOT NULL,
  dimension integer NOT NULL,
  document_prefix text NOT NULL,
  query_prefix text NOT NULL,
  active boolean NOT NULL,
  UNIQUE (model, dimension, document_prefix, query_prefix)
);
CREATE UNIQUE INDEX space_active ON fairlead_rag.space (active) WHERE active;
CREATE TABLE fairlead_rag.entity (
  key bigserial PRIMARY KEY,
  name text COLLATE "C" NOT NULL,
  folded text NOT NULL,
  kind text COLLATE "C" NOT NULL,
  observations jsonb NOT NULL,
  own boolean NOT NULL,
  terms tsvector NOT NULL,
  UNIQUE (name, kind)
);
CREATE INDEX entity_folded ON fairlead_rag.entity (folded);
CREATE INDEX entity_terms ON fairlead_rag.entity USING gin (terms);
CREATE TABLE fairlead_rag.relation (
  key bigserial PRIMARY KEY,
  source bigint NOT NULL REFERENCES fairlead_rag.entity ON DELETE CASCADE,
  target bigint NOT NULL REFERENCES fairlead_rag.entity ON DELETE CASCADE,
  type text COLLATE "C" NOT NULL,
  document bigint REFERENCES fairlead_rag.document ON DELETE CASCADE
);
CREATE UNIQUE INDEX relation_identity ON fairlead_rag.relation (source, target, type, coalesce(document, 0));
CREATE INDEX relation_target ON fairlead_rag.relation (target);
CREATE INDEX relation_document ON fairlead_rag.relation (document);
CREATE TABLE fairlead_rag.mention (
  entity bigint NOT NULL REFERENCES fairlead_rag.entity ON DELETE CASCADE,
  chunk bigint NOT NULL REFERENCES fairlead_rag.chunk ON DELETE CASCADE,
  PRIMARY KEY (entity, chunk)
);
CREATE INDEX mention_chunk ON fairlead_rag.mention (chunk);
`;

/** How texts are indexed: decided when the store is created. */
export interface TextConfig {
  /** Name of a text search configuration. */
  readonly language: "english" | "simple";
  /** What ranks: an index of pg_textsearch, or plain SQL. */
  readonly bm25: "pg_textsearch" | "sql";
}

/** Brings a database to the present schema. @throws RagError `STORE_OPEN_FAILED`, `STORE_TOO_NEW` */
export async function prepareSchema(database: Database, wanted: Language): Promise<TextConfig> {
  if (wanted === "trigram")
    throw new RagError(
      "INVALID_INPUT",
      `The language "trigram" is for SQLite stores; on Postgres use "simple".`,
    );
  return database.transaction(async (query) => {
    await query("SELECT pg_advisory_xact_lock($1)", [SCHEMA_LOCK]);
    await createExtension(query);
    await query("CREATE SCHEMA IF NOT EXISTS fairlead_rag");
    await query("CREATE TABLE IF NOT EXISTS fairlead_rag.meta (key text PRIMARY KEY, value text NOT NULL)");
    const meta = new Map(
      (await query("SELECT key, value FROM fairlead_rag.meta")).map((row) => [
        row["key"],
        String(row["value"]),
      ]),
    );
    const found = Number(meta.get("version") ?? 0);
    if (found > VERSION)
      throw new RagError(
        "STORE_TOO_NEW",
        `The store has schema version ${found}, this version of @fairlead/rag knows up to ${VERSION}. Update the package.`,
        { found, known: VERSION },
      );
    if (found === 0) {
      for (const statement of TABLES.split(/;\s*\n/)) if (statement.trim() !== "") await query(statement);
      const bm25 = (await createBm25Index(query, wanted)) ? "pg_textsearch" : "sql";
      const values = [String(VERSION), wanted, bm25];
      await query(
        "INSERT INTO fairlead_rag.meta VALUES ('version', $1), ('language', $2), ('bm25', $3)",
        values,
      );
      return { language: wanted, bm25 };
    }
    return { language: meta.get("language"), bm25: meta.get("bm25") } as TextConfig;
  });
}

/** As a condition in SQL, since another process may have added the index meanwhile. */
export const HAS_BM25_INDEX = "(SELECT value = 'pg_textsearch' FROM fairlead_rag.meta WHERE key = 'bm25')";

/** Where pg_textsearch is installed, loaded and allowed, it ranks, once `fill` has written the words; else nothing happens. */
export async function createBm25Index(
  query: Query,
  language: string,
  fill: () => Promise<void> = () => Promise.resolve(),
): Promise<boolean> {
  const available = await query("SELECT 1 FROM pg_available_extensions WHERE name = 'pg_textsearch'");
  if (available.length === 0) return false;
  await query("SAVEPOINT textsearch");
  try {
    await query("CREATE EXTENSION IF NOT EXISTS pg_textsearch");
    await fill();
    await query(
      `CREATE INDEX chunk_bm25 ON fairlead_rag.chunk USING bm25 (words) WITH (text_config = '${language}', k1 = ${K1}, b = ${B})`,
    );
    await query("RELEASE SAVEPOINT textsearch");
    return true;
  } catch {
    await query("ROLLBACK TO SAVEPOINT textsearch");
    return false;
  }
}

async function createExtension(query: Query): Promise<void> {
  const [vector] = await query(
    "SELECT default_version, installed_version FROM pg_available_extensions WHERE name = 'vector'",
  );
  if (vector === undefined)
    throw new RagError(
      "STORE_OPEN_FAILED",
      "This Postgres has no pgvector: install it (Debian 13: postgresql-17-pgvector).",
    );
  if (vector["installed_version"] === null) await query("CREATE EXTENSION IF NOT EXISTS vector");
  const version = String(vector["installed_version"] ?? vector["default_version"]);
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major === 0 && minor < 8)
    throw new RagError(
      "STORE_OPEN_FAILED",
      `pgvector ${version} is too old: filtered searches need 0.8, and 0.8.4 or newer is advised. Update it, then ALTER EXTENSION vector UPDATE.`,
      { version },
    );
}

export async function createSpaceTable(query: Query, space: number, dimension: number): Promise<void> {
  await query(
    `CREATE TABLE fairlead_rag.vector_${space} (
       chunk bigint PRIMARY KEY REFERENCES fairlead_rag.chunk ON DELETE CASCADE, vector vector(${dimension}) NOT NULL)`,
  );
  if (dimension > MAX_INDEXED_DIMENSION) return;
  // In the row itself, which has room for as many: comparing them all takes a third of the time.
  await query(`ALTER TABLE fairlead_rag.vector_${space} ALTER COLUMN vector SET STORAGE PLAIN`);
  await query(
    `CREATE INDEX vector_${space}_hnsw ON fairlead_rag.vector_${space}
     USING hnsw (vector vector_cosine_ops) WITH (m = 16, ef_construction = 64)`,
  );
}

export async function dropSpaceTable(query: Query, space: number): Promise<void> {
  await query(`DROP TABLE fairlead_rag.vector_${space}`);
}
