// Opens the file so that several processes may use it at once: the patience for locks is set before anything that
// takes one, and switching a new file to WAL is tried again, since the busy handler does not cover it.
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Language } from "../terms.ts";
import { prepareSchema } from "./schema.ts";
import { addVectorFunctions, type VectorFunctions } from "./vector-functions.ts";

/** How long a statement waits for another process's transaction, in milliseconds. */
const BUSY_TIMEOUT_MS = 120_000;
const WAL_ATTEMPTS = 200;
const WAL_RETRY_MS = 25;

export interface OpenedDatabase {
  readonly database: DatabaseSync;
  readonly language: Language;
  readonly vectorFunctions: VectorFunctions;
}

export function openDatabase(
  path: string,
  {
    language,
    maxBytes,
    nativeVectors = true,
  }: { language: Language; maxBytes?: number; nativeVectors?: boolean },
): OpenedDatabase {
  mkdirSync(dirname(path), { recursive: true });
  const database = new DatabaseSync(path, { allowExtension: true, timeout: BUSY_TIMEOUT_MS });
  try {
    switchToWal(database);
    database.exec(`
      PRAGMA synchronous = NORMAL;
      PRAGMA foreign_keys = ON;
      PRAGMA temp_store = MEMORY;
      PRAGMA cache_size = -32768;
      PRAGMA mmap_size = 4294967296;
      PRAGMA journal_size_limit = 67108864;`);
    if (maxBytes !== undefined) {
      const pageSize = Number(database.prepare("PRAGMA page_size").get()?.["page_size"]);
      database.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(maxBytes / pageSize))}`);
    }
    const vectorFunctions = addVectorFunctions(database, nativeVectors);
    return { database, language: prepareSchema(database, language), vectorFunctions };
  } catch (error) {
    database.close();
    throw error;
  }
}

function switchToWal(database: DatabaseSync): void {
  for (let attempt = 1; ; attempt++) {
    try {
      if (database.prepare("PRAGMA journal_mode = WAL").get()?.["journal_mode"] === "wal") return;
      throw new Error("the file system does not support the WAL journal");
    } catch (error) {
      if (attempt === WAL_ATTEMPTS || !/locked|busy/i.test(String(error))) throw error;
      // A worker thread of its own: waiting here holds up nobody else.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, WAL_RETRY_MS);
    }
  }
}
