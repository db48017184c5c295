// Servers of revision 2024-11-05, which only know HTTP+SSE.
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createMultiplexer, type Multiplexer, type UpstreamConfig } from "@fairlead/aggregator";
import { createRawClient, everythingServer } from "@fairlead/testbed";
import { afterEach, describe, expect, it, vi } from "vitest";

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function listen(server: ReturnType<typeof createServer>): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(
    () => server.closeAllConnections(),
    () => server.close(),
  );
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function gatewayOf(upstream: UpstreamConfig): Promise<{ url: string; multiplexer: Multiplexer }> {
  const multiplexer = createMultiplexer({
    pools: [{ namespace: "p", upstreams: [upstream], healthCheck: { timeoutMs: 500 } }],
  });
  await multiplexer.initialize({ settleMs: 30_000 });
  const front = createServer((request, response) => {
    if (!multiplexer.handler(request, response)) response.writeHead(404).end();
  });
  const url = `${await listen(front)}/mcp/p`;
  closing.push(() => multiplexer.close());
  return { url, multiplexer };
}

const replicaOf = (multiplexer: Multiplexer) => multiplexer.getStatus().pools[0]?.replicas[0];

const everything = (
  transport: "sse" | "streamable-http",
  era: "auto" | "legacy",
): UpstreamConfig & { readonly url: string } => ({
  transport,
  era,
  url: "http://localhost/sse",
  command: process.execPath,
  args: [everythingServer, "sse"],
  env: { PORT: "{socket}" },
});

describe.each([
  { how: "told so", upstream: everything("sse", "auto") },
  { how: "found out from a refused POST", upstream: everything("streamable-http", "auto") },
])("the reference server over HTTP+SSE, $how", ({ upstream }) => {
  it("serves sessions of their own, which it asks, and is supervised", async () => {
    const { url, multiplexer } = await gatewayOf(upstream);
    expect(replicaOf(multiplexer)).toMatchObject({ status: "ready", era: "legacy" });
    using client = createRawClient(url);
    await client.initialize({
      protocolVersion: "2025-11-25",
      capabilities: { roots: {} },
      clientInfo: { name: "test", version: "1" },
    });
    const call = (name: string, args: object) => client.request("tools/call", { name, arguments: args });
    expect(await call("get-sum", { a: 2, b: 3 })).toMatchObject({
      result: { content: [{ text: expect.stringContaining("5") }] },
    });
    expect(replicaOf(multiplexer)).toMatchObject({ sessions: 1 });

    const { pid } = replicaOf(multiplexer) ?? {};
    process.kill(pid ?? Number.NaN, "SIGKILL");
    await vi.waitFor(() => expect(replicaOf(multiplexer)).toMatchObject({ status: "ready", restarts: 1 }), {
      timeout: 30_000,
    });
    expect(await call("get-sum", { a: 3, b: 4 })).toMatchObject({
      result: { content: [{ text: expect.stringContaining("7") }] },
    });
  });
});

interface Message {
  readonly id?: number;
  readonly method?: string;
}

/** A server that names `endpoint`, and answers as `answer` says; POSTs to the stream's own path are refused. */
async function sseServer(
  endpoint: (base: string) => string,
  answer: (message: Message, say: (message: object) => void, stream: ServerResponse) => void,
): Promise<{ url: string; posts: string[] }> {
  const posts: string[] = [];
  let stream: ServerResponse | undefined;
  const server = createServer((request, response) => {
    if (request.method === "GET") {
      stream = response;
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(`: welcome\r\nevent: endpoint\r\ndata: ${endpoint(base)}\r\n\r\n`);
      return;
    }
    posts.push(request.url ?? "");
    if (request.url === "/sse") {
      response.writeHead(405).end();
      return;
    }
    let text = "";
    request.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
    request.on("end", () => {
      response.writeHead(202).end();
      const current = stream;
      if (current === undefined) return;
      answer(
        JSON.parse(text) as Message,
        (said) => current.write(`data: ${JSON.stringify(said)}\n\n`),
        current,
      );
    });
  });
  const base = await listen(server);
  return { url: `${base}/sse`, posts };
}

/** Shakes hands, lists one tool, and leaves the rest to `then`. */
const handshaking =
  (then: (message: Message, say: (message: object) => void, stream: ServerResponse) => void) =>
  (message: Message, say: (message: object) => void, stream: ServerResponse): void => {
    const { id, method } = message;
    const result = (value: object): void => say({ jsonrpc: "2.0", id, result: value });
    if (method === "initialize")
      result({
        protocolVersion: "2024-11-05",
        capabilities: { tools: {} },
        serverInfo: { name: "old", version: "1" },
      });
    else if (method === "tools/list") result({ tools: [{ name: "t", inputSchema: { type: "object" } }] });
    else then(message, say, stream);
  };

describe("a server over HTTP+SSE", () => {
  it("gets messages at the endpoint that it names, relative or not, and at no other origin", async () => {
    const server = await sseServer(
      () => "/messages?session=7",
      handshaking(({ id }, say) => {
        if (id !== undefined) say({ jsonrpc: "2.0", id, result: { content: [] } });
      }),
    );
    const { url } = await gatewayOf({ transport: "sse", url: server.url });
    using client = createRawClient(url);
    await client.initialize();
    expect(await client.request("tools/call", { name: "t" })).toMatchObject({ result: { content: [] } });
    expect(new Set(server.posts)).toEqual(new Set(["/messages?session=7"]));

    const elsewhere = await sseServer(
      () => "http://127.0.0.2:9/steal",
      handshaking(() => {}),
    );
    const { multiplexer } = await gatewayOf({ transport: "sse", url: elsewhere.url });
    expect(replicaOf(multiplexer)).toMatchObject({
      status: "waiting",
      reason: expect.stringContaining("named an endpoint that is not at"),
    });
    expect(elsewhere.posts).toEqual([]);
  });

  it("that breaks its stream off in the middle of a call has that call fail at once", async () => {
    const server = await sseServer(
      () => "/messages",
      handshaking(({ method }, _say, stream) => {
        if (method === "tools/call") stream.destroy();
      }),
    );
    const { url } = await gatewayOf({ transport: "sse", url: server.url });
    using client = createRawClient(url);
    await client.initialize();
    expect(await client.request("tools/call", { name: "t" })).toMatchObject({
      error: { data: { code: "OUTCOME_UNKNOWN", outcome: "unknown" } },
    });
  });
});
