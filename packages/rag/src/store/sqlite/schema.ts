// The tables of the SQLite store, and how a file gets them: in one transaction, so that two processes that open a new
// file at the same time agree on who creates them.
import type { DatabaseSync } from "node:sqlite";
import { RagError } from "../../errors.ts";
import type { Language } from "../terms.ts";
import type { Statements } from "./statements.ts";

const VERSION = 1;

const TOKENIZERS: Readonly<Record<Language, string>> = {
  english: "porter unicode61 remove_diacritics 2",
  simple: "unicode61 remove_diacritics 2",
  trigram: "trigram",
};

// The index has no copy of the text (external content); triggers keep it in step, whoever deletes.
const TABLES = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE document (
  key INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  collection TEXT NOT NULL,
  uri TEXT NOT NULL,
  title TEXT NOT NULL,
  mime_type TEXT NOT NULL,
  hash TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  metadata TEXT NOT NULL,
  chunks INTEGER NOT NULL,
  updated_at TEXT NOT NULL,
  UNIQUE (collection, uri)
) STRICT;
CREATE TABLE chunk (
  key INTEGER PRIMARY KEY AUTOINCREMENT,
  document INTEGER NOT NULL REFERENCES document ON DELETE CASCADE,
  ordinal INTEGER NOT NULL,
  heading TEXT NOT NULL,
  text TEXT NOT NULL,
  hash TEXT NOT NULL,
  start INTEGER NOT NULL,
  "end" INTEGER NOT NULL,
  UNIQUE (document, ordinal)
) STRICT;
CREATE INDEX chunk_hash ON chunk (hash);
CREATE VIRTUAL TABLE chunk_fts USING fts5(heading, text, content='chunk', content_rowid='key', tokenize='$tokenizer');
CREATE TRIGGER chunk_insert AFTER INSERT ON chunk BEGIN
  INSERT INTO chunk_fts (rowid, heading, text) VALUES (new.key, new.heading, new.text);
END;
CREATE TRIGGER chunk_delete AFTER DELETE ON chunk BEGIN
  INSERT INTO chunk_fts (chunk_fts, rowid, heading, text) VALUES ('delete', old.key, old.heading, old.text);
END;
CREATE TABLE space (
  key INTEGER PRIMARY KEY AUTOINCREMENT,
  model TEXT NOT NULL,
  dimension INTEGER NOT NULL,
  document_prefix TEXT NOT NULL,
  query_prefix TEXT NOT NULL,
  active INTEGER NOT NULL,
  UNIQUE (model, dimension, document_prefix, query_prefix)
) STRICT;
CREATE TABLE entity (
  key INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  folded TEXT NOT NULL,
  kind TEXT NOT NULL,
  observations TEXT NOT NULL,
  own INTEGER NOT NULL,
  touched INTEGER NOT NULL DEFAULT 0,
  UNIQUE (name, kind)
) STRICT;
CREATE INDEX entity_folded ON entity (folded);
CREATE INDEX entity_touched ON entity (key) WHERE touched = 1;
CREATE VIRTUAL TABLE entity_fts USING fts5(name, observations, content='entity', content_rowid='key', tokenize='$tokenizer');
CREATE TRIGGER entity_insert AFTER INSERT ON entity BEGIN
  INSERT INTO entity_fts (rowid, name, observations) VALUES (new.key, new.name, new.observations);
END;
CREATE TRIGGER entity_delete AFTER DELETE ON entity BEGIN
  INSERT INTO entity_fts (entity_fts, rowid, name, observations) VALUES ('delete', old.key, old.name, old.observations);
END;
CREATE TRIGGER entity_update AFTER UPDATE OF name, observations ON entity BEGIN
  INSERT INTO entity_fts (entity_fts, rowid, name, observations) VALUES ('delete', old.key, old.name, old.observations);
  INSERT INTO entity_fts (rowid, name, observations) VALUES (new.key, new.name, new.observations);
END;
CREATE TABLE relation (
  key INTEGER PRIMARY KEY,
  source INTEGER NOT NULL REFERENCES entity ON DELETE CASCADE,
  target INTEGER NOT NULL REFERENCES entity ON DELETE CASCADE,
  type TEXT NOT NULL,
  document INTEGER REFERENCES document ON DELETE CASCADE
) STRICT;
CREATE UNIQUE INDEX relation_identity ON relation (source, target, type, coalesce(document, 0));
CREATE INDEX relation_target ON relation (target);
CREATE INDEX relation_document ON relation (document);
CREATE TABLE mention (
  entity INTEGER NOT NULL REFERENCES entity ON DELETE CASCADE,
  chunk INTEGER NOT NULL REFERENCES chunk ON DELETE CASCADE,
  PRIMARY KEY (entity, chunk)
) STRICT, WITHOUT ROWID;
CREATE INDEX mention_chunk ON mention (chunk);
`;

/** Brings a file to the present schema; returns the language that its index was made for. */
export function prepareSchema(database: DatabaseSync, wanted: Language): Language {
  const version = (): number => Number(database.prepare("PRAGMA user_version").get()?.["user_version"]);
  if (version() === 0) {
    database.exec("BEGIN IMMEDIATE");
    try {
      if (version() === 0) {
        database.exec(TABLES.replaceAll("$tokenizer", TOKENIZERS[wanted]));
        database.prepare("INSERT INTO meta VALUES ('language', ?)").run(wanted);
        database.exec(`PRAGMA user_version = ${VERSION}`);
      }
      database.exec("COMMIT");
    } catch (error) {
      database.exec("ROLLBACK");
      throw error;
    }
  }
  const found = version();
  if (found > VERSION)
    throw new RagError(
      "STORE_TOO_NEW",
      `The store has schema version ${found}, this version of @fairlead/rag knows up to ${VERSION}. Update the package, or use another file.`,
      { found, known: VERSION },
    );
  return String(
    database.prepare("SELECT value FROM meta WHERE key = 'language'").get()?.["value"],
  ) as Language;
}

/** The two tables of a space: whole vectors, and their signs alone, which are 32 times smaller to scan. */
export function createSpaceTables(sql: Statements, space: number): void {
  for (const [table, column] of [
    ["vector", "vector"],
    ["bits", "bits"],
  ])
    sql.run(
      `CREATE TABLE ${table}_${space} (chunk INTEGER PRIMARY KEY REFERENCES chunk ON DELETE CASCADE, ${column} BLOB NOT NULL) STRICT`,
    );
}

export function dropSpaceTables(sql: Statements, space: number): void {
  for (const table of ["vector", "bits"]) sql.run(`DROP TABLE ${table}_${space}`);
}
