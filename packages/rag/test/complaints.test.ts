// What users of other RAG servers complained about, by the place of the complaint. Each must not happen here.
import { stat } from "node:fs/promises";
import { DatabaseSync } from "node:sqlite";
import { Worker } from "node:worker_threads";
import { type TempDir, tempDir } from "@fairlead/testbed";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createCorpus } from "../bench/corpus.ts";
import { RagError } from "../src/errors.ts";
import { createLibrary, type Library } from "../src/library/library.ts";
import { createRagProvider, type RagProvider } from "../src/provider/provider.ts";
import { bounded } from "../src/server/results.ts";
import { openPostgresStore } from "../src/store/postgres/store.ts";
import { openSqliteStore, type SqliteStoreOptions } from "../src/store/sqlite/store.ts";
import type { RagStore } from "../src/store/store.ts";
import { fakeEmbedder } from "./fake-embedder.ts";
import { startPglite } from "./pglite.ts";
import { scripted } from "./scripted-server.ts";
import { documentOf, vectorOf } from "./store-documents.ts";

let dir: TempDir;
const closing: { close(): Promise<void> }[] = [];
beforeEach(async () => {
  dir = await tempDir();
});
afterEach(async () => {
  await Promise.all(closing.splice(0).map((one) => one.close()));
  await dir[Symbol.asyncDispose]();
});
const opened = async (options: Partial<SqliteStoreOptions> = {}): Promise<RagStore> => {
  const store = await openSqliteStore({ path: dir.file("rag.sqlite"), readers: 1, ...options });
  closing.push(store);
  return store;
};
const libraryOf = (store: RagStore, embedder = fakeEmbedder()): Library => {
  const library = createLibrary({ store, embedder });
  closing.push(library);
  return library;
};
const provider = async (...results: readonly (readonly object[])[]): Promise<RagProvider> => {
  const created = createRagProvider({
    serverConfigs: results.map((hits, at) =>
      scripted(
        `s${at}`,
        [
          {
            name: "vector_search",
            arguments: ["query"],
            result: { content: [], structuredContent: { results: hits } },
          },
        ],
        { shard: `${at}` },
      ),
    ),
  });
  closing.push(created);
  await created.connect();
  return created;
};
const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "none",
    (error: unknown) => (error instanceof RagError ? error.code : String(error)),
  );
const space = { model: "m", dimension: 16, documentPrefix: "", queryPrefix: "" };

describe("complaints about other servers", () => {
  it("qdrant/mcp-server-qdrant#188: no relevance floor, no de-duplication, no validation of the collection", async () => {
    const same = { text: "the same passage", similarity: 0.9 };
    const both = await provider([same, { text: "noise", similarity: 0.1 }], [same]);
    const { results, thresholdApplied } = await both.query({ query: "x", threshold: 0.5 });
    expect([results.map(({ text }) => text), thresholdApplied]).toEqual([["the same passage"], true]);
    const library = libraryOf(await opened());
    await library.ingest([{ text: "a passage" }]);
    const wrong = await library.search({ query: "passage", filter: { collection: "tpyo" } });
    expect([wrong.hits, wrong.notices]).toEqual([[], [expect.stringContaining('no collection "tpyo"')]]);
  });

  it("qdrant/mcp-server-qdrant#47: a search fails on entries that were stored by somebody else", async () => {
    const mixed = await provider([
      { payload: { other: 1 } },
      { text: "readable", similarity: 1 },
      null as never,
      { text: 7 },
    ]);
    expect((await mixed.query({ query: "x" })).results.map(({ text }) => text)).toEqual(["readable"]);
    const foreign = new DatabaseSync(dir.file("foreign.sqlite"));
    foreign.exec("CREATE TABLE document (anything)");
    foreign.close();
    expect(await codeOf(openSqliteStore({ path: dir.file("foreign.sqlite") }))).toBe("STORE_FAILED");
  });

  it("chroma-core/chroma-mcp#26: 1024 dimensions are compared with 384", async () => {
    const store = await opened();
    await libraryOf(store, fakeEmbedder("large", 1_024)).ingest([{ text: "first" }]);
    const other = libraryOf(store, fakeEmbedder("small", 384));
    expect(await codeOf(other.ingest([{ text: "second" }]))).toBe("EMBEDDING_MISMATCH");
    const found = await other.search({ query: "first" });
    expect([found.mode, found.hits.length, found.notices[0]]).toEqual([
      "lexical",
      1,
      expect.stringContaining("1024"),
    ]);
  });

  it("cbtw-apac/qdrant-loader#89: the similarity threshold is declared and ignored", async () => {
    const library = libraryOf(await opened());
    await library.ingest(["red fox", "red wine", "blue whale"].map((text) => ({ text, uri: text })));
    const all = await library.search({ query: "red fox", mode: "vector" });
    const some = await library.search({ query: "red fox", mode: "vector", threshold: 0.6 });
    expect(all.hits).toHaveLength(3);
    expect(some.hits.map(({ chunk }) => chunk.text)).toEqual(["red fox"]);
    // Also where words found it: a hybrid answer has no hit below the threshold either.
    const hybrid = await library.search({ query: "red fox", threshold: 0.6 });
    expect([hybrid.mode, hybrid.hits.map(({ chunk }) => chunk.text)]).toEqual(["hybrid", ["red fox"]]);
  });

  it("tobi/qmd#152: every query is below the minimum score", async () => {
    const library = createLibrary({ store: await opened() });
    closing.push(library);
    await library.ingest([{ text: "red fox" }]);
    const { hits, thresholdApplied, notices } = await library.search({ query: "fox", threshold: 0.99 });
    expect([hits.length, thresholdApplied, notices.join()]).toEqual([
      1,
      false,
      expect.stringContaining("threshold was not applied"),
    ]);
  });

  it("mksglu/context-mode#218: SQLITE_BUSY ends the server when somebody writes for longer than 5 s", {
    timeout: 60_000,
  }, async () => {
    const store = await opened();
    await store.put([documentOf("before", ["otter"])]);
    // A thread of its own, since the driver is synchronous.
    const holder = new Worker(
      `const { DatabaseSync } = require("node:sqlite");
       const { parentPort, workerData } = require("node:worker_threads");
       const database = new DatabaseSync(workerData);
       database.exec("BEGIN IMMEDIATE");
       parentPort.postMessage("locked");
       setTimeout(() => { database.exec("COMMIT"); database.close(); }, 6000);`,
      { eval: true, workerData: dir.file("rag.sqlite") },
    );
    await new Promise((resolve) => holder.once("message", resolve));
    const write = store.put([documentOf("during", ["walrus"])]);
    // Searches do not wait for the writer.
    expect(await store.lexical({ text: "otter", limit: 1 })).toHaveLength(1);
    expect(await write).toMatchObject([{ outcome: "created" }]);
    await holder.terminate();
  });

  it("kenn-io/msgvault#226: the third client's session hangs on the lock", async () => {
    const stores = await Promise.all([opened(), opened(), opened()]);
    const [first] = stores;
    await first?.put([documentOf("a", ["otter"])]);
    const writing = Promise.all(stores.map((store, at) => store.put([documentOf(`w${at}`, ["more"])])));
    for (const store of stores) expect(await store.lexical({ text: "otter", limit: 1 })).toHaveLength(1);
    expect((await writing).flat()).toHaveLength(3);
  });

  it("tobi/qmd#686: races when several open a new file at the same time", async () => {
    for (let round = 0; round < 2; round++) {
      const path = dir.file(`cold-${round}.sqlite`);
      const stores = await Promise.all(Array.from({ length: 6 }, () => opened({ path })));
      await Promise.all(stores.map((store, at) => store.put([documentOf(`d${at}`, ["x"])])));
      expect(await stores[0]?.counts()).toMatchObject({ documents: 6 });
      expect(await stores[0]?.check()).toEqual([]);
    }
  });

  it("electric-sql/pglite#1106: two users of one folder lose rows without an error", async () => {
    const [one, two] = await Promise.all([opened(), opened()]);
    const write = async (store: RagStore, name: string): Promise<void> => {
      for (let at = 0; at < 40; at++) await store.put([documentOf(`${name}${at}`, [`row ${at}`])]);
    };
    await Promise.all([write(one, "a"), write(two, "b")]);
    expect(await one.counts()).toMatchObject({ documents: 80, chunks: 80 });
    expect(await two.check()).toEqual([]);
  });

  it("54yyyu/zotero-mcp#126: the embedding function was swapped silently, with the same dimension", async () => {
    const store = await opened();
    await libraryOf(store, fakeEmbedder("old")).ingest([{ text: "first" }]);
    expect(await codeOf(libraryOf(store, fakeEmbedder("new")).ingest([{ text: "second" }]))).toBe(
      "EMBEDDING_MISMATCH",
    );
    expect(
      await codeOf(libraryOf(store, fakeEmbedder("old", 64, "passage: ")).ingest([{ text: "second" }])),
    ).toBe("EMBEDDING_MISMATCH");
    expect((await libraryOf(store, fakeEmbedder("new")).status()).embedder).toMatchObject({
      state: "mismatch",
    });
  });

  it("plastic-labs/honcho#1048: a filter leaves HNSW with fewer hits than there are", {
    timeout: 120_000,
  }, async () => {
    const postgres = await startPglite();
    const store = await openPostgresStore(postgres);
    closing.push(store);
    const corpus = createCorpus(32, 7);
    const wide = { ...space, dimension: 32 };
    // 20 tenants with 20 chunks each.
    const documents = Array.from({ length: 40 }, (_, at) => {
      const texts = Array.from({ length: 10 }, (_, part) => `row ${part} of ${at}`);
      return documentOf(`${at}`, texts, {
        metadata: { tenant: at % 20 },
        vectors: texts.map(() => corpus.vector()),
      });
    });
    await store.put(documents, wide);
    for (let tenant = 0; tenant < 5; tenant++) {
      const hits = await store.nearest({
        vector: corpus.vector(),
        limit: 15,
        filter: { metadata: { tenant } },
      });
      expect(hits).toHaveLength(15);
    }
    await store.close();
    await postgres.close();
  });

  it("lancedb/lancedb#3149: no native build for this machine", async () => {
    const corpus = createCorpus(16, 3);
    const documents = Array.from({ length: 200 }, (_, at) =>
      documentOf(`${at}`, [`row ${at}`], { vectors: [corpus.vector()] }),
    );
    const native = await opened();
    const plain = await opened({ path: dir.file("plain.sqlite"), nativeVectors: false });
    for (const store of [native, plain]) await store.put(documents, space);
    expect((await plain.describe()).engine["vectors"]).toMatch(/^JavaScript/);
    for (let query = 0; query < 10; query++) {
      const asked = { vector: corpus.vector(), limit: 10 };
      const [a, b] = [await native.nearest(asked), await plain.nearest(asked)];
      expect(b.map(({ key }) => key)).toEqual(a.map(({ key }) => key));
      expect(b.map(({ score }) => score)).toEqual(a.map(({ score }) => expect.closeTo(score, 5)));
    }
  });

  it("lancedb/lancedb#3086: the store grows with every update of the same rows", async () => {
    const store = await opened();
    const write = (round: number): Promise<unknown> =>
      store.put(
        Array.from({ length: 50 }, (_, at) =>
          documentOf(`${at}`, [`row ${at} in round ${round} ${"word ".repeat(100)}`], {
            vectors: [vectorOf(16, at % 16)],
          }),
        ),
        space,
      );
    for (let round = 0; round < 5; round++) await write(round);
    const { size } = await stat(dir.file("rag.sqlite"));
    for (let round = 5; round < 60; round++) await write(round);
    await store.close();
    expect((await stat(dir.file("rag.sqlite"))).size).toBeLessThan(3 * Math.max(size, 1_000_000));
  });

  it("QwenLM/qwen-code#2439: unbounded results flood the context", async () => {
    const { items, truncated } = bounded(
      Array.from({ length: 100 }, () => ({ text: "x".repeat(1_000) })),
      5_500,
    );
    expect([items.length, truncated, items.reduce((sum, { text }) => sum + text.length, 0)]).toEqual([
      6,
      true,
      5_501,
    ]);
    const flood = await provider(
      Array.from({ length: 45 }, (_, at) => ({ text: `${at} ${"y".repeat(2_000)}`, similarity: 0.9 })),
    );
    const answer = await flood.query({ query: "x", maxResults: 100 });
    expect(answer.truncated).toBe(true);
    expect(answer.results.reduce((sum, { text }) => sum + text.length, 0)).toBeLessThanOrEqual(40_001);
  });

  it("qdrant/qdrant-client#1386: the threshold is > in one place and >= in the other", async () => {
    const library = libraryOf(await opened());
    await library.ingest(["red fox", "blue whale"].map((text) => ({ text, uri: text })));
    const [hit] = (await library.search({ query: "red whale", mode: "vector" })).hits;
    const threshold = hit?.similarity ?? 0;
    expect(threshold).toBeGreaterThan(0);
    for (const mode of ["vector", "hybrid"] as const)
      expect(
        (await library.search({ query: "red whale", mode, threshold })).hits.map(({ chunk }) => chunk.key),
      ).toContain(hit?.chunk.key);
    const exactly = await provider([{ text: "edge", similarity: 0.7 }]);
    expect((await exactly.query({ query: "x", threshold: 0.7 })).results).toHaveLength(1);
  });

  it("asg017/sqlite-vec#25: no approximate search, so large stores are slow", async () => {
    const corpus = createCorpus(128, 5);
    const store = await opened({ exactBelow: 0 });
    const wide = { ...space, dimension: 128 };
    for (let at = 0; at < 60; at++) {
      const texts = Array.from({ length: 50 }, (_, part) => `part ${part}`);
      await store.put([documentOf(`${at}`, texts, { vectors: texts.map(() => corpus.vector()) })], wide);
    }
    let found = 0;
    for (let query = 0; query < 20; query++) {
      const asked = { vector: corpus.vector(), limit: 10 };
      const truth = new Set((await store.nearest({ ...asked, exact: true })).map(({ key }) => key));
      found += (await store.nearest(asked)).filter(({ key }) => truth.has(key)).length;
    }
    expect(found / 200).toBeGreaterThanOrEqual(0.99);
  });
});
