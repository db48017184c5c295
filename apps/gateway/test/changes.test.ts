// What servers say on their own account reaches the clients that may hear it: changed lists, updated resources, logs.
import { createRawClient, type JsonRpcMessage, type RawClient, waitUntil } from "@fairlead/testbed";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  httpFixture,
  modernHttpFixture,
  modernStdioFixture,
  startGateway,
  stdioFixture,
  type TestGateway,
} from "./gateway.ts";

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startGateway({
    pools: {
      one: { upstreams: [stdioFixture({ FIXTURE_NAME: "one" })] },
      two: { upstreams: [httpFixture({ FIXTURE_NAME: "two" })] },
      "modern-one": { upstreams: [modernStdioFixture({ FIXTURE_SCHEME: "one" })] },
      "modern-two": { upstreams: [modernHttpFixture({ FIXTURE_SCHEME: "two" })] },
    },
  });
  await gateway.untilReady();
});
afterAll(() => gateway[Symbol.asyncDispose]());

/** Collects what arrives on a stream until the test ends. */
function collect(messages: AsyncIterable<JsonRpcMessage>): JsonRpcMessage[] {
  const seen: JsonRpcMessage[] = [];
  void (async () => {
    for await (const message of messages) seen.push(message);
  })().catch(() => {});
  return seen;
}

async function toolNames(client: RawClient): Promise<string[]> {
  const { result } = await client.request("tools/list");
  return ((result?.["tools"] ?? []) as { name: string }[]).map(({ name }) => name);
}

describe.each(["one", "two", "modern-one", "modern-two"])("pool %s", (pool) => {
  it("tells sessions of a changed list, after the new list can be read", async () => {
    using client = createRawClient(`${gateway.url}/mcp`);
    await client.initialize();
    const stream = await client.listen();
    const seen = collect(stream.messages);
    const added = `added_to_${pool}`;
    await client.request("tools/call", { name: `${pool}__add_tool`, arguments: { name: added } });
    const told = (): boolean => seen.some(({ method }) => method === "notifications/tools/list_changed");
    await waitUntil(async () => told() && (await toolNames(client)).includes(`${pool}__${added}`), {
      what: "the change to be told and to be seen",
    });
    const reply = await client.request("tools/call", {
      name: `${pool}__${added}`,
      arguments: { nonce: "n" },
    });
    expect(reply).toMatchObject({ result: { content: [{ text: `${added} n` }] } });

    await client.request("tools/call", { name: `${pool}__remove_tool`, arguments: { name: added } });
    await waitUntil(async () => !(await toolNames(client)).includes(`${pool}__${added}`), {
      what: "the tool to be gone",
    });
    stream.abort();
  });

  it("tells modern listeners that asked for it, acknowledged first and tagged with their id", async () => {
    using listener = createRawClient(`${gateway.url}/mcp`);
    using caller = createRawClient(`${gateway.url}/mcp`);
    const stream = await openListen(listener, { toolsListChanged: true });
    const seen = collect(stream.messages);
    await waitUntil(() => seen.length > 0, { what: "the acknowledgement" });
    const meta = { "io.modelcontextprotocol/subscriptionId": "listen-1" };
    expect(seen[0]).toMatchObject({
      method: "notifications/subscriptions/acknowledged",
      params: { notifications: { toolsListChanged: true }, _meta: meta },
    });
    await caller.modern("tools/call", { name: `${pool}__add_tool`, arguments: { name: "short-lived" } });
    await waitUntil(() => seen.some(({ method }) => method === "notifications/tools/list_changed"), {
      what: "list_changed",
    });
    expect(seen[1]).toMatchObject({ params: { _meta: meta } });
    await caller.modern("tools/call", { name: `${pool}__remove_tool`, arguments: { name: "short-lived" } });
    stream.abort();
  });
});

function openListen(
  client: RawClient,
  notifications: Record<string, unknown>,
): ReturnType<RawClient["open"]> {
  const body = {
    jsonrpc: "2.0",
    id: "listen-1",
    method: "subscriptions/listen",
    params: {
      notifications,
      _meta: {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
      },
    },
  };
  return client.open(body, {
    headers: { "mcp-protocol-version": "2026-07-28", "mcp-method": "subscriptions/listen" },
  });
}

describe("log messages", () => {
  it("come on the stream of the call that caused them, over HTTP, to sessions and to modern clients that asked", async () => {
    using client = createRawClient(`${gateway.url}/mcp`);
    await client.initialize();
    const answer = await client.post({
      jsonrpc: "2.0",
      id: 1,
      method: "tools/call",
      params: { name: "two__log", arguments: { message: "hello" } },
    });
    expect(answer.messages).toMatchObject([
      { method: "notifications/message", params: { data: "hello" } },
      { id: 1 },
    ]);

    using modern = createRawClient(`${gateway.url}/mcp`);
    const silent = await modern.modern("tools/call", { name: "two__log", arguments: { message: "x" } });
    expect(silent.messages).toHaveLength(1);
    const logLevel = { "io.modelcontextprotocol/logLevel": "debug" };
    const asked = await modern.modern("tools/call", {
      name: "two__log",
      arguments: { message: "x" },
      _meta: logLevel,
    });
    expect(asked.messages.map(({ method }) => method)).toEqual(["notifications/message", undefined]);
    const higher = { "io.modelcontextprotocol/logLevel": "error" };
    const quiet = await modern.modern("tools/call", {
      name: "two__log",
      arguments: { message: "x" },
      _meta: higher,
    });
    expect(quiet.messages).toHaveLength(1);
  });

  it("of a shared process go to its only client, and to nobody once there are two", async () => {
    await using own = await startGateway({ pools: { one: { upstreams: [stdioFixture()] } } });
    await own.untilReady();
    using first = createRawClient(`${own.url}/mcp`);
    await first.initialize();
    const seen = collect((await first.listen()).messages);
    const log = (client: RawClient, message: string): Promise<JsonRpcMessage> =>
      client.request("tools/call", { name: "one__log", arguments: { message } });
    await log(first, "mine alone");
    await waitUntil(() => seen.length === 1, { what: "the log message" });
    expect(seen[0]).toMatchObject({ method: "notifications/message", params: { data: "mine alone" } });

    using second = createRawClient(`${own.url}/mcp`);
    await second.initialize();
    const others = collect((await second.listen()).messages);
    await log(second, "not for the first");
    await log(first, "not for the second");
    // Both were answered behind their log messages, on the same pipe: whatever was to come has come.
    expect(seen).toHaveLength(1);
    expect(others).toHaveLength(0);
  });

  it("respect the level that a session sets", async () => {
    using client = createRawClient(`${gateway.url}/mcp`);
    await client.initialize();
    expect(await client.request("logging/setLevel", { level: "error" })).toMatchObject({ result: {} });
    const answer = await client.post({
      jsonrpc: "2.0",
      id: 1,
      method: "tools/call",
      params: { name: "two__log", arguments: { message: "x" } },
    });
    expect(answer.messages).toHaveLength(1);
    expect(await client.request("logging/setLevel", { level: "loud" })).toMatchObject({
      error: { code: -32602 },
    });
  });
});
