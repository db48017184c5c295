// The same contract on Postgres: PGlite always, and a real server where FAIRLEAD_TEST_POSTGRES names one.
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openPostgresStore } from "../src/store/postgres/store.ts";
import type { RagStore } from "../src/store/store.ts";
import { startPglite, type TestPostgres } from "./pglite.ts";
import { describeStoreContract } from "./store-contract.ts";
import { documentOf } from "./store-documents.ts";

describe.each([{ bm25: false }, { bm25: true }])("PGlite through its socket server, %o", ({ bm25 }) => {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await startPglite({ bm25 });
  });
  afterAll(() => postgres.close());

  describeStoreContract(bm25 ? "Postgres with pg_textsearch" : "Postgres", {
    async open() {
      await postgres.reset();
      const store = await openPostgresStore(postgres);
      expect((await store.describe()).engine["lexical"]).toBe(bm25 ? "pg_textsearch" : "BM25 in SQL");
      return store;
    },
    reopen: () => openPostgresStore(postgres),
  });
});

describe("a store from before pg_textsearch was there", () => {
  it("is given the index when it is put in order, and writers that know nothing of it fill it", async () => {
    const postgres = await startPglite({ bm25: true });
    const client = new pg.Client({ connectionString: postgres.connectionString });
    await client.connect();
    try {
      const made = await openPostgresStore(postgres);
      await made.put([documentOf("old", ["Otters hold hands.", "Rivers run."])]);
      await made.close();
      await client.query("DROP INDEX fairlead_rag.chunk_bm25");
      await client.query("UPDATE fairlead_rag.chunk SET words = NULL");
      await client.query("UPDATE fairlead_rag.meta SET value = 'sql' WHERE key = 'bm25'");

      const [store, other] = [await openPostgresStore(postgres), await openPostgresStore(postgres)];
      const lexical = async () => (await store.describe()).engine["lexical"];
      const find = async (text: string): Promise<number> => (await store.lexical({ text, limit: 9 })).length;
      expect([await lexical(), await find("otter"), await find("river")]).toEqual(["BM25 in SQL", 1, 1]);
      expect((await store.optimize())[0]).toMatch(/pg_textsearch/);
      expect(await lexical()).toBe("pg_textsearch");
      await other.put([documentOf("new", ["An otter sleeps."])]);
      expect([await find("otter"), await find("river"), await find("nothing")]).toEqual([2, 1, 0]);
      const { rows } = await client.query("SELECT count(*) FROM fairlead_rag.chunk WHERE words IS NULL");
      expect(rows).toEqual([{ count: "0" }]);
      expect(await store.check()).toEqual([]);
      await Promise.all([store.close(), other.close()]);
    } finally {
      await client.end();
      await postgres.close();
    }
  });
});

const native = process.env["FAIRLEAD_TEST_POSTGRES"];
describe.skipIf(native === undefined)("a native Postgres", () => {
  const connectionString = native ?? "";
  describeStoreContract("Postgres (native)", {
    async open() {
      const client = new pg.Client({ connectionString });
      await client.connect();
      await client.query("DROP SCHEMA IF EXISTS fairlead_rag CASCADE");
      await client.end();
      return openPostgresStore({ connectionString });
    },
    reopen: () => openPostgresStore({ connectionString }),
  });

  it("serves writers at the same time, and says what it is", { timeout: 120_000 }, async () => {
    const stores = await Promise.all([1, 2, 3].map(() => openPostgresStore({ connectionString })));
    const [first] = stores;
    console.log(JSON.stringify((await first?.describe())?.engine));
    const entity = { name: "Shared", kind: "thing", observations: [] };
    const graph = { entities: [entity], relations: [], mentions: [{ chunk: 0, entity }] };
    const write = async (store: RagStore, name: string): Promise<void> => {
      for (let at = 0; at < 30; at++) {
        const own = documentOf(`${name}:${at}`, [`row ${at}`], { graph });
        const shared = documentOf(`shared:${at % 5}`, [`row ${at} of ${name}`], { graph });
        await store.put([own, shared]);
      }
    };
    await Promise.all(stores.map((store, at) => write(store, `w${at}`)));
    const { documents, entities } = (await first?.counts()) ?? {};
    expect([entities, (await first?.documents({ uriPrefix: "shared:", limit: 99 }))?.length]).toEqual([1, 5]);
    expect((await first?.documents({ uriPrefix: "w", limit: 999 }))?.length).toBe(90);
    expect(documents).toBeGreaterThanOrEqual(95);
    expect(await first?.check()).toEqual([]);
    await Promise.all(stores.map((store) => store.close()));
  });
});
