// MCP over WebSocket: the v1 SDK's own transport, and raw frames of both eras.
import { once } from "node:events";
import {
  createRawClient,
  type JsonRpcMessage,
  modernVersion,
  readLedger,
  waitUntil,
} from "@fairlead/testbed";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { WebSocketClientTransport } from "@modelcontextprotocol/sdk/client/websocket.js";
import {
  ResourceUpdatedNotificationSchema,
  ToolListChangedNotificationSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import {
  ledgerOf,
  modernHttpFixture,
  startGateway,
  stdioFixture,
  type TestGateway,
  withLedger,
} from "./gateway.ts";

let gateway: TestGateway;
let base: string;

beforeAll(async () => {
  gateway = await startGateway({
    limits: { maxRequestBytes: 20_000 },
    pools: {
      old: { upstreams: [stdioFixture(withLedger)] },
      new: { upstreams: [modernHttpFixture({ ...withLedger, FIXTURE_SCHEME: "new" })] },
    },
  });
  await gateway.untilReady();
  base = gateway.url.replace("http:", "ws:");
});
afterAll(() => gateway[Symbol.asyncDispose]());

async function sdkClient(path = "/mcp"): Promise<Client> {
  const client = new Client({ name: "test", version: "1.0.0" });
  await client.connect(
    new WebSocketClientTransport(new URL(base + path)) as Parameters<Client["connect"]>[0],
  );
  return client;
}

interface RawSocket {
  send(message: object): void;
  /** The next message that fits. */
  next(fits: (message: JsonRpcMessage) => boolean): Promise<JsonRpcMessage>;
  readonly closed: Promise<number>;
  [Symbol.dispose](): void;
}

async function rawSocket(path = "/mcp"): Promise<RawSocket> {
  const socket = new WebSocket(base + path, "mcp");
  const messages: JsonRpcMessage[] = [];
  socket.on("message", (data: Buffer) => messages.push(JSON.parse(data.toString()) as JsonRpcMessage));
  const closed = new Promise<number>((resolve) => socket.on("close", (code) => resolve(code)));
  await once(socket, "open");
  return {
    send: (message) => socket.send(JSON.stringify({ jsonrpc: "2.0", ...message })),
    async next(fits) {
      await waitUntil(() => messages.some(fits), { what: "a message on the socket" });
      return messages.splice(messages.findIndex(fits), 1)[0] as JsonRpcMessage;
    },
    closed,
    [Symbol.dispose]: () => socket.terminate(),
  };
}

const modern = (params: object, more: object = {}): object => ({
  ...params,
  _meta: {
    "io.modelcontextprotocol/protocolVersion": modernVersion,
    "io.modelcontextprotocol/clientCapabilities": {},
    ...more,
  },
});

describe("the v1 SDK's WebSocket transport", () => {
  it("lists and calls tools of servers of both eras, with progress", async () => {
    const client = await sdkClient();
    const names = (await client.listTools()).tools.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(["old__echo", "new__echo"]));
    for (const pool of ["old", "new"]) {
      const progress: number[] = [];
      const { content } = await client.callTool(
        { name: `${pool}__slow`, arguments: { nonce: `ws-${pool}`, delayMs: 60, steps: 3 } },
        undefined,
        { onprogress: (one) => void progress.push(one.progress) },
      );
      expect(content).toEqual([{ type: "text", text: `ws-${pool}` }]);
      expect(progress.length).toBeGreaterThan(1);
    }
    await client.close();
  });

  it("reaches one pool under its own names", async () => {
    const client = await sdkClient("/mcp/old");
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain("echo");
    await client.close();
  });

  it("hears of changed lists and updated resources", async () => {
    const client = await sdkClient();
    const heard: string[] = [];
    client.setNotificationHandler(ToolListChangedNotificationSchema, () => void heard.push("tools"));
    client.setNotificationHandler(
      ResourceUpdatedNotificationSchema,
      ({ params }) => void heard.push(params.uri),
    );
    await client.callTool({ name: "old__add_tool", arguments: { name: "fresh" } });
    await client.subscribeResource({ uri: "new://greeting" });
    // The gateway's own subscription with the server opens meanwhile.
    await waitUntil(
      async () => {
        await client.callTool({ name: "new__touch", arguments: {} });
        return heard.includes("new://greeting") && heard.includes("tools");
      },
      { what: "both notifications" },
    );
    await client.close();
  });

  it("ends what runs when its socket ends", async () => {
    const client = await sdkClient();
    const call = client.callTool({ name: "old__slow", arguments: { nonce: "gone", delayMs: 60_000 } });
    await waitUntil(() => readLedger(ledgerOf(gateway)).started.has("gone"), { what: "the call" });
    await client.close();
    await expect(call).rejects.toThrow();
    await waitUntil(() => readLedger(ledgerOf(gateway)).cancelled.has("gone"), { what: "its cancellation" });
  });
});

describe("raw frames", () => {
  it("carry both eras on one socket, ids as they came", async () => {
    using socket = await rawSocket();
    socket.send({ id: "a", method: "server/discover", params: modern({}) });
    expect((await socket.next(({ id }) => id === "a")).result).toMatchObject({
      supportedVersions: [modernVersion],
    });
    const call = modern({ name: "old__echo", arguments: { message: "modern" } });
    socket.send({ id: 9_007_199_254_740_991, method: "tools/call", params: call });
    expect((await socket.next(({ id }) => id === 9_007_199_254_740_991)).result).toMatchObject({
      resultType: "complete",
      content: [{ text: "modern" }],
    });
    socket.send({ id: 1, method: "ping" });
    expect(await socket.next(({ id }) => id === 1)).toEqual({ jsonrpc: "2.0", id: 1, result: {} });
  });

  it("carry a subscription beside other requests", async () => {
    using socket = await rawSocket();
    const notifications = { resourceSubscriptions: ["new://greeting"] };
    socket.send({ id: "s", method: "subscriptions/listen", params: modern({ notifications }) });
    const acknowledged = await socket.next(
      ({ method }) => method === "notifications/subscriptions/acknowledged",
    );
    expect(acknowledged.params).toMatchObject({
      notifications,
      _meta: { "io.modelcontextprotocol/subscriptionId": "s" },
    });
    let id = 0;
    let updated = false;
    void socket
      .next(({ method }) => method === "notifications/resources/updated")
      .then(
        () => {
          updated = true;
        },
        () => {},
      );
    await waitUntil(
      async () => {
        const touch = ++id;
        socket.send({ id: touch, method: "tools/call", params: modern({ name: "new__touch" }) });
        await socket.next((message) => message.id === touch);
        return updated;
      },
      { what: "the update" },
    );
  });

  it("are refused when they are no message, and the socket goes on", async () => {
    using socket = await rawSocket();
    socket.send([] as unknown as object);
    const { error } = await socket.next(({ id }) => id === null);
    expect(error?.code).toBeLessThan(0);
    socket.send({ id: 1, method: "ping" });
    expect((await socket.next(({ id }) => id === 1)).result).toEqual({});
  });

  it("end the connection when they are longer than limits.maxRequestBytes", async () => {
    using socket = await rawSocket();
    socket.send({ id: 1, method: "ping", params: { padding: "x".repeat(30_000) } });
    expect(await socket.closed).toBe(1009);
  });
});

describe("a foreign page", () => {
  it.each([
    ["Host", { host: "evil.example" }],
    ["Origin", { origin: "http://evil.example" }],
    ["opaque Origin", { origin: "null" }],
  ])("is refused by its %s", async (_what, headers) => {
    const socket = new WebSocket(`${base}/mcp`, "mcp", { headers });
    socket.on("error", () => {});
    const [, response] = await once(socket, "unexpected-response");
    expect(response.statusCode).toBe(403);
  });

  it("of the gateway itself may connect", async () => {
    const socket = new WebSocket(`${base}/mcp`, "mcp", { headers: { origin: gateway.url } });
    await once(socket, "open");
    socket.terminate();
  });
});

it("is at no other path", async () => {
  for (const path of ["/", "/api/status", "/mcp/nowhere"]) {
    const socket = new WebSocket(base + path, "mcp");
    socket.on("error", () => {});
    const [, response] = await once(socket, "unexpected-response");
    expect([path, response.statusCode]).toEqual([path, 404]);
  }
});

it("ends in order: what runs is answered, then the socket closes", async () => {
  await using own = await startGateway({ pools: { old: { upstreams: [stdioFixture(withLedger)] } } });
  await own.untilReady();
  const socket = new WebSocket(`${own.url.replace("http:", "ws:")}/mcp`, "mcp");
  await once(socket, "open");
  const messages: string[] = [];
  socket.on("message", (data: Buffer) => messages.push(data.toString()));
  const closed = new Promise<number>((resolve) => socket.on("close", (code) => resolve(code)));
  const call = { name: "old__append", arguments: { nonce: "last", holdMs: 400 } };
  socket.send(JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: call }));
  await waitUntil(() => readLedger(ledgerOf(own)).counts.has("last"), { what: "the call" });
  own.process.kill("SIGTERM");
  expect(await closed).toBe(1001);
  expect(messages.map((text) => (JSON.parse(text) as JsonRpcMessage).id)).toEqual([1]);
  expect((await own.process.exited).code).toBe(0);
});

it("stands beside HTTP clients of the same server", async () => {
  const client = await sdkClient("/mcp/old");
  using http = createRawClient(`${gateway.url}/mcp/old`);
  await http.initialize();
  const { result } = await http.request("tools/call", { name: "echo", arguments: { message: "http" } });
  expect(result).toMatchObject({ content: [{ text: "http" }] });
  const { content } = await client.callTool({ name: "echo", arguments: { message: "ws" } });
  expect(content).toEqual([{ type: "text", text: "ws" }]);
  await client.close();
});
