// The HTTP surface: sessions, limits, foreign pages, and what is answered to whom.
import { request } from "node:http";
import { createRawClient } from "@fairlead/testbed";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startGateway, stdioFixture, type TestGateway } from "./gateway.ts";

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startGateway({
    limits: { maxRequestBytes: 10_000, pageSize: 4 },
    pools: {
      a: { upstreams: [stdioFixture({ FIXTURE_PAGE_SIZE: "3" })] },
      b: { upstreams: [stdioFixture()] },
    },
  });
  await gateway.untilReady();
});
afterAll(() => gateway[Symbol.asyncDispose]());

/** One request with exactly these headers; fetch would not let a test set Host or Origin. */
function send(
  method: string,
  path: string,
  headers: Record<string, string | string[]>,
  body?: string,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const outgoing = request(`${gateway.url}${path}`, { method, headers }, (response) => {
      response.resume();
      response.on("end", () => resolve(response.statusCode ?? 0));
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

const ping = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" });
const json = { "content-type": "application/json" };

describe("a foreign page", () => {
  const own = new URL("http://127.0.0.1").host;
  const routes = [
    ["POST", "/mcp"],
    ["POST", "/mcp/a"],
    ["GET", "/mcp"],
    ["DELETE", "/mcp"],
    ["GET", "/livez"],
    ["GET", "/readyz"],
    ["GET", "/api/status"],
    ["GET", "/"],
    ["GET", "/nowhere"],
  ] as const;

  it.each(routes)("is refused on %s %s, by Host and by Origin", async (method, path) => {
    const foreign: Record<string, string | string[]>[] = [
      { host: "evil.example" },
      { host: "localhost.evil.example" },
      { host: own, origin: "http://evil.example" },
      { host: own, origin: "null" },
      { host: own, origin: "http://localhost.evil.example" },
      { host: own, origin: "http://localhost@evil.example" },
      { host: own, origin: ["http://localhost", "http://evil.example"] },
    ];
    for (const headers of foreign)
      expect(
        await send(method, path, { ...json, ...headers }, method === "POST" ? ping : undefined),
        JSON.stringify(headers),
      ).toBe(403);
  });

  it.each([{ host: "localhost:1" }, { host: own, origin: "http://localhost:5173" }, { host: "[::1]:3005" }])(
    "is not what %o is",
    async (headers) => {
      expect(await send("POST", "/mcp", { ...json, ...headers }, ping)).toBe(200);
    },
  );
});

describe("sessions", () => {
  it("end with DELETE, and are unknown afterwards", async () => {
    using client = createRawClient(`${gateway.url}/mcp`);
    await client.initialize();
    const id = client.sessionId() ?? "";
    expect(id).toMatch(/^[\x21-\x7e]{20,}$/);
    expect(await client.end()).toBe(200);
    const answer = await client.post(ping, { headers: { "mcp-session-id": id } });
    expect(answer.status).toBe(404);
    expect(answer.messages).toMatchObject([
      { id: 1, error: { message: expect.stringMatching(/initialize/) } },
    ]);
  });

  it("belong to the path where they began", async () => {
    using client = createRawClient(`${gateway.url}/mcp/a`);
    await client.initialize();
    const id = client.sessionId() ?? "";
    expect(await send("POST", "/mcp/b", { ...json, "mcp-session-id": id }, ping)).toBe(404);
    expect(await send("POST", "/mcp/a", { ...json, "mcp-session-id": id }, ping)).toBe(200);
  });

  it("are not needed: a request without one stands alone", async () => {
    using client = createRawClient(`${gateway.url}/mcp`);
    const reply = await client.request("tools/call", { name: "a__echo", arguments: { nonce: "x" } });
    expect(reply).toMatchObject({ result: { content: [{ text: "x" }] } });
  });

  it.each(["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"])(
    "agree on %s when the client asks for it",
    async (protocolVersion) => {
      using client = createRawClient(`${gateway.url}/mcp`);
      expect(await client.initialize({ protocolVersion })).toMatchObject({ result: { protocolVersion } });
    },
  );

  it("offer the newest revision with sessions to a client that asks for something else", async () => {
    using client = createRawClient(`${gateway.url}/mcp`);
    expect(await client.initialize({ protocolVersion: "1999-01-01" })).toMatchObject({
      result: { protocolVersion: "2025-11-25" },
    });
  });

  it("refuse an id that is still in use", async () => {
    using client = createRawClient(`${gateway.url}/mcp`);
    await client.initialize();
    const slow = client.request(
      "tools/call",
      { name: "a__slow", arguments: { delayMs: 300 } },
      { id: "same" },
    );
    await expect.poll(async () => (await gateway.status()).calls.inFlight).toBe(1);
    const second = await client.request("tools/call", { name: "a__echo", arguments: {} }, { id: "same" });
    expect(second).toMatchObject({ error: { code: -32600 } });
    expect(await slow).toHaveProperty("result");
  });
});

describe("lists", () => {
  it("come in pages with an opaque cursor that crosses upstreams", async () => {
    using client = createRawClient(`${gateway.url}/mcp`);
    const names: string[] = [];
    let cursor: unknown;
    let pages = 0;
    do {
      const { result } = await client.request("tools/list", cursor === undefined ? {} : { cursor });
      const tools = (result?.["tools"] ?? []) as { name: string }[];
      expect(tools.length).toBeLessThanOrEqual(4);
      names.push(...tools.map(({ name }) => name));
      cursor = result?.["nextCursor"];
      pages++;
    } while (cursor !== undefined);
    const { pools } = await gateway.status();
    expect(new Set(names).size).toBe(pools.reduce((sum, { tools }) => sum + tools, 0));
    expect(pages).toBe(Math.ceil(names.length / 4));
  });

  it.each(["", "nonsense", Buffer.from('["prompts",4,"x"]').toString("base64url")])(
    "refuse the cursor '%s'",
    async (cursor) => {
      using client = createRawClient(`${gateway.url}/mcp`);
      expect(await client.request("tools/list", { cursor })).toMatchObject({ error: { code: -32602 } });
    },
  );
});

describe("bad requests", () => {
  it.each([
    ["no JSON", "{", json, 400],
    ["no JSON-RPC", "{}", json, 400],
    ["a batch", `[${ping}]`, json, 400],
    ["another type", ping, { "content-type": "text/plain" }, 415],
    ["an encoding", ping, { ...json, "content-encoding": "gzip" }, 415],
    ["too long a body", `"${"x".repeat(11_000)}"`, json, 413],
    [
      "too deep a body",
      `{"jsonrpc":"2.0","id":1,"method":"ping","params":${'{"a":'.repeat(70)}1${"}".repeat(70)}}`,
      json,
      400,
    ],
    ["an unknown session", ping, { ...json, "mcp-session-id": "x" }, 404],
    ["an unknown revision", ping, { ...json, "mcp-protocol-version": "1999-01-01" }, 400],
    ["a modern header without the rest", ping, { ...json, "mcp-protocol-version": "2026-07-28" }, 400],
  ])("with %s are refused", async (_what, body, headers, status) => {
    expect(await send("POST", "/mcp", headers, body)).toBe(status);
  });

  it("of a removed method get 404 in the modern era, and of an unknown one -32601 in both", async () => {
    using client = createRawClient(`${gateway.url}/mcp`);
    const modern = await client.modern("ping");
    expect(modern.status).toBe(404);
    expect(modern.messages).toMatchObject([{ error: { code: -32601 } }]);
    expect(await client.request("no/such")).toMatchObject({ error: { code: -32601 } });
  });

  it("to a path that is nobody's say where things are", async () => {
    expect(await send("POST", "/mcp/nobody", json, ping)).toBe(404);
    expect(await send("GET", "/mcp", { accept: "text/event-stream" })).toBe(405);
    expect(await send("PUT", "/mcp", {})).toBe(405);
    expect(await send("GET", "/nowhere", {})).toBe(404);
    expect(await send("POST", "/livez", {})).toBe(405);
  });
});

it("answers server/discover from what it knows", async () => {
  using client = createRawClient(`${gateway.url}/mcp`);
  const { messages, status } = await client.modern("server/discover");
  expect(status).toBe(200);
  expect(messages[0]).toMatchObject({
    result: {
      resultType: "complete",
      supportedVersions: ["2026-07-28"],
      capabilities: { tools: { listChanged: true } },
      _meta: { "io.modelcontextprotocol/serverInfo": { name: "fairlead" } },
    },
  });
});
