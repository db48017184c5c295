// A Postgres for tests without a server: PGlite behind its socket server, used through the ordinary driver.
import { PGlite } from "@electric-sql/pglite";
import { pg_textsearch } from "@electric-sql/pglite-pg_textsearch";
import { vector } from "@electric-sql/pglite-pgvector";
import { PGLiteSocketServer } from "@electric-sql/pglite-socket";

export interface TestPostgres {
  readonly connectionString: string;
  /** Connections that it takes at a time. */
  readonly maxConnections: number;
  /** Removes the store that is in it. */
  reset(): Promise<void>;
  close(): Promise<void>;
}

/** With `bm25` it has pg_textsearch as well, so that a new store uses its index. */
export async function startPglite({ bm25 = false } = {}): Promise<TestPostgres> {
  const database = await PGlite.create({ extensions: bm25 ? { vector, pg_textsearch } : { vector } });
  const server = new PGLiteSocketServer({ db: database, port: 0, host: "127.0.0.1", maxConnections: 16 });
  await server.start();
  const address = server.getServerConn();
  return {
    connectionString: `postgres://postgres:password@${address}/postgres`,
    maxConnections: 4,
    reset: async () => {
      await database.exec("DROP SCHEMA IF EXISTS fairlead_rag CASCADE");
    },
    async close() {
      await server.stop();
      await database.close();
    },
  };
}
