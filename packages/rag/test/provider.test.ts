import { describe, expect, it } from "vitest";
import type { RagServerConfig } from "../src/provider/config.ts";
import { createRagProvider } from "../src/provider/provider.ts";
import { alone, dir, errorOf, similar, started, text } from "./providers.ts";
import { connect, startRagServer } from "./rag-server.ts";
import { type ScriptedTool, scripted } from "./scripted-server.ts";

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
