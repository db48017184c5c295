// Retrieval quality on a collection of one's own: FAIRLEAD_RAG_EVAL_DATA names its folder (see `fairlead rag eval`). The
// floors are those of Cranfield, which may not be shipped.
import { tempDir } from "@fairlead/testbed";
import { describe, expect, it } from "vitest";
import { readCollection } from "../src/eval/collection.ts";
import { runEvaluation } from "../src/eval/run.ts";
import { createLibrary } from "../src/library/library.ts";
import { openPostgresStore } from "../src/store/postgres/store.ts";
import { openSqliteStore } from "../src/store/sqlite/store.ts";
import { startPglite } from "./pglite.ts";

const data = process.env["FAIRLEAD_RAG_EVAL_DATA"];

describe.skipIf(data === undefined)("quality on Cranfield", () => {
  it("SQLite reaches MAP .294 and nDCG@10 .373, and Postgres the same within .005", {
    timeout: 600_000,
  }, async () => {
    await using dir = await tempDir();
    const collection = readCollection(data ?? "");
    await using small = createLibrary({ store: await openSqliteStore({ path: dir.file("eval.sqlite") }) });
    const sqlite = await runEvaluation(small, collection);
    console.log(JSON.stringify({ sqlite }));
    expect(sqlite.map).toBeGreaterThanOrEqual(0.294);
    expect(sqlite.ndcg10).toBeGreaterThanOrEqual(0.373);
    for (const bm25 of [false, true]) {
      const server = await startPglite({ bm25 });
      try {
        await using large = createLibrary({ store: await openPostgresStore(server) });
        const postgres = await runEvaluation(large, collection);
        console.log(JSON.stringify({ bm25, postgres }));
        expect(Math.abs(postgres.map - sqlite.map)).toBeLessThanOrEqual(0.005);
        expect(Math.abs(postgres.ndcg10 - sqlite.ndcg10)).toBeLessThanOrEqual(0.005);
      } finally {
        await server.close();
      }
    }
  });
});
