// Connections, transactions, and what Postgres's error codes mean for somebody who uses the store.

import type { Pool, PoolClient, QueryResult } from "pg";
import { RagError } from "../../errors.ts";

export type Row = Readonly<Record<string, unknown>>;

/** Runs one statement. */
export type Query = (text: string, values?: readonly unknown[]) => Promise<readonly Row[]>;

export interface Database {
  readonly query: Query;
  /** Runs one statement under settings that hold for it alone, in one round trip. */
  queryWith(
    settings: Readonly<Record<string, string | number>>,
    text: string,
    values: readonly unknown[],
  ): Promise<readonly Row[]>;
  /** All of it, or nothing. Tried again when another process got in the way. */
  transaction<T>(work: (query: Query) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

const MAX_ATTEMPTS = 10;
/** Unique, foreign key, serialization, deadlock: the other one has won, and a new look shows what it did. */
const RACES: ReadonlySet<string> = new Set(["23505", "23503", "40001", "40P01"]);

export function createDatabase(pool: Pool, location: string): Database {
  let closing: Promise<void> | undefined;
  const checkOpen = (): void => {
    if (closing !== undefined) throw new RagError("STORE_CLOSED", `The store at ${location} was closed.`);
  };
  const queryOn =
    (client: Pool | PoolClient): Query =>
    async (text, values = []) =>
      (await client.query(text, [...values])).rows as Row[];

  async function attempt<T>(work: (query: Query) => Promise<T>): Promise<T> {
    const client = await pool.connect();
    let broken = false;
    try {
      await client.query("BEGIN");
      const result = await work(queryOn(client));
      await client.query("COMMIT");
      return result;
    } catch (error) {
      await client.query("ROLLBACK").catch(() => {
        broken = true;
      });
      throw error;
    } finally {
      client.release(broken);
    }
  }

  return {
    async query(text, values) {
      checkOpen();
      return await queryOn(pool)(text, values).catch((error: unknown) => {
        throw failure(error, location);
      });
    },
    async queryWith(settings, text, values) {
      checkOpen();
      const local = Object.entries(settings).map(([name, value]) => `SET LOCAL ${name} = '${value}'`);
      const client = await pool.connect().catch((error: unknown) => {
        throw failure(error, location);
      });
      // Sent at once: the pool's connections are pipelined. Settings of the session would outlive the statement behind a
      // pooler such as PgBouncer, and those of a connection's start are refused there.
      const answers = await Promise.allSettled([
        client.query(["BEGIN", ...local].join("; ")),
        client.query(text, [...values]),
        client.query("COMMIT"),
      ]);
      client.release(answers[2].status === "rejected");
      for (const answer of answers) if (answer.status === "rejected") throw failure(answer.reason, location);
      return (answers[1] as PromiseFulfilledResult<QueryResult>).value.rows as Row[];
    },
    async transaction(work) {
      checkOpen();
      for (let tried = 1; ; tried++) {
        try {
          return await attempt(work);
        } catch (error) {
          if (tried < MAX_ATTEMPTS && RACES.has(codeOf(error))) continue;
          throw failure(error, location);
        }
      }
    },
    close() {
      closing ??= pool.end();
      return closing;
    },
  };
}

export function failure(error: unknown, location: string): unknown {
  if (error instanceof RagError) return error;
  const code = codeOf(error);
  const reason = error instanceof Error ? error.message : String(error);
  const facts = code === "" ? { location } : { location, postgresCode: code };
  const options = { cause: error };
  if (/^(ECONN|ENOTFOUND|EHOSTUNREACH|28|3D)/.test(code))
    return new RagError(
      "STORE_OPEN_FAILED",
      `Postgres at ${location} cannot be used: ${reason}.`,
      facts,
      options,
    );
  if (code === "53100" || code === "53200")
    return new RagError(
      "STORE_FULL",
      `Postgres at ${location} has no space left: ${reason}.`,
      facts,
      options,
    );
  return new RagError("STORE_FAILED", `Postgres at ${location}: ${reason}.`, facts, options);
}

function codeOf(error: unknown): string {
  const code = (error as { readonly code?: unknown } | undefined)?.code;
  return typeof code === "string" ? code : "";
}
