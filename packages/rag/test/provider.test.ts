import { existsSync } from "node:fs";
import { memoryServer, type TempDir, tempDir } from "@fairlead/testbed";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { RagError } from "../src/errors.ts";
import type { RagResponse } from "../src/provider/answer.ts";
import type { RagProviderConfig, RagServerConfig } from "../src/provider/config.ts";
import { createRagProvider, type RagProvider } from "../src/provider/provider.ts";
import { connect, startRagServer } from "./rag-server.ts";
import { type ScriptedTool, scripted } from "./scripted-server.ts";

let dir: TempDir;
const open: RagProvider[] = [];
beforeAll(async () => {
  dir = await tempDir();
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((provider) => provider.close()));
});
afterAll(() => dir[Symbol.asyncDispose]());

const started = async (config: RagProviderConfig): Promise<RagProvider> => {
  const provider = createRagProvider(config);
  open.push(provider);
  await provider.connect();
  return provider;
};
const alone = (tools: readonly ScriptedTool[], extra: Partial<RagServerConfig> = {}): Promise<RagProvider> =>
  started({ serverConfigs: [scripted("one", tools, extra)] });
const text = (value: unknown): object => ({
  content: [{ type: "text", text: typeof value === "string" ? value : JSON.stringify(value) }],
});
const errorOf = async (promise: Promise<unknown>): Promise<RagError> => {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof RagError) return error;
  throw new Error(`expected a RagError, got ${String(error)}`);
};
const argumentsIn = ({ results }: RagResponse): unknown =>
  JSON.parse(results[0]?.text.replace("asked: ", "") ?? "null") as unknown;
const similar = (entries: readonly (readonly [string, number])[]): object => {
  const results = entries.map(([body, similarity], at) => ({
    id: `${at}`,
    text: body,
    similarity,
    score: 1 / (at + 1),
  }));
  return { ...text({ results }), structuredContent: { results, thresholdApplied: true } };
};

describe("servers of other makers", () => {
  it("mcp-server-qdrant: entries without scores", async () => {
    const entry = (body: string, source: string): string =>
      `<entry><content>${body}</content><metadata>{"source":"${source}"}</metadata></entry>`;
    const result = {
      content: ["Results for the query 'x'", entry("first", "a.md"), entry("second", "b.md")].map((part) => ({
        type: "text",
        text: part,
      })),
    };
    const provider = await alone([
      { name: "qdrant-find", arguments: ["query", "collection_name"], result },
      { name: "qdrant-store", arguments: ["information"] },
    ]);
    const answer = await provider.query({ query: "x", threshold: 0.5 });
    expect(answer.results.map(({ text, uri }) => [text, uri])).toEqual([
      ["first", "a.md"],
      ["second", "b.md"],
    ]);
    expect(answer).toMatchObject({ thresholdApplied: false, degraded: false, partial: false });
    expect(answer.results[0]?.provenance).toEqual([
      {
        pool: "rag-1",
        server: "one",
        capability: "vector_search",
        rank: 1,
        rawScore: null,
        scoreKind: "none",
        failedOver: [],
      },
    ]);
    expect(provider.getMultiplexerStatus().pools[0]).toMatchObject({
      profile: "mcp-server-qdrant",
      capabilities: ["vector_search"],
    });
  });

  it("chroma-mcp: columns and distances, and the collection that was configured", async () => {
    const columns = {
      ids: [["1", "2"]],
      documents: [["near", "far"]],
      metadatas: [[{ source: "n.md" }, null]],
      distances: [[0.1, 1.4]],
    };
    const chroma = {
      name: "chroma_query_documents",
      arguments: ["collection_name", "query_texts", "n_results"],
    };
    const provider = await alone([{ ...chroma, result: text(columns) }], { collection: "papers" });
    const answer = await provider.query({ query: "x", threshold: 0.9 });
    expect(answer.results.map(({ id, text, uri }) => [id, text, uri])).toEqual([
      ["1", "near", "n.md"],
      ["2", "far", null],
    ]);
    expect(answer.results[1]?.provenance[0]).toMatchObject({ rawScore: 1.4, scoreKind: "distance" });
    // A distance is no similarity: nothing is cut off, and that is said.
    expect(answer.thresholdApplied).toBe(false);
    const asked = await alone([{ ...chroma, result: text("asked: {{arguments}}") }], {
      collection: "papers",
    });
    expect(argumentsIn(await asked.query({ query: "x", maxResults: 7 }))).toMatchObject({
      ...{ collection_name: "papers", query_texts: ["x"], n_results: 7 },
    });
  });

  it("mcp-local-rag: JSON as text, where 0 is best", async () => {
    const results = [
      { filePath: "/a.md", chunkIndex: 0, text: "best", score: 0 },
      { filePath: "/b.md", text: "next", score: 0.4 },
    ];
    const provider = await alone([
      { name: "query_documents", arguments: ["query", "limit"], result: text({ results }) },
      { name: "read_chunk_neighbors", arguments: ["filePath"] },
    ]);
    const answer = await provider.query({ query: "x" });
    expect(answer.results.map(({ text, uri, rank }) => [rank, text, uri])).toEqual([
      [1, "best", "/a.md"],
      [2, "next", "/b.md"],
    ]);
    expect(answer.results[0]?.provenance[0]).toMatchObject({ rawScore: 0, scoreKind: "distance" });
  });

  it("qmd: structured results beside a summary", async () => {
    const results = [
      { docid: "#a1", file: "notes/a.md", title: "A", score: 0.93, snippet: "the snippet", line: 3 },
    ];
    const result = { ...text("Found 1 result"), structuredContent: { results } };
    const provider = await alone([
      { name: "query", arguments: ["searches", "limit"], result },
      ...["get", "multi_get", "status"].map((name) => ({ name, arguments: [] })),
    ]);
    const answer = await provider.query({ query: "x", threshold: 0.99 });
    expect(answer.results).toMatchObject([{ id: "#a1", title: "A", uri: "notes/a.md", text: "the snippet" }]);
    // Its scores are blended from ranks: complaints of an empty list come from comparing them with a threshold.
    expect(answer.thresholdApplied).toBe(false);
  });

  it("the search/fetch contract", async () => {
    const results = [{ id: "d1", title: "Doc", url: "https://example.com/d1", text: "snippet" }];
    const provider = await alone([
      { name: "search", arguments: ["query"], result: text({ results }) },
      { name: "fetch", arguments: ["id"] },
    ]);
    expect((await provider.query({ query: "x" })).results).toMatchObject([
      { id: "d1", title: "Doc", uri: "https://example.com/d1", text: "snippet" },
    ]);
  });

  it("a server that nobody knows: its search is guessed from names and arguments", async () => {
    const provider = await alone([
      { name: "delete_index", arguments: ["query"] },
      { name: "lookup_manual", arguments: ["question", "top_k"], result: text("asked: {{arguments}}") },
    ]);
    expect(argumentsIn(await provider.query({ query: "torque", maxResults: 4 }))).toEqual({
      question: "torque",
      top_k: 4,
    });
    expect(provider.getMultiplexerStatus().pools[0]?.profile).toBe("guessed from lookup_manual");
  });

  it("the memory server's graph, with the real server", async () => {
    expect(existsSync(memoryServer)).toBe(true);
    const env = { MEMORY_FILE_PATH: dir.file("memory.jsonl") };
    const writer = await connectMemory(env);
    await writer.callTool({
      name: "create_entities",
      arguments: {
        entities: [{ name: "Ada_Lovelace", entityType: "person", observations: ["wrote about the engine"] }],
      },
    });
    await writer.close();
    const provider = await started({ serverConfigs: [{ id: "memory", pluginPath: memoryServer, env }] });
    const answer = await provider.query({ query: "Who was Lovelace?" });
    expect(answer.results).toMatchObject([
      { id: "Ada_Lovelace", text: "Ada_Lovelace (person)\nwrote about the engine" },
    ]);
    expect(answer.results[0]?.provenance[0]).toMatchObject({ capability: "graph_query", server: "memory" });
  });
});

describe("fan-out", () => {
  const vector = (result: object, delayMs = 0): ScriptedTool[] => [
    { name: "vector_search", arguments: ["query"], result, delayMs },
  ];
  const shards = (results: readonly object[]): RagServerConfig[] =>
    results.map((result, at) => scripted(`s${at}`, vector(result), { shard: `s${at}` }));

  it("fuses by rank, whatever the scores, and takes equal texts for one hit", async () => {
    const provider = await started({
      serverConfigs: shards([
        similar([
          ["only here", 0.2],
          ["in  both ", 0.19],
        ]),
        similar([
          ["loud", 0.99],
          ["in both", 0.98],
        ]),
      ]),
    });
    const { results, partial } = await provider.query({ query: "x" });
    expect(partial).toBe(false);
    expect(results.map(({ text }) => text.trim())).toEqual(["in  both", "only here", "loud"]);
    expect(results[0]?.provenance.map(({ server, rank, rawScore }) => [server, rank, rawScore])).toEqual([
      ["s0", 2, 0.19],
      ["s1", 2, 0.98],
    ]);
    expect(results.map(({ rank }) => rank)).toEqual([1, 2, 3]);
  });

  it("keeps hits at exactly the threshold, drops those below, and says where it could not", async () => {
    const provider = await started({
      serverConfigs: shards([
        similar([
          ["a", 0.9],
          ["b", 0.7],
        ]),
      ]),
    });
    // The scripted server ignores the threshold, as real ones do; the provider does not trust its word alone.
    const { results, thresholdApplied } = await provider.query({ query: "x", threshold: 0.7 });
    expect([results.length, thresholdApplied]).toEqual([2, true]);
    expect((await provider.query({ query: "x", threshold: 0.71 })).results.map(({ text }) => text)).toEqual([
      "a",
    ]);
  });

  it("answers with what has come by the deadline", async () => {
    const provider = await started({
      serverConfigs: [
        scripted("fast", vector(similar([["here", 0.5]])), { shard: "a" }),
        scripted("hung", vector({}, -1), { shard: "b" }),
      ],
      timeoutMs: 1_500,
    });
    const answer = await provider.query({ query: "x" });
    expect(answer).toMatchObject({ partial: true, degraded: false, results: [{ text: "here" }] });
    expect(answer.servers.map(({ outcome, error }) => [outcome, error?.code])).toEqual([
      ["answered", undefined],
      ["timed-out", "DEADLINE_EXCEEDED"],
    ]);
  });

  it("bounds the answer in hits and in characters", async () => {
    const many = Array.from({ length: 60 }, (_, at) => [`${at} ${"word ".repeat(100)}`, 0.5] as const);
    const provider = await started({ serverConfigs: shards([similar(many)]), maxChars: 1_200 });
    const { results, truncated } = await provider.query({ query: "x", maxResults: 50 });
    expect(truncated).toBe(true);
    expect(results.reduce((sum, { text }) => sum + text.length, 0)).toBeLessThanOrEqual(1_201);
    expect((await provider.query({ query: "x", maxResults: 2 })).results).toHaveLength(2);
  });

  it("asks only for the capabilities that are wanted", async () => {
    const provider = await started({
      serverConfigs: [
        scripted("v", vector(similar([["by vector", 0.5]])), { capabilities: ["vector_search"] }),
        scripted("g", [{ name: "graph_query", arguments: ["query"], result: similar([["by graph", 0.5]]) }], {
          capabilities: ["graph_query"],
        }),
      ],
    });
    expect((await provider.query({ query: "x" })).results.map(({ text }) => text).toSorted()).toEqual([
      "by graph",
      "by vector",
    ]);
    const graph = await provider.query({ query: "x", capabilities: ["graph_query"] });
    expect(graph.servers.map(({ capability, server }) => [capability, server])).toEqual([
      ["graph_query", "g"],
    ]);
    expect((await errorOf(provider.query({ query: "x", capabilities: ["hybrid_search"] }))).code).toBe(
      "NO_SERVERS_AVAILABLE",
    );
    expect((await errorOf(provider.query({ query: " " }))).code).toBe("INVALID_INPUT");
  });

  it("tells a tool's error from a server that is gone", async () => {
    const provider = await alone([
      { name: "vector_search", arguments: ["query"], result: { ...text("index is empty"), isError: true } },
    ]);
    const error = await errorOf(provider.query({ query: "x" }));
    expect([error.code, error.message]).toEqual(["QUERY_FAILED", expect.stringContaining("index is empty")]);
  });

  it("stops when the caller does", async () => {
    const provider = await alone(vector({}, -1));
    const stop = new AbortController();
    const query = provider.query({ query: "x", signal: stop.signal });
    stop.abort(new Error("enough"));
    await expect(query).rejects.toThrow("enough");
  });
});

describe("failover and fallback, with reference servers", () => {
  it("loses no query when a server is killed under load, and shows who stood in", {
    timeout: 120_000,
  }, async () => {
    const store = dir.file("load.sqlite");
    const servers = await Promise.all([
      startRagServer(["--store", store]),
      startRagServer(["--store", store]),
    ]);
    try {
      const writer = await connect("legacy HTTP", servers[0]?.url ?? "");
      const documents = Array.from({ length: 50 }, (_, at) => ({
        text: `otter fact number ${at}`,
        uri: `otter:${at}`,
      }));
      await writer.callTool({ name: "ingest_documents", arguments: { documents } });
      await writer.close();
      const provider = await started({
        serverConfigs: servers.map(({ url }, at) => ({ id: `rag-${at}`, url })),
        timeoutMs: 20_000,
      });
      const served = new Set<string>();
      const failedOver = new Set<string>();
      let done = 0;
      const run = async (): Promise<void> => {
        while (done < 300) {
          const at = done++;
          if (at === 100) servers[0]?.process.kill("SIGKILL");
          const { results, degraded } = await provider.query({
            query: `otter ${at % 50}`,
            maxResults: 3,
            capabilities: ["hybrid_search"],
          });
          expect([results.length, degraded]).toEqual([3, false]);
          for (const { server, failedOver: left } of results.flatMap(({ provenance }) => provenance)) {
            served.add(server);
            for (const id of left) failedOver.add(id);
          }
        }
      };
      await Promise.all(Array.from({ length: 8 }, run));
      expect([...served].toSorted()).toEqual(["rag-0", "rag-1"]);
      expect([...failedOver]).toEqual(["rag-0"]);
      const { failoverHistory, dashboard } = provider.getPerformanceAnalytics();
      expect(failoverHistory[0]).toMatchObject({ from: ["rag-0"], to: "rag-1" });
      expect(dashboard).toMatchObject({ queries: expect.any(Number), failed: 0, degraded: 0 });
      await expect.poll(() => provider.getMultiplexerStatus().healthyServers, { timeout: 20_000 }).toBe(1);
    } finally {
      await Promise.all(servers.map(({ process: one }) => one[Symbol.asyncDispose]()));
    }
  });

  it("asks the fallback when all are down, says that it did, and fails clearly in time when it is down too", {
    timeout: 120_000,
  }, async () => {
    const [main, fallback] = await Promise.all([
      startRagServer(["--store", dir.file("main.sqlite")]),
      startRagServer(["--store", dir.file("fallback.sqlite")]),
    ]);
    try {
      for (const [url, word] of [
        [main.url, "main"],
        [fallback.url, "spare"],
      ] as const) {
        const writer = await connect("legacy HTTP", url);
        await writer.callTool({
          name: "ingest_documents",
          arguments: { documents: [{ text: `badger of the ${word} server`, uri: "b" }] },
        });
        await writer.close();
      }
      const provider = await started({
        serverConfigs: [{ id: "main", url: main.url }],
        enableFallback: true,
        fallbackConfig: { id: "spare", url: fallback.url },
        timeoutMs: 8_000,
      });
      const before = await provider.query({ query: "badger" });
      expect(before).toMatchObject({ degraded: false, results: [{ text: "badger of the main server" }] });
      await main.process[Symbol.asyncDispose]();
      const during = await provider.query({ query: "badger" });
      expect(during).toMatchObject({ degraded: true, results: [{ text: "badger of the spare server" }] });
      expect(during.servers.map(({ pool, outcome }) => [pool, outcome])).toContainEqual([
        "fallback",
        "answered",
      ]);
      await expect
        .poll(async () => await provider.healthCheck(), { timeout: 20_000 })
        .toMatchObject({ healthy: false, fallbackHealthy: true });
      await fallback.process[Symbol.asyncDispose]();
      const startedAt = performance.now();
      const error = await errorOf(provider.query({ query: "badger" }));
      expect(performance.now() - startedAt).toBeLessThan(9_000);
      expect(["NO_SERVERS_AVAILABLE", "DEADLINE_EXCEEDED"]).toContain(error.code);
      expect(error.message).toMatch(/fallback/);
      expect(provider.getMultiplexerStatus()).toMatchObject({ errorRate: expect.closeTo(1 / 3, 5) });
    } finally {
      await Promise.all([main, fallback].map(({ process: one }) => one[Symbol.asyncDispose]()));
    }
  });

  it("does not connect to nothing", async () => {
    const provider = createRagProvider({
      serverConfigs: [{ id: "none", command: process.execPath, args: ["-e", "process.exit(3)"] }],
    });
    const error = await errorOf(provider.connect());
    expect([error.code, error.message]).toEqual(["NO_SERVERS_AVAILABLE", expect.stringContaining("none")]);
    expect((await errorOf(provider.query({ query: "x" }))).code).toBe("NO_SERVERS_AVAILABLE");
  });
});

async function connectMemory(env: Readonly<Record<string, string>>) {
  const { Client } = await import("@modelcontextprotocol/sdk/client/index.js");
  const { StdioClientTransport } = await import("@modelcontextprotocol/sdk/client/stdio.js");
  const client = new Client({ name: "test", version: "1" });
  await client.connect(
    new StdioClientTransport({ command: process.execPath, args: [memoryServer], env: { ...env } }),
  );
  return client;
}
