// A reranker puts the best hits in order; without its answer searches go on.
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { type TempDir, tempDir } from "@fairlead/testbed";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createLibrary, type Library } from "../src/library/library.ts";
import { openLibrary } from "../src/options.ts";
import { createReranker, type RerankerOptions } from "../src/rerank/reranker.ts";
import { openSqliteStore } from "../src/store/sqlite/store.ts";
import { fakeEmbedder } from "./fake-embedder.ts";

interface Asked {
  readonly query: string;
  readonly documents: readonly string[];
  readonly model?: string;
}
type Answer = (asked: Asked) => { readonly status?: number; readonly body: unknown };

let dir: TempDir;
let url: string;
let answer: Answer;
let seen: { path: string | undefined; authorization: string | undefined; asked: Asked }[];
const closing: (() => Promise<unknown>)[] = [];
beforeEach(async () => {
  dir = await tempDir();
  seen = [];
  const server = createServer((request: IncomingMessage, response) => {
    void text(request).then((body) => {
      const asked = JSON.parse(body) as Asked;
      seen.push({ path: request.url, authorization: request.headers.authorization, asked });
      const { status = 200, body: answered } = answer(asked);
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(answered));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  closing.push(() => new Promise((resolve) => server.close(resolve).closeAllConnections()));
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  await dir[Symbol.asyncDispose]();
});

/** The longer, the better: an order that neither words nor vectors give. */
const byLength: Answer = ({ documents }) => ({
  body: { results: documents.map((document, index) => ({ index, relevance_score: document.length })) },
});
const texts = ["fox", "fox and fox", "fox in the snow of a long winter", "wolf"];

async function open(options: Partial<RerankerOptions> = {}): Promise<Library> {
  const store = await openSqliteStore({ path: dir.file("rag.sqlite"), readers: 1 });
  const library = createLibrary({
    store,
    embedder: fakeEmbedder(),
    reranker: createReranker({ url, ...options }),
  });
  closing.push(() => library.close());
  await library.ingest(texts.map((document) => ({ text: document, uri: document })));
  return library;
}
const found = async (library: Library, limit = 2) => {
  const { hits, scoreKind, notices } = await library.search({ query: "fox", limit });
  return { texts: hits.map(({ chunk }) => chunk.text), scoreKind, notices };
};

describe("a reranker", () => {
  it("sees more hits than are asked for, and decides which come first, whatever order it answers in", async () => {
    answer = (asked) => {
      const { body } = byLength(asked);
      return { body: { results: (body as { results: unknown[] }).results.toReversed() } };
    };
    const library = await open({ model: "cross", apiToken: "secret" });
    const { hits, ...rest } = await library.search({ query: "fox", limit: 2 });
    expect(rest).toMatchObject({ mode: "hybrid", scoreKind: "rerank", notices: [] });
    const lengths = (seen[0]?.asked.documents ?? []).map(({ length }) => length).toSorted((a, b) => b - a);
    expect(hits.map(({ rank, score, chunk }) => [rank, score, chunk.text])).toEqual([
      [1, lengths[0], texts[2]],
      [2, lengths[1], texts[1]],
    ]);
    expect(hits[0]?.similarity).toBeGreaterThan(0);
    expect(seen).toMatchObject([
      { path: "/v1/rerank", authorization: "Bearer secret", asked: { query: "fox", model: "cross" } },
    ]);
    expect(seen[0]?.asked.documents).toHaveLength(texts.length);
  });

  it("may answer as TEI does, and is found below /v1 or where its whole URL says", async () => {
    answer = ({ documents }) => ({
      body: documents.map((document, index) => ({ index, score: -document.length })),
    });
    for (const [base, path] of [
      ["/v1", "/v1/rerank"],
      ["/v2/rerank", "/v2/rerank"],
      ["/", "/v1/rerank"],
    ]) {
      const reranker = createReranker({ url: `${url}${base}` });
      expect(await reranker.scores("fox", ["ab", "abc"])).toEqual([-2, -3]);
      expect(seen.at(-1)?.path).toBe(path);
    }
  });

  it("is left alone for ten seconds when it fails; the hits keep their order, and a notice says why", async () => {
    answer = () => ({ status: 503, body: { error: "loading" } });
    let now = 0;
    const library = await open({ now: () => now });
    const { texts: hits, scoreKind, notices } = await found(library);
    expect([hits.length, scoreKind]).toEqual([2, "rrf"]);
    expect(notices).toEqual([expect.stringMatching(/^not reranked: .*HTTP 503/)]);
    now = 9_999;
    answer = byLength;
    expect((await found(library)).scoreKind).toBe("rrf");
    expect(seen).toHaveLength(1);
    now = 10_000;
    expect(await found(library)).toMatchObject({ scoreKind: "rerank", texts: [texts[2], texts[1]] });
  });

  it.each<[string, unknown]>([
    ["no results", { data: [] }],
    ["a score missing", { results: [{ index: 0, relevance_score: 1 }] }],
    ["a score that is none", [0, 1, 2, 3].map((index) => ({ index, score: "high" }))],
  ])("is not believed with %s", async (_what, body) => {
    answer = () => ({ body });
    expect((await found(await open())).notices).toEqual([expect.stringMatching(/the answer has no/)]);
  });

  it("has its time, and ends with the search", async () => {
    answer = byLength;
    const library = await open();
    const signal = AbortSignal.abort(new Error("gone"));
    await expect(library.search({ query: "fox", signal })).rejects.toThrow("gone");
    await expect(library.search({ query: "fox", limit: 0 })).rejects.toMatchObject({ code: "INVALID_INPUT" });
    for (const wrong of [{ url: "nowhere" }, { timeoutMs: 0 }, { maxInputChars: 1 }])
      expect(() => createReranker({ url, ...wrong })).toThrow(RangeError);
  });

  it("is not asked where diversity orders the hits", async () => {
    answer = byLength;
    const library = await open();
    expect((await library.search({ query: "fox", diversity: 0.5 })).scoreKind).toBe("rrf");
    expect(seen).toEqual([]);
  });

  it("is one of the options of the server and of every command", async () => {
    answer = byLength;
    const environment = { FAIRLEAD_RAG_RERANK_URL: url, FAIRLEAD_RAG_RERANK_TOKEN: "secret" };
    const library = await openLibrary(
      { store: dir.file("other.sqlite"), "rerank-model": "cross" },
      environment,
    );
    closing.push(() => library.close());
    await library.ingest(texts.map((document) => ({ text: document, uri: document })));
    expect(await found(library)).toMatchObject({ scoreKind: "rerank", texts: [texts[2], texts[1]] });
    expect(seen).toMatchObject([{ authorization: "Bearer secret", asked: { model: "cross" } }]);
    await expect(openLibrary({ "rerank-url": "nowhere" }, {})).rejects.toMatchObject({
      code: "INVALID_INPUT",
    });
  });
});
