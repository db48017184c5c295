// What a store gains from after much was written, or after its Postgres has got pg_textsearch.
import { wordsOf } from "../terms.ts";
import type { Database, Query } from "./connection.ts";
import { createBm25Index, type TextConfig } from "./schema.ts";
import { activeSpace } from "./spaces.ts";
import { compactCounts } from "./write.ts";

const BATCH = 1_000;
const TABLES = ["document", "chunk", "term_count", "entity", "relation", "mention"] as const;

/** See `RagStore.optimize`; `bm25` is what ranks from now on. */
export async function optimize(
  database: Database,
  { language, bm25 }: TextConfig,
): Promise<{ readonly done: readonly string[]; readonly bm25: TextConfig["bm25"] }> {
  const done: string[] = [];
  const { query, transaction } = database;
  const hasIndex = bm25 === "pg_textsearch";
  const isAdded = !hasIndex && (await transaction((within) => addBm25Index(within, language)));
  if (isAdded) done.push("words are ranked by an index of pg_textsearch from now on");
  if (hasIndex) {
    await query("SELECT bm25_force_merge('fairlead_rag.chunk_bm25')");
    done.push("the index of words is one piece");
  }
  await transaction(compactCounts);
  const space = await activeSpace(query);
  const tables = space === undefined ? TABLES : [...TABLES, `vector_${space.key}`];
  for (const table of tables) await query(`VACUUM (ANALYZE) fairlead_rag.${table}`);
  return {
    done: [...done, "what was deleted is cleared away, and statistics are new"],
    bm25: isAdded ? "pg_textsearch" : bm25,
  };
}

async function addBm25Index(query: Query, language: string): Promise<boolean> {
  // Nobody may add chunks without words meanwhile.
  await query("LOCK TABLE fairlead_rag.chunk IN SHARE ROW EXCLUSIVE MODE");
  const isAdded = await createBm25Index(query, language, () => fillWords(query));
  if (isAdded) await query("UPDATE fairlead_rag.meta SET value = 'pg_textsearch' WHERE key = 'bm25'");
  return isAdded;
}

async function fillWords(query: Query): Promise<void> {
  for (let last = 0; ; ) {
    const rows = await query(
      "SELECT key, heading, text FROM fairlead_rag.chunk WHERE key > $1 ORDER BY key LIMIT $2",
      [last, BATCH],
    );
    if (rows.length === 0) return;
    last = Number(rows.at(-1)?.["key"]);
    const words = rows.map((row) => wordsOf(`${String(row["heading"])}\n${String(row["text"])}`));
    await query(
      `UPDATE fairlead_rag.chunk c SET words = given.words FROM unnest($1::bigint[], $2::text[]) AS given (key, words)
       WHERE c.key = given.key`,
      [rows.map((row) => row["key"]), words],
    );
  }
}
