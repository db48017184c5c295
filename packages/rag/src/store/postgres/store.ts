// The store for more than one machine: Postgres with pgvector.
import pg from "pg";
import type { RagStore } from "../store.ts";
import type { Language } from "../terms.ts";
import { createDatabase, failure } from "./connection.ts";
import {
  entitiesByKey,
  entitiesByName,
  graphOf,
  mentionsOf,
  ownGraph,
  relationsOf,
  searchEntities,
  upsertGraph,
} from "./graph.ts";
import { lexicalSearch } from "./lexical.ts";
import { optimize } from "./optimize.ts";
import {
  checkConsistency,
  chunksByKey,
  chunksOfDocument,
  countAll,
  documentById,
  listDocuments,
} from "./read.ts";
import { prepareSchema } from "./schema.ts";
import {
  activateSpace,
  activeSpace,
  addVectors,
  claimSpace,
  pendingChunks,
  rememberActiveSpace,
  vectorSearch,
  vectorsByHash,
  vectorsOf,
} from "./spaces.ts";
import { compactCounts, putDocuments, removeDocuments, renameDocument } from "./write.ts";

export interface PostgresStoreOptions {
  /** `postgres://user:password@host:port/database`; everything is kept in its schema `fairlead_rag`. */
  readonly connectionString: string;
  /** How a new store cuts text into terms: "english" or "simple". @defaultValue "english" */
  readonly language?: Language | undefined;
  /** Connections at a time, from 1. @defaultValue 8 */
  readonly maxConnections?: number | undefined;
}

const COMPACT_EVERY = 50;
const CONNECT_TIMEOUT_MS = 10_000;

/** Opens, or creates, a store in a database. @throws RagError `STORE_OPEN_FAILED`, `STORE_TOO_NEW` */
export async function openPostgresStore({
  connectionString,
  language = "english",
  maxConnections = 8,
}: PostgresStoreOptions): Promise<RagStore> {
  if (!Number.isInteger(maxConnections) || maxConnections < 1)
    throw new RangeError(`maxConnections must be an integer from 1, got ${maxConnections}`);
  const location = withoutCredentials(connectionString);
  const pool = new pg.Pool({
    connectionString,
    max: maxConnections,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    application_name: "fairlead-rag",
    pipeline: true,
    allowExitOnIdle: true,
  });
  // An idle connection that breaks is replaced at the next query, which is where somebody hears of it.
  pool.on("error", () => {});
  const database = createDatabase(pool, location);
  let config = await prepareSchema(database, language).catch(async (error: unknown) => {
    await database.close();
    throw failure(error, location);
  });
  const { query, transaction } = database;
  const inActiveSpace = rememberActiveSpace(query);
  let puts = 0;
  return {
    async describe() {
      const [row] = await query(
        `SELECT current_setting('server_version') AS postgres,
           (SELECT extversion FROM pg_extension WHERE extname = 'vector') AS pgvector`,
      );
      const [postgres, pgvector] = [String(row?.["postgres"]), String(row?.["pgvector"])];
      return {
        kind: "postgres",
        location,
        engine: {
          postgres,
          pgvector,
          lexical: config.bm25 === "sql" ? "BM25 in SQL" : "pg_textsearch",
          language: config.language,
        },
      };
    },
    counts: () => countAll(query),
    async put(documents, space) {
      const results = await transaction((within) => putDocuments(within, documents, space, config));
      if (++puts % COMPACT_EVERY === 0) await transaction(compactCounts);
      return results;
    },
    rename: (id, uri, fingerprint) => transaction((within) => renameDocument(within, id, uri, fingerprint)),
    remove: (ids) => transaction((within) => removeDocuments(within, ids)),
    documents: (page) => listDocuments(query, page),
    document: (id) => documentById(query, id),
    chunksOf: (id, from, limit) => chunksOfDocument(query, id, from, limit),
    chunks: (keys) => chunksByKey(query, keys),
    lexical: (asked) => lexicalSearch(query, asked, config),
    nearest: (asked) => vectorSearch(database, inActiveSpace, asked),
    vectors: (keys) => vectorsOf(query, inActiveSpace, keys),
    vectorsByHash: (hashes) => vectorsByHash(query, inActiveSpace, hashes),
    async space() {
      const active = await activeSpace(query);
      if (active === undefined) return undefined;
      const { key: _key, ...space } = active;
      return space;
    },
    async claimSpace(space) {
      await transaction((within) => claimSpace(within, space));
    },
    pending: (space, limit) => pendingChunks(query, space, limit),
    addVectors: (space, entries) => transaction((within) => addVectors(within, space, entries)),
    activateSpace: (space) => transaction((within) => activateSpace(within, space)),
    upsertGraph: (entities, relations) =>
      transaction((within) => upsertGraph(within, entities, relations, config)),
    entitiesByName: (names) => entitiesByName(query, names),
    searchEntities: (text, limit) => searchEntities(query, text, limit, config),
    entities: (keys) => entitiesByKey(query, keys),
    relations: (asked) => relationsOf(query, asked),
    mentions: (entities, limit, filter) => mentionsOf(query, entities, limit, filter),
    ownGraph: () => ownGraph(query),
    graphOf: (id) => graphOf(query, id),
    async optimize() {
      const { done, bm25 } = await optimize(database, config);
      config = { ...config, bm25 };
      return done;
    },
    check: () => checkConsistency(query),
    close: () => database.close(),
  };
}

function withoutCredentials(connectionString: string): string {
  try {
    const { protocol, host, pathname } = new URL(connectionString);
    return `${protocol}//${host}${pathname}`;
  } catch {
    return "postgres";
  }
}
