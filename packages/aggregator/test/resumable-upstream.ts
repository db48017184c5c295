// A legacy server whose streams end, break and go on as a test tells it, behind a multiplexer.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createMultiplexer, type Multiplexer } from "@fairlead/aggregator";
import { createRawClient, legacyVersion, type RawClient } from "@fairlead/testbed";
import { afterEach } from "vitest";

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

export type Reply = (stream: ServerResponse, id: number) => void;

interface Started {
  readonly client: RawClient;
  readonly multiplexer: Multiplexer;
  readonly url: string;
  /** `Last-Event-ID` of the GETs for a call. */
  readonly resumed: string[];
  /** The sessions' own streams. */
  readonly own: { readonly stream: ServerResponse; readonly after: unknown }[];
}

/** A server with sessions that answers calls, and GETs with a `Last-Event-ID`, as it is told; with a client of it. */
export async function start(
  call: Reply,
  resume: (lastEventId: string, stream: ServerResponse, id: number) => void,
  protocolVersion: string = legacyVersion,
): Promise<Started> {
  const resumed: string[] = [];
  const own: { stream: ServerResponse; after: unknown }[] = [];
  let callId = 0;
  const answer = ({ method }: IncomingMessage, body: string, response: ServerResponse): void => {
    const { id, method: asked } = JSON.parse(body) as { id?: number; method: string };
    if (method !== "POST" || id === undefined) {
      response.writeHead(202).end();
      return;
    }
    if (asked === "tools/call") {
      callId = id;
      response.writeHead(200, { "content-type": "text/event-stream" });
      call(response, id);
      return;
    }
    const results: Record<string, object> = {
      initialize: {
        protocolVersion: "2025-11-25",
        capabilities: { tools: {}, logging: {} },
        serverInfo: { name: "s", version: "1" },
      },
      "tools/list": { tools: [{ name: "t", inputSchema: { type: "object" } }] },
    };
    response.writeHead(200, { "content-type": "application/json", "mcp-session-id": "s" });
    response.end(JSON.stringify({ jsonrpc: "2.0", id, result: results[asked] ?? {} }));
  };
  const server = createServer((request, response) => {
    const after = request.headers["last-event-id"];
    if (request.method === "GET") {
      response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
      if (typeof after === "string" && after.startsWith("call-")) {
        resumed.push(after);
        resume(after, response, callId);
      } else own.push({ stream: response, after });
      return;
    }
    let body = "";
    request.setEncoding("utf8").on("data", (chunk: string) => {
      body += chunk;
    });
    request.on("end", () => (request.method === "DELETE" ? response.end() : answer(request, body, response)));
  });
  const url = await listen(server);
  const multiplexer = createMultiplexer({
    pools: [{ namespace: "p", upstreams: [{ transport: "streamable-http", era: "legacy", url }] }],
  });
  await multiplexer.initialize();
  closing.push(() => multiplexer.close());
  const front = await listen(
    createServer((request, response) => void multiplexer.handler(request, response)),
  );
  const pool = front.replace("/mcp", "/mcp/p");
  const client = createRawClient(pool);
  closing.push(() => client.close());
  await client.initialize({ protocolVersion });
  return { client, multiplexer, url: pool, resumed, own };
}

export const event = (id: string, message: object | undefined): string =>
  `id: ${id}\ndata: ${message === undefined ? "" : JSON.stringify(message)}\n\n`;
export const result = (id: number, text: string): object => ({
  jsonrpc: "2.0",
  id,
  result: { content: [{ type: "text", text }] },
});
