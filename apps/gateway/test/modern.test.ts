// Servers of revision 2026-07-28 behind the gateway, found out by asking, for clients of both eras.
import {
  createRawClient,
  type JsonRpcMessage,
  type RawClient,
  readLedger,
  waitUntil,
} from "@fairlead/testbed";
import { Client as ModernClient, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  httpFixture,
  ledgerOf,
  modernHttpFixture,
  modernStdioFixture,
  startGateway,
  stdioFixture,
  type TestGateway,
  withLedger,
} from "./gateway.ts";
import { legacyClient, modernClient, type SdkClient } from "./sdk-clients.ts";

let gateway: TestGateway;

beforeAll(async () => {
  const fixture = (name: string): Record<string, string> => ({
    ...withLedger,
    FIXTURE_NAME: name,
    FIXTURE_SCHEME: name,
  });
  gateway = await startGateway({
    pools: {
      web: { upstreams: [modernHttpFixture(fixture("web"))] },
      pipe: { upstreams: [modernStdioFixture(fixture("pipe"))] },
      "old-web": { upstreams: [httpFixture(fixture("old-web"))] },
      "old-pipe": { upstreams: [stdioFixture(fixture("old-pipe"))] },
    },
  });
  await gateway.untilReady();
});
afterAll(() => gateway[Symbol.asyncDispose]());

const texts = (result: unknown): string =>
  ((result as { content: { text: string }[] }).content[0] ?? { text: "" }).text;

it("finds out the era of every server, over both transports", async () => {
  const eras = (await gateway.status()).pools.flatMap(({ replicas }) =>
    replicas.map(({ id, era, protocolVersion, server }) => [id, era, protocolVersion, server?.name]),
  );
  expect(eras).toEqual([
    ["web-1", "modern", "2026-07-28", "web"],
    ["pipe-1", "modern", "2026-07-28", "pipe"],
    ["old-web-1", "legacy", "2025-11-25", "old-web"],
    ["old-pipe-1", "legacy", "2025-11-25", "old-pipe"],
  ]);
});

describe.each([
  { sdk: "v1 SDK, sessions of 2025-11-25", connect: legacyClient },
  { sdk: "v2 SDK, pinned to 2026-07-28", connect: modernClient },
])("$sdk", ({ connect }) => {
  describe.each([
    { pool: "web", path: "/mcp", prefix: "web__" },
    { pool: "web", path: "/mcp/web", prefix: "" },
    { pool: "pipe", path: "/mcp", prefix: "pipe__" },
    { pool: "pipe", path: "/mcp/pipe", prefix: "" },
  ])("to the modern pool $pool through $path", ({ pool, path, prefix }) => {
    let client: SdkClient;

    beforeAll(async () => {
      client = await connect(new URL(gateway.url + path));
    });
    afterAll(() => client.close());

    it("lists tools, and calls one", async () => {
      const { tools } = await client.listTools();
      expect(tools.map(({ name }) => name)).toEqual(
        expect.arrayContaining([`${prefix}echo`, `${prefix}region`]),
      );
      const answer = await client.callTool(`${prefix}echo`, { message: "Grüße, Welt" });
      expect(texts(answer)).toBe("Grüße, Welt");
    });

    it("reads resources, listed and by template", async () => {
      const { resources } = await client.listResources();
      expect(resources.map(({ uri }) => uri)).toContain(`${pool}://greeting`);
      const { contents } = await client.readResource({ uri: `${pool}://greeting` });
      expect(contents[0]?.text).toBe("hello");
      const item = await client.readResource({ uri: `${pool}://item/7` });
      expect(item.contents[0]?.text).toBe("item 7");
      await expect(client.readResource({ uri: "nowhere://at/all" })).rejects.toThrow(/not found/i);
    });

    it("gets a prompt, and completes its argument", async () => {
      const { messages } = await client.getPrompt({ name: `${prefix}greet`, arguments: { name: "Ada" } });
      expect(JSON.stringify(messages)).toContain("Say hello to Ada.");
      const { completion } = await client.complete({
        ref: { type: "ref/prompt", name: `${prefix}greet` },
        argument: { name: "name", value: "A" },
      });
      expect(completion.values).toEqual(["Ada", "Alan"]);
    });

    it("receives progress, in order", async () => {
      const seen: number[] = [];
      const answer = await client.callTool(
        `${prefix}slow`,
        { nonce: "n", delayMs: 60, steps: 3 },
        { onprogress: ({ progress }) => seen.push(progress) },
      );
      expect(texts(answer)).toBe("n");
      expect(seen).toEqual([1, 2, 3]);
    });

    it("cancels a call, and the server hears of it", async () => {
      const nonce = `cancel-${connect.name}-${pool}-${prefix}`;
      const abort = new AbortController();
      const call = client.callTool(
        `${prefix}slow`,
        { nonce, delayMs: 3_600_000, steps: 360_000 },
        { signal: abort.signal, onprogress: () => abort.abort(new Error("enough")) },
      );
      await expect(call).rejects.toThrow();
      await waitUntil(() => readLedger(ledgerOf(gateway)).cancelled.has(nonce), {
        what: "the server to hear of the cancellation",
      });
      await waitUntil(async () => (await gateway.replica(`${pool}-1`)).inFlight === 0, {
        what: "the call to be gone",
      });
    });

    it("tells an unknown prompt of the server from a broken gateway", async () => {
      await expect(client.getPrompt({ name: `${prefix}no-such-prompt` })).rejects.toMatchObject({
        code: -32602,
      });
    });
  });

  it("sends annotated arguments as header fields, encoded where they must be", async () => {
    const client = await connect(new URL(`${gateway.url}/mcp`));
    try {
      await client.listTools();
      const args = { region: "Zürich", place: { floor: 7, name: "east" }, dry: false };
      const answer = JSON.parse(texts(await client.callTool("web__region", args))) as unknown;
      expect(answer).toMatchObject({
        arguments: args,
        headers: {
          "mcp-protocol-version": "2026-07-28",
          "mcp-method": "tools/call",
          "mcp-name": "region",
          "mcp-param-region": "=?base64?WsO8cmljaA==?=",
          "mcp-param-floor": "7",
          "mcp-param-dry-run": "false",
        },
      });
    } finally {
      await client.close();
    }
  });
});

describe("a legacy client", () => {
  it("is told that the server wants to ask something that it cannot be asked", async () => {
    using client = createRawClient(`${gateway.url}/mcp`);
    await client.initialize();
    const { error } = await client.request("tools/call", {
      name: "web__confirm",
      arguments: { nonce: "n" },
    });
    expect(error).toMatchObject({
      code: -32603,
      data: {
        code: "CONNECTION_FAILED",
        pool: "web",
        upstream: "web-1",
        outcome: "not-executed",
        upstreamError: { code: -32021, data: { requiredCapabilities: { elicitation: {} } } },
      },
    });
  });
});

describe("a modern client", () => {
  it.each(["web", "pipe"])("that lacks a capability hears so from the server of %s itself", async (pool) => {
    using client = createRawClient(`${gateway.url}/mcp`);
    const { status, messages } = await client.modern("tools/call", {
      name: `${pool}__confirm`,
      arguments: { nonce: "n" },
    });
    expect(status).toBe(400);
    expect(messages[0]?.error).toMatchObject({
      code: -32021,
      data: { requiredCapabilities: { elicitation: {} } },
    });
  });

  it.each(["web", "pipe"])("is asked for input by a tool of %s, and the call completes", async (pool) => {
    const client = new ModernClient(
      { name: "test", version: "1.0.0" },
      {
        versionNegotiation: { mode: { pin: "2026-07-28" } },
        capabilities: { elicitation: { form: {} } },
      },
    );
    const asked: string[] = [];
    client.setRequestHandler("elicitation/create", ({ params }) => {
      asked.push(params.message);
      return { action: "accept", content: { sure: true } };
    });
    await client.connect(new StreamableHTTPClientTransport(new URL(`${gateway.url}/mcp`)));
    try {
      const answer = await client.callTool({ name: `${pool}__confirm`, arguments: { nonce: "launch" } });
      expect(asked).toEqual(["Go on with launch?"]);
      expect(texts(answer)).toBe("launch true state of launch");
    } finally {
      await client.close();
    }
  });

  it("has its own header fields forwarded, known to the gateway or not", async () => {
    using client = createRawClient(`${gateway.url}/mcp`);
    const answer = await client.modern(
      "tools/call",
      { name: "web__region", arguments: {} },
      { headers: { "mcp-param-tenant": "=?base64?w7w=?=" } },
    );
    expect(JSON.parse(texts(answer.messages[0]?.result))).toMatchObject({
      headers: { "mcp-param-tenant": "=?base64?w7w=?=", "mcp-name": "region" },
    });
  });

  it("is told how long lists may be kept: what holds for all servers behind them", async () => {
    using web = createRawClient(`${gateway.url}/mcp/web`);
    const hint = async (client: RawClient, method: string): Promise<unknown> => {
      const { ttlMs, cacheScope } = (await client.modern(method)).messages[0]?.result ?? {};
      return { ttlMs, cacheScope };
    };
    expect(await hint(web, "tools/list")).toEqual({ ttlMs: 60_000, cacheScope: "public" });
    expect(await hint(web, "prompts/list")).toEqual({ ttlMs: 30_000, cacheScope: "private" });
    using all = createRawClient(`${gateway.url}/mcp`);
    expect(await hint(all, "tools/list")).toEqual({ ttlMs: 0, cacheScope: "private" });
  });
});

describe("log messages of a modern server", () => {
  const log = { name: "web__log", arguments: { message: "hello" } };

  it("come to a session from the level on that it set, and not before", async () => {
    using client = createRawClient(`${gateway.url}/mcp`);
    await client.initialize();
    const call = async (): Promise<readonly JsonRpcMessage[]> =>
      (await client.post({ jsonrpc: "2.0", id: 1, method: "tools/call", params: log })).messages;
    expect(await call()).toMatchObject([{ id: 1 }]);
    await client.request("logging/setLevel", { level: "debug" });
    expect(await call()).toMatchObject([
      { method: "notifications/message", params: { level: "info", data: "hello" } },
      { id: 1 },
    ]);
    await client.request("logging/setLevel", { level: "error" });
    expect(await call()).toMatchObject([{ id: 1 }]);
  });

  it("come to a modern client that asks for them in its request", async () => {
    using client = createRawClient(`${gateway.url}/mcp`);
    const _meta = { "io.modelcontextprotocol/logLevel": "info" };
    const { messages } = await client.modern("tools/call", { ...log, _meta });
    expect(messages.map(({ method }) => method)).toEqual(["notifications/message", undefined]);
  });
});

describe.each(["web", "pipe"])("an updated resource of %s", (pool) => {
  it("is told to subscribed sessions and listeners, and to nobody else", async () => {
    using session = createRawClient(`${gateway.url}/mcp`);
    using other = createRawClient(`${gateway.url}/mcp`);
    using listener = createRawClient(`${gateway.url}/mcp`);
    await session.initialize();
    await other.initialize();
    const heard = collect((await session.listen()).messages);
    const overheard = collect((await other.listen()).messages);
    const uri = `${pool}://greeting`;
    await session.request("resources/subscribe", { uri });
    const listened = collect(
      (
        await listener.open(listenRequest({ resourceSubscriptions: [uri] }), {
          headers: { "mcp-protocol-version": "2026-07-28", "mcp-method": "subscriptions/listen" },
        })
      ).messages,
    );
    await waitUntil(() => listened.length > 0, { what: "the acknowledgement" });
    const told = (messages: readonly JsonRpcMessage[]): boolean =>
      messages.some(({ method }) => method === "notifications/resources/updated");
    await waitUntil(
      async () => {
        // The upstream subscription is opened behind the answer, so the first touches may come too early.
        await session.request("tools/call", { name: `${pool}__touch`, arguments: {} });
        return told(heard) && told(listened);
      },
      { what: "the update to be told" },
    );
    expect(told(overheard)).toBe(false);
  });
});

function listenRequest(notifications: Record<string, unknown>): object {
  const _meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  return {
    jsonrpc: "2.0",
    id: "listen-1",
    method: "subscriptions/listen",
    params: { notifications, _meta },
  };
}

/** Collects what arrives on a stream until the test ends. */
function collect(messages: AsyncIterable<JsonRpcMessage>): JsonRpcMessage[] {
  const seen: JsonRpcMessage[] = [];
  void (async () => {
    for await (const message of messages) seen.push(message);
  })().catch(() => {});
  return seen;
}
