import { existsSync } from "node:fs";
import { memoryServer } from "@fairlead/testbed";
import { describe, expect, it } from "vitest";
import { alone, argumentsIn, dir, started, text } from "./providers.ts";

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

async function connectMemory(env: Readonly<Record<string, string>>) {
  const { Client } = await import("@modelcontextprotocol/sdk/client/index.js");
  const { StdioClientTransport } = await import("@modelcontextprotocol/sdk/client/stdio.js");
  const client = new Client({ name: "test", version: "1" });
  await client.connect(
    new StdioClientTransport({ command: process.execPath, args: [memoryServer], env: { ...env } }),
  );
  return client;
}
