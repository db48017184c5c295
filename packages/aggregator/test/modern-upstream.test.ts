// A modern server that does what the SDK's does not: it changes its mind without saying so, and breaks off streams.
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createMultiplexer, type MultiplexerOptions } from "@fairlead/aggregator";
import { createFakeClock } from "@fairlead/core/testing";
import { afterEach, expect, it, vi } from "vitest";

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

interface Message {
  readonly id: number;
  readonly method: string;
  readonly params: Record<string, unknown> & { readonly _meta?: Record<string, unknown> };
}
interface Answer {
  readonly status?: number;
  readonly result?: object;
  readonly error?: object;
}

/** A server, and a gateway's endpoint in front of it. */
async function start(
  answer: (
    message: Message,
    headers: NodeJS.Dict<string | string[]>,
    response: ServerResponse,
  ) => Answer | "open",
  options: MultiplexerOptions = {},
): Promise<(method: string, params?: object) => Promise<Record<string, unknown>>> {
  const server = createServer((request, response) => {
    let text = "";
    request.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
    request.on("end", () => {
      const message = JSON.parse(text) as Message;
      const answered = answer(message, request.headers, response);
      if (answered === "open") return;
      const { status = 200, ...body } = answered;
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify({ jsonrpc: "2.0", id: message.id, ...body }));
    });
  });
  const port = await listen(server);
  const url = `http://127.0.0.1:${port}/mcp`;
  // A clock that leaps would let a health check time out that nobody has answered yet.
  const healthCheck = { intervalMs: 3_600_000 };
  const multiplexer = createMultiplexer(
    {
      pools: [
        { namespace: "m", upstreams: [{ transport: "streamable-http", url, era: "modern" }], healthCheck },
      ],
    },
    options,
  );
  await multiplexer.initialize();
  const front = createServer((request, response) => multiplexer.handler(request, response));
  const frontPort = await listen(front);
  closing.push(
    () => multiplexer.close(),
    () => front.close(),
    () => server.closeAllConnections(),
    () => server.close(),
  );
  return async (method, params = {}) => {
    const response = await fetch(`http://127.0.0.1:${frontPort}/mcp/m`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
    });
    return (await response.json()) as Record<string, unknown>;
  };
}

function listen(server: ReturnType<typeof createServer>): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}

const discovered = (capabilities: object): Answer => ({
  result: {
    resultType: "complete",
    supportedVersions: ["2026-07-28"],
    capabilities,
    ttlMs: 0,
    cacheScope: "private",
  },
});
const listed = (tools: readonly object[]): Answer => ({
  result: { resultType: "complete", tools, ttlMs: 0, cacheScope: "private" },
});

it("lists the tools again when a header field is missing, so that the next call has it", async () => {
  let isAnnotated = false;
  const call = await start(({ method, params }, headers) => {
    if (method === "server/discover") return discovered({ tools: {} });
    const region = { type: "string", ...(isAnnotated ? { "x-mcp-header": "Region" } : {}) };
    if (method === "tools/list")
      return listed([{ name: "t", inputSchema: { type: "object", properties: { region } } }]);
    if (isAnnotated && headers["mcp-param-region"] === undefined)
      return { status: 400, error: { code: -32020, message: "Mcp-Param-Region is absent" } };
    return { result: { content: [{ type: "text", text: JSON.stringify(params["arguments"]) }] } };
  });
  const params = { name: "t", arguments: { region: "north" } };
  expect(await call("tools/call", params)).toHaveProperty("result");
  isAnnotated = true;
  expect(await call("tools/call", params)).toMatchObject({
    error: { code: -32603, data: { code: "CONNECTION_FAILED", upstreamError: { code: -32020 } } },
  });
  await vi.waitFor(async () => expect(await call("tools/call", params)).toHaveProperty("result"), {
    timeout: 20_000,
  });
});

it("reads the lists again when the stream that tells of changes has broken", async () => {
  const names = ["a"];
  const streams: ServerResponse[] = [];
  const call = await start(({ id, method, params }, _headers, response) => {
    if (method === "server/discover") return discovered({ tools: { listChanged: true } });
    if (method === "tools/list")
      return listed(names.map((name) => ({ name, inputSchema: { type: "object" } })));
    expect(method).toBe("subscriptions/listen");
    expect(params).toMatchObject({ notifications: { toolsListChanged: true } });
    streams.push(response);
    response.writeHead(200, { "content-type": "text/event-stream" });
    const acknowledged = {
      jsonrpc: "2.0",
      method: "notifications/subscriptions/acknowledged",
      params: {
        notifications: { toolsListChanged: true },
        _meta: { "io.modelcontextprotocol/subscriptionId": id },
      },
    };
    response.write(`data: ${JSON.stringify(acknowledged)}\n\n`);
    return "open";
  });
  const seen = async (): Promise<string[]> => {
    const { result } = (await call("tools/list")) as { result: { tools: { name: string }[] } };
    return result.tools.map(({ name }) => name);
  };
  expect(await seen()).toEqual(["a"]);
  expect(streams).toHaveLength(1);
  names.push("b");
  streams[0]?.destroy();
  await vi.waitFor(async () => expect(await seen()).toEqual(["a", "b"]), { timeout: 20_000 });
  expect(streams).toHaveLength(2);
});

it("reads a list again that a client asks for after its time, from a server that never says what changed", async () => {
  const clock = createFakeClock();
  const names = ["a"];
  let reads = 0;
  const call = await start(
    ({ method }) => {
      if (method === "server/discover") return discovered({ tools: {} });
      if (method !== "tools/list") return { result: { resultType: "complete" } };
      reads++;
      const tools = names.map((name) => ({ name, inputSchema: { type: "object" } }));
      return { result: { resultType: "complete", tools, ttlMs: 60_000, cacheScope: "private" } };
    },
    { clock },
  );
  const seen = async (): Promise<string[]> => {
    const { result } = (await call("tools/list")) as { result: { tools: { name: string }[] } };
    return result.tools.map(({ name }) => name);
  };
  names.push("b");
  await clock.advance(59_000);
  expect(await seen()).toEqual(["a"]);
  await clock.advance(500);
  expect(reads).toBe(1);
  await clock.advance(1_000);
  // Nobody waits for it.
  expect(await seen()).toEqual(["a"]);
  await clock.advance(200);
  await vi.waitFor(async () => expect(await seen()).toEqual(["a", "b"]));
  expect(reads).toBe(2);
});

it("calls a server again that only wants its state back, and gives up when it never has enough", async () => {
  const rounds: unknown[] = [];
  const call = await start(({ method, params }) => {
    if (method === "server/discover") return discovered({ tools: {} });
    if (method === "tools/list") return listed([{ name: "t", inputSchema: { type: "object" } }]);
    rounds.push(params["requestState"]);
    if (params["arguments"] !== undefined && rounds.length === 3) return { result: { content: [] } };
    return { result: { resultType: "input_required", requestState: `state ${rounds.length}` } };
  });
  expect(await call("tools/call", { name: "t", arguments: {} })).toMatchObject({ result: { content: [] } });
  expect(rounds).toEqual([undefined, "state 1", "state 2"]);
  expect(await call("tools/call", { name: "t" })).toMatchObject({
    error: {
      code: -32603,
      message: expect.stringContaining("after 8 rounds"),
      data: { code: "INPUT_REFUSED", pool: "m" },
    },
  });
  expect(rounds).toHaveLength(3 + 8);
});

it("tells a legacy client in its own words that a resource is not there", async () => {
  const call = await start(({ method, params }) => {
    if (method === "server/discover") return discovered({ resources: {} });
    if (method === "resources/list")
      return {
        result: {
          resultType: "complete",
          resources: [{ uri: "u:1", name: "one" }],
          ttlMs: 0,
          cacheScope: "private",
        },
      };
    if (method === "resources/templates/list")
      return { result: { resultType: "complete", resourceTemplates: [], ttlMs: 0, cacheScope: "private" } };
    return { error: { code: -32602, message: "Resource not found", data: { uri: params["uri"] } } };
  });
  expect(await call("resources/read", { uri: "u:1" })).toMatchObject({
    error: { code: -32002, message: "Resource not found", data: { uri: "u:1" } },
  });
});

it("sends a legacy client's call with the envelope of the revision, its headers, and no client capabilities", async () => {
  let heard: unknown;
  const call = await start((message, headers) => {
    if (message.method === "server/discover") return discovered({ tools: {} });
    if (message.method === "tools/list") return listed([{ name: "t é", inputSchema: { type: "object" } }]);
    const fields = Object.entries(headers).filter(([name]) => name.startsWith("mcp-"));
    heard = { headers: Object.fromEntries(fields), meta: message.params._meta };
    return { result: { content: [] } };
  });
  expect(await call("tools/call", { name: "t é", _meta: { own: 1 } })).toMatchObject({ id: 1, result: {} });
  expect(heard).toEqual({
    headers: {
      "mcp-protocol-version": "2026-07-28",
      "mcp-method": "tools/call",
      "mcp-name": "=?base64?dCDDqQ==?=",
    },
    meta: {
      own: 1,
      "io.modelcontextprotocol/protocolVersion": "2026-07-28",
      "io.modelcontextprotocol/clientCapabilities": {},
      "io.modelcontextprotocol/clientInfo": { name: "fairlead", version: "0.1.0" },
    },
  });
});
