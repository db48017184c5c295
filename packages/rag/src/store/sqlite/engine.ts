// The SQLite store as synchronous functions: what runs inside a thread.
import type { RagStore } from "../store.ts";
import type { Language } from "../terms.ts";
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
import { openDatabase } from "./open-database.ts";
import {
  checkConsistency,
  chunksByKey,
  chunksOfDocument,
  countAll,
  documentById,
  listDocuments,
} from "./read.ts";
import { DEFAULT_EXACT_BELOW, lexicalSearch, vectorSearch } from "./search.ts";
import {
  activateSpace,
  activeSpace,
  addVectors,
  claimSpace,
  pendingChunks,
  vectorsByHash,
  vectorsOf,
} from "./spaces.ts";
import { createStatements } from "./statements.ts";
import { putDocuments, removeDocuments, renameDocument } from "./write.ts";

export interface EngineOptions {
  readonly path: string;
  readonly language?: Language | undefined;
  readonly maxBytes?: number | undefined;
  readonly exactBelow?: number | undefined;
  readonly nativeVectors?: boolean | undefined;
}

/** Every method of the store, with its result instead of a promise. */
export type Engine = {
  [M in keyof RagStore]: (...parameters: Parameters<RagStore[M]>) => Awaited<ReturnType<RagStore[M]>>;
};

export function createEngine({ path, exactBelow = DEFAULT_EXACT_BELOW, ...options }: EngineOptions): Engine {
  const { maxBytes, nativeVectors } = options;
  const { database, language, vectorFunctions } = openDatabase(path, {
    language: options.language ?? "english",
    ...(maxBytes === undefined ? {} : { maxBytes }),
    ...(nativeVectors === undefined ? {} : { nativeVectors }),
  });
  const sql = createStatements(database);
  return {
    describe: () => ({
      kind: "sqlite",
      location: path,
      engine: {
        sqlite: String(sql.get("SELECT sqlite_version() v")?.["v"]),
        vectors:
          vectorFunctions.kind === "sqlite-vec"
            ? `sqlite-vec ${vectorFunctions.version}`
            : `JavaScript (${vectorFunctions.reason})`,
        language,
      },
    }),
    counts: () => countAll(sql),
    put: (documents, space) => putDocuments(sql, documents, space),
    rename: (id, uri, fingerprint) => renameDocument(sql, id, uri, fingerprint),
    remove: (ids) => removeDocuments(sql, ids),
    documents: (query) => listDocuments(sql, query),
    document: (id) => documentById(sql, id),
    chunksOf: (id, from, limit) => chunksOfDocument(sql, id, from, limit),
    chunks: (keys) => chunksByKey(sql, keys),
    lexical: (query) => lexicalSearch(sql, query, language),
    nearest: (query) => vectorSearch(sql, query, exactBelow),
    vectors: (keys) => vectorsOf(sql, keys),
    vectorsByHash: (hashes) => vectorsByHash(sql, hashes),
    space() {
      const active = activeSpace(sql);
      if (active === undefined) return undefined;
      const { key: _, ...space } = active;
      return space;
    },
    claimSpace(space) {
      sql.transaction(() => claimSpace(sql, space));
    },
    pending: (space, limit) => pendingChunks(sql, space, limit),
    addVectors: (space, entries) => addVectors(sql, space, entries),
    activateSpace: (space) => activateSpace(sql, space),
    upsertGraph: (entities, relations) => upsertGraph(sql, entities, relations),
    entitiesByName: (names) => entitiesByName(sql, names),
    searchEntities: (text, limit) => searchEntities(sql, text, limit, language),
    entities: (keys) => entitiesByKey(sql, keys),
    relations: (query) => relationsOf(sql, query),
    mentions: (entities, limit, filter) => mentionsOf(sql, entities, limit, filter),
    ownGraph: () => ownGraph(sql),
    graphOf: (id) => graphOf(sql, id),
    optimize() {
      for (const index of ["chunk_fts", "entity_fts"])
        sql.run(`INSERT INTO ${index} (${index}) VALUES ('optimize')`);
      sql.run("ANALYZE");
      return ["the indexes of words are one piece each", "statistics are new"];
    },
    check: () => checkConsistency(sql),
    close: () => database.close(),
  };
}
