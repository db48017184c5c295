// Which thread serves what: nothing that ingests, and nothing large, is read by the first one.
import { tempDir } from "@fairlead/testbed";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createLibrary } from "../src/library/library.ts";
import { type HttpFront, serveHttp } from "../src/server/http.ts";
import { createRequestThread, type RequestThread } from "../src/server/request-thread.ts";
import { openStore } from "../src/store/open-store.ts";
import { connect, type Kind, startRagServer } from "./rag-server.ts";

const keep = { include: undefined, exclude: undefined, collection: undefined, watch: false };
const large = (word: string): string =>
  `# ${word}\n\n${`${word} and more words of a long text. `.repeat(150_000)}`;

describe("the two threads of a server", () => {
  let front: HttpFront;
  let thread: RequestThread;
  let close: () => Promise<void>;
  const served: number[] = [];
  const prepared: string[] = [];

  beforeAll(async () => {
    const dir = await tempDir();
    const store = dir.file("two.sqlite");
    const library = createLibrary({ store: await openStore(store) });
    const real = createRequestThread({ flags: { store }, env: {}, roots: [dir.path], kept: [], keep });
    thread = {
      ...real,
      serve(request, signal) {
        served.push(request.body.reduce((sum, part) => sum + part.length, 0));
        return real.serve(request, signal);
      },
    };
    const watched = {
      ...library,
      ingest: ((documents, options) => {
        prepared.push(...documents.map(({ uri }) => uri ?? ""));
        return library.ingest(documents, options);
      }) satisfies typeof library.ingest,
    };
    front = await serveHttp(
      { library: watched, roots: [], folders: () => [] },
      { listen: { host: "127.0.0.1", port: 0 }, thread },
    );
    close = async () => {
      await front.close();
      await real.close();
      await library.close();
      await dir[Symbol.asyncDispose]();
    };
  });
  afterAll(() => close());

  it("serves searches on the first, and ingests and large requests on the second", async () => {
    const client = await connect("modern HTTP", front.address);
    await client.callTool({ name: "hybrid_search", arguments: { query: "otter" } });
    await client.callTool({ name: "status" });
    expect(served).toEqual([]);

    const small = { documents: [{ uri: "small:1", text: "Otters hold hands." }] };
    await client.callTool({ name: "ingest_documents", arguments: small });
    await client.callTool({
      name: "ingest_documents",
      arguments: { documents: [{ uri: "large:1", text: large("wombat") }] },
    });
    const entities = Array.from({ length: 1_000 }, (_, at) => ({
      name: `Entity number ${at} with a name`,
      kind: "thing",
      observations: ["a fact"],
    }));
    await client.callTool({ name: "upsert_entities", arguments: { entities } });
    expect(served.length).toBe(3);
    expect(served[1]).toBeGreaterThan(4 * 1024 * 1024);
    expect(prepared).toEqual([]);

    // What the second wrote, the first finds.
    for (const query of ["otter", "wombat"]) {
      const { structuredContent } = await client.callTool({ name: "hybrid_search", arguments: { query } });
      expect((structuredContent as { results: object[] }).results.length, query).toBeGreaterThan(0);
    }
    expect(served.length).toBe(3);
    await client.close();
  });

  it("refuses what is larger than 16 MiB, and JSON that is none, on either thread", async () => {
    const post = (body: string): Promise<Response> =>
      fetch(front.address, {
        method: "POST",
        body,
        headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
      });
    expect((await post("x".repeat(17 * 1024 * 1024))).status).toBe(413);
    expect((await post("{")).status).toBe(400);
    expect((await post(`{${" ".repeat(100_000)}`)).status).toBe(400);
  });

  it("says so when the second thread cannot work, and tries again at the next request", async () => {
    const broken = createRequestThread({
      flags: { store: "/dev/null/none" },
      env: {},
      roots: [],
      kept: ["/nowhere"],
      keep,
    });
    const request = () => ({
      method: "POST",
      url: "http://localhost/mcp",
      headers: [],
      body: [new Uint8Array(1)],
    });
    const { signal } = new AbortController();
    await expect(broken.serve(request(), signal)).rejects.toThrow(/STORE|none/);
    expect(broken.folders()[0]?.state).toBe("failed");
    await expect(broken.serve(request(), signal)).rejects.toThrow(/STORE|none/);
    await broken.close();
  });
});

describe.each<Kind>(["legacy stdio", "modern stdio"])("a %s client", (kind) => {
  it("sends a text of several MiB, and searches meanwhile", async () => {
    await using dir = await tempDir();
    const client = await connect(kind, ["--store", dir.file("stdio.sqlite")]);
    const documents = [{ uri: "large:1", text: large("wombat") }];
    const ingest = client.callTool({ name: "ingest_documents", arguments: { documents } });
    const search = () => client.callTool({ name: "hybrid_search", arguments: { query: "wombat" } });
    expect((await search()).isError ?? false).toBe(false);
    const { structuredContent } = await ingest;
    expect(structuredContent).toMatchObject({ results: [{ uri: "large:1", outcome: "created" }] });
    const late = (await search()).structuredContent as { results: object[] };
    expect(late.results.length).toBe(10);
    await client.close();
  });
});

it("ends in order while the second thread works", async () => {
  await using dir = await tempDir();
  const server = await startRagServer(["--store", dir.file("end.sqlite")]);
  const client = await connect("modern HTTP", server.url);
  const call = client.callTool({
    name: "ingest_documents",
    arguments: { documents: [{ text: large("otter") }] },
  });
  call.catch(() => {});
  await client.callTool({ name: "status" });
  server.process.kill("SIGTERM");
  expect(await server.process.exited).toEqual({ code: 0, signal: null });
  await client.close().catch(() => {});
});
