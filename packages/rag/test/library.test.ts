// The library with an embedder, without one, and with one that comes and goes.
import { readFile, writeFile } from "node:fs/promises";
import { createLmStudioClient } from "@fairlead/lmstudio";
import { createLmStudioSimulator } from "@fairlead/lmstudio/simulator";
import { type TempDir, tempDir } from "@fairlead/testbed";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type CommandIo, runRagCommand } from "../src/cli.ts";
import { createEmbedder } from "../src/embed/embedder.ts";
import { createLlmExtractor } from "../src/graph/extract.ts";
import { createLibrary, type Library, type LibraryOptions } from "../src/library/library.ts";
import { exportLines, importLines } from "../src/library/transfer.ts";
import { openSqliteStore } from "../src/store/sqlite/store.ts";
import { fakeEmbedder } from "./fake-embedder.ts";

let dir: TempDir;
const closing: { close(): Promise<unknown> }[] = [];
beforeEach(async () => {
  dir = await tempDir();
});
afterEach(async () => {
  await Promise.all(closing.splice(0).map((one) => one.close()));
  await dir[Symbol.asyncDispose]();
});
const open = async (options: Omit<LibraryOptions, "store"> = {}, name = "rag.sqlite"): Promise<Library> => {
  const library = createLibrary({
    store: await openSqliteStore({ path: dir.file(name), readers: 1 }),
    ...options,
  });
  closing.push(library);
  return library;
};
const texts = (library: Library, query: string): Promise<readonly string[]> =>
  library.search({ query }).then(({ hits }) => hits.map(({ chunk }) => chunk.text));
const animals = ["red fox", "grey wolf", "brown bear"].map((text) => ({ text, uri: text }));

describe("embeddings", () => {
  it("are computed once per text, also when the document moves or is written anew", async () => {
    const embedder = fakeEmbedder();
    const library = await open({ embedder });
    await library.ingest([{ text: "red fox", uri: "a", title: "T" }]);
    await library.ingest([{ text: "red fox", uri: "b", title: "T" }]);
    await library.ingest([{ text: "red fox", uri: "a", title: "T", metadata: { changed: true } }]);
    expect(embedder.seen).toEqual(["T\nred fox"]);
    expect(await library.status()).toMatchObject({ documents: 2, embedded: 2, mode: "hybrid" });
  });

  it("may fail: what is ingested meanwhile is found by words, and gets its vectors by reembed", async () => {
    const embedder = fakeEmbedder();
    const library = await open({ embedder });
    await library.ingest(animals.slice(0, 1));
    embedder.isUp = false;
    const [result] = await library.ingest(animals.slice(1, 2));
    expect(result).toMatchObject({
      outcome: "created",
      embedded: false,
      notice: expect.stringContaining("down"),
    });
    expect(await library.search({ query: "wolf" })).toMatchObject({
      mode: "lexical",
      notices: [expect.stringContaining("down")],
    });
    expect(await texts(library, "wolf")).toEqual(["grey wolf"]);
    embedder.isUp = true;
    expect(await library.reembed()).toMatchObject({ embedded: 1, model: "fake" });
    const again = await open({ embedder });
    expect(await again.search({ query: "wolf" })).toMatchObject({ mode: "hybrid" });
    expect(await again.status()).toMatchObject({ chunks: 2, embedded: 2 });
  });

  it("change to another model as a whole, with progress, and go on where they were broken off", async () => {
    const old = await open({ embedder: fakeEmbedder("old", 32) });
    await old.ingest(Array.from({ length: 300 }, (_, at) => ({ text: `animal number ${at}`, uri: `${at}` })));
    const stop = new AbortController();
    const broken = fakeEmbedder("new", 16);
    const first = await open({ embedder: broken });
    await expect(
      first.reembed({ signal: stop.signal, onProgress: (done) => (done > 100 ? stop.abort() : undefined) }),
    ).rejects.toThrow();
    expect(await old.search({ query: "animal 7" })).toMatchObject({ mode: "hybrid" });
    const done: number[] = [];
    const embedder = fakeEmbedder("new", 16);
    const second = await open({ embedder });
    expect(await second.reembed({ onProgress: (at) => done.push(at) })).toMatchObject({
      model: "new",
      dimension: 16,
    });
    expect(broken.seen.length + embedder.seen.length).toBe(300);
    expect(embedder.seen.length).toBeLessThan(300);
    expect(done.at(-1)).toBe(300);
    expect(await second.search({ query: "animal 7" })).toMatchObject({ mode: "hybrid" });
    expect(await old.search({ query: "animal 7" })).toMatchObject({ mode: "lexical" });
  });

  it("without an endpoint there is nothing to re-embed with", async () => {
    await expect((await open()).reembed()).rejects.toMatchObject({ code: "NO_EMBEDDER" });
  });

  it("let diversity choose what is unlike", async () => {
    const library = await open({ embedder: fakeEmbedder() });
    await library.ingest(
      ["red fox runs", "red fox runs far", "red fox sleeps in winter dens"].map((text) => ({
        text,
        uri: text,
      })),
    );
    const order = async (diversity: number) =>
      (await library.search({ query: "red fox runs", mode: "vector", limit: 2, diversity })).hits.map(
        ({ chunk }) => chunk.text,
      );
    expect(await order(0)).toEqual(["red fox runs", "red fox runs far"]);
    expect(await order(0.8)).toEqual(["red fox runs", "red fox sleeps in winter dens"]);
  });
});

describe("an OpenAI-compatible endpoint", () => {
  const embedderFor = async (behaviour: Parameters<typeof createLmStudioSimulator>[0]) => {
    const simulator = createLmStudioSimulator(behaviour);
    closing.push(simulator);
    const embedder = createEmbedder({
      model: "nomic-embed-text",
      hosts: [await simulator.listen()],
      batchSize: 4,
      client: { backoffBaseMs: 1 },
    });
    closing.push(embedder);
    return embedder;
  };
  const models = [{ key: "nomic-embed-text", type: "embedding", dimensions: 24, loaded: true }] as const;

  it("is asked for its dimension, gets the prefixes of its model, and gives vectors of length 1", async () => {
    const embedder = await embedderFor({ models });
    expect(await embedder.space()).toEqual({
      ...{
        model: "nomic-embed-text",
        dimension: 24,
        documentPrefix: "search_document: ",
        queryPrefix: "search_query: ",
      },
    });
    const vectors = await embedder.documents(
      Array.from({ length: 10 }, (_, at) => (at === 3 ? "  " : `text ${at}`)),
    );
    expect(vectors.map((vector) => Math.hypot(...vector))).toEqual(vectors.map(() => expect.closeTo(1, 5)));
    const query = await embedder.query("text 1");
    expect([...query]).not.toEqual([...(vectors[1] ?? [])]);
  });

  it("says clearly that it cannot be reached", async () => {
    const embedder = createEmbedder({ model: "m", hosts: ["http://127.0.0.1:9"], client: { maxRetries: 0 } });
    closing.push(embedder);
    await expect(embedder.query("x")).rejects.toMatchObject({ code: "EMBEDDING_FAILED" });
    expect(() => createEmbedder({ model: "m", hosts: ["http://x"], batchSize: 0 })).toThrow(/batchSize/);
  });

  it("reads entities and relations with a chat model, and takes only what has the form", async () => {
    const answer = JSON.stringify({
      entities: [
        { name: "Ada", kind: "Person" },
        { name: "Engine", kind: "machine" },
        { name: 7 },
        "nonsense",
      ],
      relations: [
        { from: "ada", to: "Engine", type: "Wrote About" },
        { from: "Ada", to: "Nobody", type: "x" },
      ],
    });
    const simulator = createLmStudioSimulator({
      models: [{ key: "chat", answer: `Here you are: ${answer}`, loaded: true }],
    });
    closing.push(simulator);
    const client = createLmStudioClient({ hosts: [await simulator.listen()] });
    closing.push(client);
    const library = await open({
      extractor: createLlmExtractor({ client, model: "chat" }),
      structureGraph: false,
    });
    await library.ingest([{ text: "Ada wrote about the engine.", uri: "notes" }]);
    const { nodes, edges, chunks } = await library.graph({ entities: ["Ada"] });
    expect(nodes.map(({ name, kind }) => `${name} ${kind}`)).toEqual(["Ada person", "Engine machine"]);
    expect(edges).toEqual([{ from: "Ada", to: "Engine", type: "wrote_about" }]);
    expect(chunks[0]?.chunk.text).toBe("Ada wrote about the engine.");
  });
});

describe("transfer", () => {
  it("moves everything, vectors included, and may be repeated", async () => {
    const embedder = fakeEmbedder();
    const from = await open({ embedder });
    await from.ingest([
      ...animals,
      { text: "# Doc\n\nSee [fox](red%20fox).", uri: "https://example.com/doc" },
    ]);
    await from.store.upsertGraph([{ name: "Canids", kind: "family", observations: ["dogs and foxes"] }], []);
    const lines: string[] = [];
    for await (const line of exportLines(from.store)) lines.push(line);
    const silent = fakeEmbedder();
    const to = await open({ embedder: silent }, "other.sqlite");
    for (let round = 0; round < 2; round++) await importLines(to.store, feed(lines));
    expect(silent.seen).toEqual([]);
    const counts = async ({ store }: Library) => await store.counts();
    expect(await counts(to)).toEqual(await counts(from));
    expect(await texts(to, "grey wolf")).toEqual(await texts(from, "grey wolf"));
    expect(await to.search({ query: "wolf" })).toMatchObject({ mode: "hybrid" });
    await expect(importLines(to.store, feed(["{}"]))).rejects.toMatchObject({ code: "INVALID_INPUT" });
    await expect(importLines(to.store, feed([lines[0] ?? "", "{ cut off"]))).rejects.toMatchObject({
      code: "INVALID_INPUT",
    });
  });
});

describe("fairlead rag", () => {
  const run = async (...args: readonly string[]) => {
    const [out, err]: [string[], string[]] = [[], []];
    const io: CommandIo = {
      stdout: { write: (text) => void out.push(text) },
      stderr: { write: (text) => void err.push(text) },
      env: { FAIRLEAD_RAG_STORE: dir.file("cli.sqlite") },
      interrupt: () => new AbortController().signal,
    };
    const code = await runRagCommand(args, io);
    return { code, out: out.join(""), err: err.join("") };
  };

  it("ingests, syncs, searches, follows the graph, exports, imports and says what there is", async () => {
    await writeFile(dir.file("fox.md"), "# Fox\n\nThe red fox. See [wolf](wolf.md).\n");
    await writeFile(dir.file("wolf.md"), "# Wolf\n\nThe grey wolf.\n");
    expect(await run("ingest", dir.file("fox.md"))).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^created {2}1 chunks/),
    });
    expect(await run("sync", dir.path, "--include", "*.md")).toMatchObject({
      code: 0,
      out: expect.stringMatching(/2 files: 1 created, 1 unchanged/),
    });
    const search = await run("search", "grey", "wolf", "--limit", "1", "--json");
    expect(JSON.parse(search.out)).toMatchObject({
      mode: "lexical",
      results: [{ text: expect.stringContaining("grey wolf") }],
    });
    expect((await run("search", "wolf")).out).toMatch(/1\. Wolf[\s\S]*hits, lexical/);
    expect((await run("graph", "--entity", `file://${dir.file("fox.md")}`, "--depth", "1")).out).toMatch(
      /links_to/,
    );
    expect((await run("status", "--check")).out).toMatch(
      /2 documents, 2 chunks, 0 with vectors[\s\S]*no contradictions/,
    );
    expect(await run("optimize")).toMatchObject({ code: 0, out: expect.stringMatching(/one piece/) });
    expect(await run("export", dir.file("export.jsonl"))).toMatchObject({ code: 0 });
    expect((await readFile(dir.file("export.jsonl"), "utf8")).split("\n")).toHaveLength(5);
    expect(await run("import", dir.file("export.jsonl"), "--store", dir.file("copy.sqlite"))).toMatchObject({
      code: 0,
      out: "2 documents, 2 chunks imported\n",
    });
  });

  it("measures a collection", async () => {
    await writeFile(
      dir.file("docs.jsonl"),
      animals.map(({ text }, at) => JSON.stringify({ id: `d${at}`, title: "", text })).join("\n"),
    );
    await writeFile(dir.file("queries.jsonl"), '{"id":"q","text":"a grey wolf"}\n');
    await writeFile(dir.file("qrels.tsv"), "query\tdoc\tgain\nq\td1\t1\n");
    const { code, out } = await run("eval", "--data", dir.path, "--store", dir.file("eval.sqlite"), "--json");
    expect([code, JSON.parse(out)]).toMatchObject([
      0,
      { map: 1, ndcg10: 1, recall100: 1, queries: 1, mode: "lexical" },
    ]);
    expect(
      await run("eval", "--data", dir.path, "--store", dir.file("eval.sqlite"), "--min-map", "1.1"),
    ).toMatchObject({ code: 1 });
  });

  it("explains wrong usage", async () => {
    expect(await run()).toMatchObject({ code: 2, err: expect.stringContaining("Usage:") });
    expect(await run("serach")).toMatchObject({
      code: 2,
      err: expect.stringContaining('no command "serach"'),
    });
    expect(await run("search", "x", "--limt", "3")).toMatchObject({
      code: 2,
      err: expect.stringContaining("--limt"),
    });
    expect(await run("search", "x", "--mode", "magic")).toMatchObject({
      code: 2,
      err: expect.stringContaining("hybrid, vector, lexical"),
    });
    expect(await run("reembed")).toMatchObject({ code: 1, err: expect.stringContaining("NO_EMBEDDER") });
    expect(await run("eval")).toMatchObject({ code: 2 });
    expect(await run("--help")).toMatchObject({ code: 0, out: expect.stringContaining("ingest") });
  });
});

async function* feed(lines: readonly string[]): AsyncGenerator<string> {
  yield* lines;
}
