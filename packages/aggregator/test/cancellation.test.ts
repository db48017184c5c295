// A client that goes away: 2026-07-28 takes that for a cancellation, 2025-11-25 does not, and each has its own way of saying so
// to the server.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createMultiplexer, type Multiplexer } from "@fairlead/aggregator";
import { createRawClient, type RawClient, waitUntil } from "@fairlead/testbed";
import { afterEach, describe, expect, it } from "vitest";

type Era = "legacy" | "modern";

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
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
}

interface Started {
  readonly client: RawClient;
  readonly multiplexer: Multiplexer;
  /** What the server heard of its calls: `called`, `told`, `cut`. */
  readonly heard: string[];
}

/** A server that tells of progress, and leaves its calls open. */
async function start(era: Era): Promise<Started> {
  const heard: string[] = [];
  const kind =
    era === "modern" ? { resultType: "complete", ttlMs: 60_000, cacheScope: "private" } : undefined;
  const results: Record<string, object> = {
    initialize: {
      protocolVersion: "2025-11-25",
      capabilities: { tools: {} },
      serverInfo: { name: "s", version: "1" },
    },
    "server/discover": { ...kind, supportedVersions: ["2026-07-28"], capabilities: { tools: {} } },
    "tools/list": { ...kind, tools: [{ name: "t", inputSchema: { type: "object" } }] },
  };
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const text = (await request.toArray()).join("");
    const {
      id,
      method = "",
      params,
    } = JSON.parse(text || "{}") as {
      id?: number;
      method?: string;
      params?: { _meta?: { progressToken?: number } };
    };
    if (method === "notifications/cancelled") heard.push("told");
    if (id === undefined) {
      response.writeHead(request.method === "GET" ? 405 : 202).end();
      return;
    }
    if (method !== "tools/call") {
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify({ jsonrpc: "2.0", id, result: results[method] ?? kind ?? {} }));
      return;
    }
    heard.push("called");
    response.on("close", () => heard.push("cut"));
    response.writeHead(200, { "content-type": "text/event-stream" });
    const progress = { progressToken: params?._meta?.progressToken, progress: 1 };
    response.write(
      `data: ${JSON.stringify({ jsonrpc: "2.0", method: "notifications/progress", params: progress })}\n\n`,
    );
  };
  const url = await listen(createServer((request, response) => void serve(request, response)));
  const multiplexer = createMultiplexer({
    pools: [{ namespace: "p", upstreams: [{ transport: "streamable-http", url, era }] }],
  });
  await multiplexer.initialize();
  closing.push(() => multiplexer.close());
  const front = await listen(
    createServer((request, response) => void multiplexer.handler(request, response)),
  );
  const client = createRawClient(`${front}/p`);
  closing.push(() => client.close());
  return { client, multiplexer, heard };
}

const MODERN = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientCapabilities": {},
};
const modernFields = { "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": "t" };

/** Calls, and goes away as soon as the call runs. */
async function callAndLeave(client: RawClient, era: Era): Promise<void> {
  const _meta = { progressToken: "p", ...(era === "modern" ? MODERN : {}) };
  const call = { jsonrpc: "2.0", id: 7, method: "tools/call", params: { name: "t", _meta } };
  const stream = await client.open(call, era === "modern" ? { headers: modernFields } : {});
  const messages = stream.messages[Symbol.asyncIterator]();
  expect((await messages.next()).value).toMatchObject({ method: "notifications/progress" });
  stream.abort();
  await messages.next().catch(() => {});
}

const isOver = ({ multiplexer }: Started): boolean => multiplexer.getStatus().calls.inFlight === 0;

describe.each([
  // 2025-11-25: the stream of a cancelled call is of no more use, so it is cut as well.
  ["legacy", ["called", "told", "cut"]],
  ["modern", ["called", "cut"]],
] as const)("a call on a %s server", (server, cancelled) => {
  it("is cancelled when a modern client goes away", async () => {
    const started = await start(server);
    await callAndLeave(started.client, "modern");
    await waitUntil(() => started.heard.length === cancelled.length, { what: "the cancellation" });
    expect(new Set(started.heard)).toEqual(new Set(cancelled));
    expect(isOver(started)).toBe(true);
  });

  it("goes on when a legacy client goes away, until that says that it has cancelled it", async () => {
    const started = await start(server);
    const { client, heard } = started;
    await client.initialize();
    await callAndLeave(client, "legacy");
    // Whatever the end of its connection led to would have come by the time of another request's answer.
    await client.request("ping");
    expect(heard).toEqual(["called"]);
    expect(isOver(started)).toBe(false);
    await client.notify("notifications/cancelled", { requestId: 7 });
    await waitUntil(() => heard.length === cancelled.length, { what: "the cancellation" });
    expect(new Set(heard)).toEqual(new Set(cancelled));
    expect(isOver(started)).toBe(true);
  });
});
