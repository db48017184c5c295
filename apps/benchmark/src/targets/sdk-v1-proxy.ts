// The proxy that one writes first: the official SDK's client behind the official SDK's server, one session each.
// `node sdk-v1-proxy.ts <port> <upstream URL | command> [arguments]`
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import {
  CallToolRequestSchema,
  CallToolResultSchema,
  ListToolsRequestSchema,
} from "@modelcontextprotocol/sdk/types.js";

const [port, upstream = "", ...args] = process.argv.slice(2);
const client = new Client({ name: "sdk-proxy", version: "0" });
const transport = upstream.startsWith("http")
  ? new StreamableHTTPClientTransport(new URL(upstream))
  : new StdioClientTransport({ command: upstream, args });
await client.connect(transport as Parameters<Client["connect"]>[0]);

const sessions = new Map<string, StreamableHTTPServerTransport>();

async function openSession(): Promise<StreamableHTTPServerTransport> {
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: () => randomUUID(),
    enableJsonResponse: true,
    onsessioninitialized: (id) => void sessions.set(id, transport),
  });
  const server = new Server({ name: "sdk-proxy", version: "0" }, { capabilities: { tools: {} } });
  server.setRequestHandler(ListToolsRequestSchema, () => client.listTools());
  server.setRequestHandler(CallToolRequestSchema, (request) => client.request(request, CallToolResultSchema));
  await server.connect(transport as Parameters<Server["connect"]>[0]);
  return transport;
}

createServer((request, response) => {
  if (request.method !== "POST") {
    response.writeHead(405).end();
    return;
  }
  const id = request.headers["mcp-session-id"];
  const known = typeof id === "string" ? sessions.get(id) : undefined;
  Promise.resolve(known ?? openSession())
    .then((transport) => transport.handleRequest(request, response))
    .catch((error: unknown) => {
      console.error(error);
      response.destroy();
    });
}).listen(Number(port), "127.0.0.1");
