// The same proxy with version 2 of the official SDK, in its 2026-07-28 form: a stateless handler in front of one client.
// `node sdk-v2-proxy.ts <port> <upstream URL | command> [arguments]`
import { createServer } from "node:http";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { createMcpHandler, Server } from "@modelcontextprotocol/server";

const [port, upstream = "", ...args] = process.argv.slice(2);
const client = new Client(
  { name: "sdk-proxy", version: "0" },
  { versionNegotiation: { mode: { pin: "2026-07-28" } } },
);
await client.connect(
  upstream.startsWith("http")
    ? new StreamableHTTPClientTransport(new URL(upstream))
    : new StdioClientTransport({ command: upstream, args }),
);

const handler = createMcpHandler(
  () => {
    const server = new Server({ name: "sdk-proxy", version: "0" }, { capabilities: { tools: {} } });
    server.setRequestHandler("tools/list", () => client.listTools());
    server.setRequestHandler("tools/call", (request) => client.callTool(request.params));
    return server;
  },
  { legacy: "reject" },
);

createServer((incoming, outgoing) => {
  const chunks: Buffer[] = [];
  incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
  incoming.on("end", () => {
    const hasBody = incoming.method === "POST";
    const request = new Request(`http://127.0.0.1:${port}${incoming.url ?? "/"}`, {
      method: incoming.method ?? "GET",
      headers: Object.entries(incoming.headers).map(([name, value]): [string, string] => [
        name,
        String(value),
      ]),
      ...(hasBody ? { body: Buffer.concat(chunks) } : {}),
    });
    handler
      .fetch(request)
      .then(async (response) => {
        outgoing.writeHead(response.status, Object.fromEntries(response.headers));
        outgoing.end(Buffer.from(await response.arrayBuffer()));
      })
      .catch((error: unknown) => {
        console.error(error);
        outgoing.destroy();
      });
  });
}).listen(Number(port), "127.0.0.1");
