// The embedded store: one SQLite file that several processes may open and write at once.

import { createThread, workerUrl } from "../../threads/thread.ts";
import type { RagStore } from "../store.ts";
import type { Language } from "../terms.ts";
import type { Engine } from "./engine.ts";

export interface SqliteStoreOptions {
  /** Path of the file; it and its folder are created. */
  readonly path: string;
  /** How a new file cuts text into terms; a file keeps what it was created with. @defaultValue "english" */
  readonly language?: Language | undefined;
  /** Threads that search beside the one that writes, 1 to 16. @defaultValue 2 */
  readonly readers?: number | undefined;
  /** Vectors below which every search is exact; above, signs are compared first. @defaultValue 5 000 */
  readonly exactBelow?: number | undefined;
  /** Size that the file may not grow beyond, in bytes. @defaultValue unlimited */
  readonly maxBytes?: number | undefined;
  /** Whether to use sqlite-vec where it loads; false for its JavaScript stand-in. @defaultValue true */
  readonly nativeVectors?: boolean | undefined;
}

const WRITES = [
  "put",
  "rename",
  "remove",
  "claimSpace",
  "addVectors",
  "activateSpace",
  "upsertGraph",
  "optimize",
  "check",
] as const;
const READS = [
  "describe",
  "counts",
  "documents",
  "document",
  "chunksOf",
  "chunks",
  "lexical",
  "nearest",
  "vectors",
  "vectorsByHash",
  "space",
  "pending",
  "entitiesByName",
  "searchEntities",
  "entities",
  "relations",
  "mentions",
  "ownGraph",
  "graphOf",
] as const;

/** Opens, or creates, a store in one file. @throws RagError `STORE_OPEN_FAILED`, `STORE_TOO_NEW` */
export async function openSqliteStore({ readers = 2, ...options }: SqliteStoreOptions): Promise<RagStore> {
  if (!Number.isInteger(readers) || readers < 1 || readers > 16)
    throw new RangeError(`readers must be an integer from 1 to 16, got ${readers}`);
  const url = workerUrl(import.meta.url, "./worker.ts", "sqlite-worker");
  const open = () => createThread(url, options, `SQLite store ${options.path}`);
  // One thread per connection: readers go on while the writer writes (WAL).
  const writer = open();
  const reading = Array.from({ length: readers }, open);
  const leastBusy = () => reading.reduce((best, thread) => (thread.pending < best.pending ? thread : best));
  const close = async (): Promise<void> => {
    await Promise.all([...reading, writer].map((thread) => thread.close("close")));
  };
  const method = (name: keyof Engine, choose: () => typeof writer) => [
    name,
    (...parameters: never[]) => choose().call(name, parameters),
  ];
  const store = Object.fromEntries([
    ...WRITES.map((name) => method(name, () => writer)),
    ...READS.map((name) => method(name, leastBusy)),
    ["close", close],
  ]) as unknown as RagStore;
  try {
    // Opens the file, and creates its tables, before anybody relies on it.
    await writer.call("describe", []);
  } catch (error) {
    await close().catch(() => {});
    throw error;
  }
  return store;
}
