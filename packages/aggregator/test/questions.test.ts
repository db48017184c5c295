// What becomes of a legacy server's question besides its answer: progress, withdrawal, a client that goes away.
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createMultiplexer, type Multiplexer } from "@fairlead/aggregator";
import { createRawClient, type JsonRpcMessage, type RawClient } from "@fairlead/testbed";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

interface Message {
  readonly id?: number | string;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: unknown;
  readonly error?: { readonly code: number };
}

const closing: (() => unknown)[] = [];
let heard: Message[];
let call: { stream: ServerResponse; id: number | string } | undefined;
let client: RawClient;
let multiplexer: Multiplexer;

async function listen(server: ReturnType<typeof createServer>): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(
    () => server.closeAllConnections(),
    () => server.close(),
  );
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
}

const say = (message: object): void =>
  void call?.stream.write(`data: ${JSON.stringify({ jsonrpc: "2.0", ...message })}\n\n`);

beforeEach(async () => {
  heard = [];
  call = undefined;
  const url = await listen(
    createServer((request, response) => {
      let body = "";
      request.setEncoding("utf8").on("data", (chunk: string) => {
        body += chunk;
      });
      request.on("end", () => {
        if (request.method !== "POST") {
          response.writeHead(405).end();
          return;
        }
        const message = JSON.parse(body) as Message;
        const { id, method } = message;
        heard.push(message);
        if (id === undefined || method === undefined) {
          response.writeHead(202).end();
        } else if (method === "tools/call") {
          response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
          call = { stream: response, id };
        } else {
          const results: Record<string, object> = {
            initialize: {
              protocolVersion: "2025-11-25",
              capabilities: { tools: {} },
              serverInfo: { name: "s", version: "1" },
            },
            "tools/list": { tools: [{ name: "t", inputSchema: { type: "object" } }] },
          };
          response.writeHead(200, { "content-type": "application/json", "mcp-session-id": "s" });
          response.end(JSON.stringify({ jsonrpc: "2.0", id, result: results[method] ?? {} }));
        }
      });
    }),
  );
  multiplexer = createMultiplexer({
    pools: [{ namespace: "p", upstreams: [{ transport: "streamable-http", era: "legacy", url }] }],
  });
  await multiplexer.initialize();
  closing.push(() => multiplexer.close());
  const front = await listen(
    createServer((request, response) => void multiplexer.handler(request, response)),
  );
  client = createRawClient(front.replace("/mcp", "/mcp/p"));
  closing.push(() => client.close());
  await client.initialize({
    protocolVersion: "2025-11-25",
    capabilities: { elicitation: {} },
    clientInfo: { name: "test", version: "1" },
  });
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** Calls the tool, and has the server ask; returns what the client sees from then on. */
async function ask(): Promise<{ question: JsonRpcMessage; next: () => Promise<JsonRpcMessage> }> {
  const body = { jsonrpc: "2.0", id: 5, method: "tools/call", params: { name: "t" } };
  const opened = client.open(body);
  await vi.waitFor(() => expect(call).toBeDefined());
  const params = {
    message: "?",
    requestedSchema: { type: "object" },
    _meta: { progressToken: "of the server" },
  };
  say({ id: "ask-1", method: "elicitation/create", params });
  const messages = (await opened).messages[Symbol.asyncIterator]();
  const next = async (): Promise<JsonRpcMessage> => (await messages.next()).value as JsonRpcMessage;
  return { question: await next(), next };
}

describe("a server's question", () => {
  it("comes under an id of the gateway's own, with its progress, and is answered once", async () => {
    const { question, next } = await ask();
    expect(question).toMatchObject({ method: "elicitation/create", params: { message: "?" } });
    expect(question.id).not.toBe("ask-1");
    const token = (question.params?.["_meta"] as { progressToken: unknown } | undefined)?.progressToken;
    await client.notify("notifications/progress", { progressToken: token, progress: 1 });
    const answer = { jsonrpc: "2.0", id: question.id, result: { action: "decline" } };
    expect((await client.post(answer)).status).toBe(202);
    expect((await client.post(answer)).status).toBe(202);
    say({ id: call?.id, result: { content: [] } });
    expect(await next()).toMatchObject({ id: 5, result: {} });
    await vi.waitFor(() => expect(heard.some(({ id }) => id === "ask-1")).toBe(true));
    expect(heard.filter(({ id }) => id === "ask-1")).toMatchObject([{ result: { action: "decline" } }]);
    expect(heard.filter(({ method }) => method === "notifications/progress")).toMatchObject([
      { params: { progressToken: "of the server", progress: 1 } },
    ]);
  });

  it("that it withdraws is withdrawn from the client, whose late answer goes nowhere", async () => {
    const { question, next } = await ask();
    say({ method: "notifications/cancelled", params: { requestId: "ask-1" } });
    expect(await next()).toMatchObject({
      method: "notifications/cancelled",
      params: { requestId: question.id },
    });
    await client.post({ jsonrpc: "2.0", id: question.id, result: { action: "decline" } });
    say({ id: call?.id, result: { content: [] } });
    expect(await next()).toMatchObject({ id: 5, result: {} });
    expect(heard.filter(({ id }) => id === "ask-1")).toEqual([]);
  });

  it("is refused when the client goes away", async () => {
    await ask();
    expect(await client.end()).toBe(200);
    await vi.waitFor(() =>
      expect(heard.some(({ method }) => method === "notifications/cancelled")).toBe(true),
    );
  });

  it("for which the client has no capability never reaches it", async () => {
    await ask();
    say({ id: "ask-2", method: "sampling/createMessage", params: {} });
    await vi.waitFor(() => expect(heard.some(({ id }) => id === "ask-2")).toBe(true));
    expect(heard.find(({ id }) => id === "ask-2")).toMatchObject({ error: { code: -32601 } });
  });
});
