import { mkdir, symlink, writeFile } from "node:fs/promises";
import { createLmStudioSimulator } from "@fairlead/lmstudio/simulator";
import { type TempDir, tempDir } from "@fairlead/testbed";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AnyClient, connect, type HttpServer, type Kind, startRagServer } from "./rag-server.ts";

let dir: TempDir;
let server: HttpServer;
beforeAll(async () => {
  dir = await tempDir();
  await mkdir(dir.file("docs"));
  await writeFile(
    dir.file("docs/breaker.md"),
    "# Circuit breaker\n\nIt opens after five failures. See [retry](retry.md).\n",
  );
  await writeFile(
    dir.file("docs/retry.md"),
    "# Retry\n\nFull jitter spreads retries.\n\n## Budget\n\nA budget bounds them.\n",
  );
  await writeFile(dir.file("secret.md"), "# Secret\n\nNobody may read this.\n");
  await symlink(dir.file("secret.md"), dir.file("docs/link.md"));
  server = await startRagServer(["--store", dir.file("http.sqlite"), "--root", dir.file("docs"), "--sync"]);
});
afterAll(async () => {
  await server.process[Symbol.asyncDispose]();
  await dir[Symbol.asyncDispose]();
});

const content = async <T = Record<string, never>>(
  client: AnyClient,
  name: string,
  args: object = {},
): Promise<T> => {
  const result = await client.callTool({ name, arguments: { ...args } });
  expect(result.isError ?? false, JSON.stringify(result.content)).toBe(false);
  // Both forms say the same: not every client reads structured content.
  const [block] = result.content as readonly { text: string }[];
  expect(JSON.parse(block?.text ?? "")).toEqual(result.structuredContent);
  return result.structuredContent as T;
};
const refusal = async (client: AnyClient, name: string, args: object): Promise<string> => {
  const result = await client.callTool({ name, arguments: { ...args } });
  expect(result.isError).toBe(true);
  return (result.content as readonly { text: string }[])[0]?.text ?? "";
};
const inStep = async (client: AnyClient): Promise<void> => {
  await expect
    .poll(async () => (await content<{ folders: { state: string }[] }>(client, "status")).folders[0]?.state, {
      timeout: 20_000,
    })
    .toBe("in-step");
};

const kinds: readonly Kind[] = ["legacy stdio", "modern stdio", "legacy HTTP", "modern HTTP"];

describe.each(kinds)("a %s client", (kind) => {
  it("lists, searches, follows the graph, reads, writes and deletes", async () => {
    const where = kind.endsWith("HTTP")
      ? server.url
      : ["--store", dir.file(`${kind.replace(" ", "-")}.sqlite`), "--root", dir.file("docs"), "--sync"];
    const client = await connect(kind, where);
    try {
      await inStep(client);
      const { tools } = await client.listTools();
      expect(tools.map(({ name }) => String(name)).toSorted()).toEqual(
        [
          ...[
            "vector_search",
            "hybrid_search",
            "graph_query",
            "ingest_documents",
            "ingest_file",
            "delete_documents",
          ],
          ...["upsert_entities", "list_sources", "status", "search", "fetch"],
        ].toSorted(),
      );
      for (const tool of tools) {
        expect(tool["outputSchema"]).toMatchObject({ type: "object" });
        expect(tool["annotations"]).toMatchObject({
          idempotentHint: true,
          readOnlyHint: expect.any(Boolean),
        });
      }

      type Search = {
        mode: string;
        thresholdApplied: boolean;
        notices: string[];
        results: Record<string, unknown>[];
      };
      for (const tool of ["hybrid_search", "vector_search"]) {
        const found = await content<Search>(client, tool, {
          query: "when does the breaker open?",
          maxResults: 3,
        });
        expect(found).toMatchObject({
          mode: "lexical",
          scoreKind: "bm25",
          thresholdApplied: true,
          truncated: false,
        });
        expect(found.results[0]).toMatchObject({
          rank: 1,
          title: "Circuit breaker",
          similarity: null,
          heading: "Circuit breaker",
        });
      }
      const withThreshold = await content<Search>(client, "hybrid_search", {
        query: "breaker",
        threshold: 0.8,
      });
      expect(withThreshold.thresholdApplied).toBe(false);
      expect(withThreshold.notices.join()).toMatch(/threshold was not applied/);

      type Graph = {
        nodes: { name: string }[];
        edges: { from: string; to: string; type: string }[];
        results: object[];
      };
      const graph = await content<Graph>(client, "graph_query", { query: "circuit breaker", depth: 1 });
      expect(graph.edges).toContainEqual({
        ...{
          from: `file://${dir.file("docs/breaker.md")}`,
          to: `file://${dir.file("docs/retry.md")}`,
          type: "links_to",
        },
      });
      expect(graph.results.length).toBeGreaterThan(0);

      const text = "The zebra crossing has stripes.";
      const put = { documents: [{ text, uri: `note:${kind}`, title: "Zebra" }], collection: "notes" };
      const [first] = (
        await content<{ results: { id: string; outcome: string }[] }>(client, "ingest_documents", put)
      ).results;
      const [again] = (
        await content<{ results: { id: string; outcome: string }[] }>(client, "ingest_documents", put)
      ).results;
      expect([first?.outcome, again?.outcome, again?.id]).toEqual(["created", "unchanged", first?.id]);
      const id = first?.id ?? "";
      expect(await content(client, "fetch", { id })).toMatchObject({
        id,
        title: "Zebra",
        text,
        url: `note:${kind}`,
      });
      expect(await content(client, "fetch", { id: `${id}#0` })).toMatchObject({ text });
      const plain = await content<{ results: { id: string; url: string }[] }>(client, "search", {
        query: "zebra stripes",
      });
      expect(plain.results[0]).toMatchObject({ id, title: "Zebra", url: `note:${kind}` });
      const list = await content<{ sources: object[]; nextCursor?: string }>(client, "list_sources", {
        limit: 1,
      });
      expect(list.sources).toHaveLength(1);
      const next = await content<{ sources: object[] }>(client, "list_sources", {
        limit: 5,
        cursor: list.nextCursor,
      });
      expect(next.sources.length).toBeGreaterThan(0);
      expect(next.sources).not.toContainEqual(list.sources[0]);

      const ada = { name: "Ada", kind: "person" };
      const relations = [{ from: ada, to: { name: "Engine", kind: "machine" }, type: "wrote_about" }];
      await content(client, "upsert_entities", {
        entities: [{ ...ada, observations: ["born 1815"] }],
        relations,
      });
      const around = await content<Graph>(client, "graph_query", {
        entities: ["ada"],
        relationTypes: ["wrote_about"],
      });
      expect(around.nodes.map(({ name }) => name)).toEqual(["Ada", "Engine"]);

      const { resources } = await client.listResources();
      const resource = resources.find(({ name }) => name === "Zebra");
      expect(await client.readResource({ uri: resource?.uri ?? "" })).toMatchObject({ contents: [{ text }] });

      expect(
        await content(client, "delete_documents", { uris: [`note:${kind}`], collection: "notes" }),
      ).toEqual({ deleted: 1 });
      expect(await refusal(client, "fetch", { id })).toMatch(/^NOT_FOUND/);
    } finally {
      await client.close();
    }
  });
});

describe("files", () => {
  it("are ingested only below the roots, whatever links and dots say", async () => {
    const client = await connect("legacy HTTP", server.url);
    for (const path of [
      "../secret.md",
      dir.file("secret.md"),
      "link.md",
      `file://${dir.file("secret.md")}`,
      "/etc/hostname",
    ])
      expect(await refusal(client, "ingest_file", { path })).toMatch(/^PATH_NOT_ALLOWED/);
    expect(await refusal(client, "ingest_file", { path: "missing.md" })).toMatch(/^FILE_UNREADABLE/);
    await content(client, "ingest_file", { path: "retry.md", collection: "single" });
    await writeFile(dir.file("docs/picture.png"), "");
    expect(await refusal(client, "ingest_file", { path: "picture.png" })).toMatch(/^FORMAT_UNSUPPORTED/);
    await client.close();
  });
});

describe("progress, cancellation and bounds", () => {
  it("reports progress of an ingest, and a cancelled one stops between transactions", async () => {
    const client = new Client(
      { name: "test", version: "1" },
      { versionNegotiation: { mode: { pin: "2026-07-28" } } },
    );
    await client.connect(new StreamableHTTPClientTransport(new URL(server.url)));
    const documents = Array.from({ length: 450 }, (_, at) => ({
      text: `Walrus number ${at}.`,
      uri: `walrus:${at}`,
    }));
    const seen: number[] = [];
    await client.callTool(
      { name: "ingest_documents", arguments: { documents, collection: "progress" } },
      { onprogress: ({ progress }) => seen.push(progress) },
    );
    expect(seen).toEqual([100, 200, 300, 400, 450]);

    const cancel = new AbortController();
    const other = documents.map(({ text }, at) => ({ text: `${text} Again.`, uri: `cancelled:${at}` }));
    const call = client.callTool(
      { name: "ingest_documents", arguments: { documents: other, collection: "cancelled" } },
      { signal: cancel.signal, onprogress: () => cancel.abort() },
    );
    await expect(call).rejects.toThrow();
    const count = async (): Promise<number> => {
      const result = await client.callTool({
        name: "list_sources",
        arguments: { collection: "cancelled", limit: 500 },
      });
      return (result.structuredContent as { sources: object[] }).sources.length;
    };
    let settled = -1;
    await expect
      .poll(
        async () => {
          const [before, now] = [settled, await count()];
          settled = now;
          return now === before;
        },
        { interval: 200, timeout: 10_000 },
      )
      .toBe(true);
    expect(settled).toBeGreaterThanOrEqual(100);
    expect(settled).toBeLessThan(450);
    await client.close();
  });

  it("bounds the text of an answer", async () => {
    const client = await connect("legacy HTTP", server.url);
    const long = "wombat ".repeat(2_000);
    await content(client, "ingest_documents", {
      documents: [{ text: long, uri: "long:1" }],
      collection: "long",
    });
    type Answer = { truncated: boolean; results: { text: string }[] };
    const { truncated, results } = await content<Answer>(client, "hybrid_search", {
      query: "wombat",
      maxResults: 50,
      maxChars: 2_000,
    });
    expect(truncated).toBe(true);
    expect(results.reduce((sum, { text }) => sum + text.length, 0)).toBeLessThanOrEqual(2_001);

    const observations = Array.from({ length: 50 }, (_, at) => `${at} `.padEnd(1_000, "fact "));
    await content(client, "upsert_entities", { entities: [{ name: "Wordy", kind: "thing", observations }] });
    type Graph = { truncated: boolean; nodes: { observations: string[] }[] };
    const graph = await content<Graph>(client, "graph_query", { entities: ["Wordy"], maxChars: 2_000 });
    expect([graph.truncated, graph.nodes[0]?.observations.length]).toEqual([true, 2]);
    await client.close();
  });
});

describe("HTTP", () => {
  it("refuses foreign hosts and origins, and other paths", async () => {
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" });
    const post = (headers: Record<string, string>, url = server.url): Promise<Response> =>
      fetch(url, { method: "POST", body, headers: { "content-type": "application/json", ...headers } });
    expect((await post({ origin: "https://evil.example" })).status).toBe(403);
    expect((await post({}, server.url.replace("/mcp", "/other"))).status).toBe(404);
    expect((await fetch(server.url.replace("/mcp", "/healthz"))).status).toBe(200);
  });

  it("does not listen on open addresses without a token, and asks for the token", async () => {
    const args = ["--store", dir.file("token.sqlite"), "--host", "0.0.0.0"];
    await expect(startRagServer(args)).rejects.toThrow(/FAIRLEAD_RAG_TOKEN/);
    const open = await startRagServer(args, { FAIRLEAD_RAG_TOKEN: "s3cret" });
    try {
      const url = open.url.replace("0.0.0.0", "127.0.0.1");
      expect((await fetch(url, { method: "POST" })).status).toBe(401);
      const asked = await fetch(url, {
        method: "POST",
        headers: {
          authorization: "Bearer s3cret",
          "content-type": "application/json",
          accept: "application/json, text/event-stream",
        },
        body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" }),
      });
      expect(asked.status).toBe(200);
    } finally {
      await open.process[Symbol.asyncDispose]();
    }
  });

  it("ends in order at SIGTERM, and at the end of stdin", async () => {
    const ended = await startRagServer(["--store", dir.file("end.sqlite")]);
    ended.process.kill("SIGTERM");
    expect(await ended.process.exited).toEqual({ code: 0, signal: null });
  });
});

describe("with an embedding endpoint", () => {
  it("answers hybrid, applies the threshold inclusively, and goes on by words when the endpoint is gone", async () => {
    const simulator = createLmStudioSimulator({
      models: [{ key: "embed", type: "embedding", dimensions: 32, loaded: true }],
    });
    const url = await simulator.listen();
    const options = [
      "--store",
      dir.file("dense.sqlite"),
      "--embed-url",
      `${url}/v1`,
      "--embed-model",
      "embed",
    ];
    const dense = await startRagServer(options);
    const client = await connect("legacy HTTP", dense.url);
    try {
      const documents = ["alpha beta", "gamma delta", "epsilon zeta"].map((text) => ({
        text,
        uri: `t:${text}`,
      }));
      const put = await content<{ results: { embedded: boolean }[] }>(client, "ingest_documents", {
        documents,
      });
      expect(put.results.map(({ embedded }) => embedded)).toEqual([true, true, true]);
      type Answer = {
        mode: string;
        thresholdApplied: boolean;
        notices: string[];
        results: { similarity: number }[];
      };
      const found = await content<Answer>(client, "hybrid_search", { query: "gamma" });
      expect(found).toMatchObject({ mode: "hybrid", scoreKind: "rrf", thresholdApplied: true });
      const best = Math.max(...found.results.map(({ similarity }) => similarity));
      const at = await content<Answer>(client, "vector_search", {
        query: "gamma",
        threshold: Math.max(0, best),
      });
      expect(at.results.map(({ similarity }) => similarity)).toEqual([best]);

      await simulator.close();
      const without = await content<Answer>(client, "vector_search", { query: "gamma delta" });
      // The query's vector was kept: only another question needs the endpoint.
      expect(without.mode).toBe("lexical");
      expect(without.notices.join()).toMatch(/answered by words alone/);
    } finally {
      await client.close();
      await dense.process[Symbol.asyncDispose]();
      await simulator.close();
    }
  });
});
