import { describe, expect, it } from "vitest";
import { modernFixtureServerPath, readLedger, startProcess, tempDir, waitUntil } from "./index.ts";
import { createRawClient, type JsonRpcMessage, type RawClient } from "./raw-client.ts";

const meta = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientCapabilities": {},
};

async function startHttp(env: Readonly<Record<string, string>> = {}): Promise<{
  client: RawClient;
  [Symbol.asyncDispose](): Promise<void>;
}> {
  const server = await startProcess({
    command: process.execPath,
    args: [modernFixtureServerPath, "--http"],
    env,
  });
  const [, url = ""] = await server.waitForLine(/^listening on (\S+)$/);
  const client = createRawClient(url);
  return {
    client,
    async [Symbol.asyncDispose]() {
      client.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** One connection over stdio: messages out, all messages in. */
async function startStdio(env: Readonly<Record<string, string>> = {}) {
  const server = await startProcess({
    command: process.execPath,
    args: [modernFixtureServerPath, "--stdio"],
    env,
  });
  const seen = (): JsonRpcMessage[] =>
    server
      .stdout()
      .split("\n")
      .filter((line) => line.endsWith("}"))
      .map((line) => JSON.parse(line) as JsonRpcMessage);
  return {
    send(message: object): void {
      server.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
    },
    seen,
    async answerTo(id: string | number): Promise<JsonRpcMessage> {
      await waitUntil(() => seen().some((message) => message.id === id), { what: `an answer to ${id}` });
      return seen().find((message) => message.id === id) as JsonRpcMessage;
    },
    [Symbol.asyncDispose]: server[Symbol.asyncDispose],
  };
}

describe("the modern fixture over HTTP", () => {
  it("answers discover, lists with caching hints, and refuses what is not of its era", async () => {
    await using server = await startHttp({ FIXTURE_NAME: "modern" });
    const { client } = server;
    const [discovered] = (await client.modern("server/discover")).messages;
    expect(discovered).toMatchObject({
      result: { supportedVersions: ["2026-07-28"], capabilities: { tools: { listChanged: true } } },
    });
    const [listed] = (await client.modern("tools/list")).messages;
    expect(listed).toMatchObject({ result: { ttlMs: 60_000, cacheScope: "public" } });
    const tools = ((listed?.result?.["tools"] ?? []) as { name: string }[]).map(({ name }) => name);
    expect(tools).toEqual(expect.arrayContaining(["echo", "append", "slow", "log", "region", "confirm"]));
    expect(await client.initialize()).toMatchObject({ error: { code: -32022 } });
  });

  it("shows the headers that it received", async () => {
    await using server = await startHttp();
    const answer = await server.client.modern(
      "tools/call",
      { name: "region", arguments: { region: "north" } },
      { headers: { "mcp-param-region": "north" } },
    );
    const content = (answer.messages[0]?.result?.["content"] ?? []) as { text: string }[];
    expect(JSON.parse(content[0]?.text ?? "")).toMatchObject({
      arguments: { region: "north" },
      headers: { "mcp-name": "region", "mcp-method": "tools/call", "mcp-param-region": "north" },
    });
  });

  it("asks for input and completes with it", async () => {
    await using server = await startHttp();
    const call = { name: "confirm", arguments: { nonce: "n" } };
    const capable = { "io.modelcontextprotocol/clientCapabilities": { elicitation: { form: {} } } };
    const [asked] = (await server.client.modern("tools/call", { ...call, _meta: capable })).messages;
    expect(asked).toMatchObject({ result: { resultType: "input_required", requestState: "state of n" } });
    const inputResponses = { sure: { action: "accept", content: { sure: true } } };
    const again = { ...call, inputResponses, requestState: "state of n", _meta: capable };
    const [completed] = (await server.client.modern("tools/call", again)).messages;
    expect(completed).toMatchObject({ result: { content: [{ text: "n true state of n" }] } });
    const [incapable] = (await server.client.modern("tools/call", call)).messages;
    expect(incapable).toMatchObject({ error: { code: -32021 } });
  });

  it("takes a closed stream for a cancellation", async () => {
    await using directory = await tempDir();
    const ledger = `${directory.path}/ledger`;
    await using server = await startHttp({ FIXTURE_LEDGER: ledger });
    const abort = new AbortController();
    const call = server.client.modern(
      "tools/call",
      { name: "slow", arguments: { nonce: "n", delayMs: 60_000 } },
      { signal: abort.signal },
    );
    const ended = expect(call).rejects.toThrow();
    await waitUntil(() => readLedger(ledger).started.has("n"), { what: "the call to start" });
    abort.abort();
    await ended;
    await waitUntil(() => readLedger(ledger).cancelled.has("n"), { what: "the cancellation" });
  });
});

describe("the modern fixture over stdio", () => {
  it("answers discover, and tells listeners of changes", async () => {
    await using server = await startStdio();
    server.send({ id: 1, method: "server/discover", params: { _meta: meta } });
    expect(await server.answerTo(1)).toMatchObject({ result: { supportedVersions: ["2026-07-28"] } });
    const notifications = { toolsListChanged: true, resourceSubscriptions: ["fixture://greeting"] };
    server.send({ id: "l", method: "subscriptions/listen", params: { notifications, _meta: meta } });
    const told = (method: string): boolean => server.seen().some((message) => message.method === method);
    await waitUntil(() => told("notifications/subscriptions/acknowledged"), { what: "the ack" });
    const call = { name: "add_tool", arguments: { name: "new" }, _meta: meta };
    server.send({ id: 2, method: "tools/call", params: call });
    await waitUntil(() => told("notifications/tools/list_changed"), { what: "the change" });
    server.send({ id: 3, method: "tools/call", params: { name: "touch", _meta: meta } });
    await waitUntil(() => told("notifications/resources/updated"), { what: "the update" });
  });

  it("refuses initialize", async () => {
    await using server = await startStdio();
    const params = {
      protocolVersion: "2025-11-25",
      capabilities: {},
      clientInfo: { name: "t", version: "1" },
    };
    server.send({ id: 1, method: "initialize", params });
    expect(await server.answerTo(1)).toMatchObject({ error: { code: -32022 } });
  });
});
