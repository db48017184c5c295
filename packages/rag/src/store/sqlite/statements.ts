// Prepared statements, kept by their text, and transactions.
import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";

export type Row = Readonly<Record<string, unknown>>;

export interface Statements {
  all(sql: string, ...parameters: readonly SQLInputValue[]): readonly Row[];
  get(sql: string, ...parameters: readonly SQLInputValue[]): Row | undefined;
  run(sql: string, ...parameters: readonly SQLInputValue[]): number;
  /** Runs in one immediate transaction: all of it, or nothing. */
  transaction<T>(work: () => T): T;
}

const MAX_KEPT = 200;

export function createStatements(database: DatabaseSync): Statements {
  const kept = new Map<string, StatementSync>();
  const prepare = (sql: string): StatementSync => {
    let statement = kept.get(sql);
    if (statement === undefined) {
      if (kept.size >= MAX_KEPT) kept.clear();
      statement = database.prepare(sql);
      kept.set(sql, statement);
    }
    return statement;
  };
  return {
    all: (sql, ...parameters) => prepare(sql).all(...parameters) as Row[],
    get: (sql, ...parameters) => prepare(sql).get(...parameters) as Row | undefined,
    run: (sql, ...parameters) => Number(prepare(sql).run(...parameters).changes),
    transaction(work) {
      database.exec("BEGIN IMMEDIATE");
      try {
        const result = work();
        database.exec("COMMIT");
        return result;
      } catch (error) {
        // After some failures (a full disk) SQLite has rolled back by itself already.
        if (database.isTransaction) database.exec("ROLLBACK");
        throw error;
      }
    },
  };
}
