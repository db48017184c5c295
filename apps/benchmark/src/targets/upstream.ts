// The upstream of all targets: the cheapest MCP server that there can be, so that what is measured is what stands before it.
// `node upstream.ts <port>`
import { createServer } from "node:http";

interface Message {
  readonly id?: string | number;
  readonly method: string;
  readonly params?: { readonly arguments?: { readonly message?: string } };
}

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    if (request.method !== "POST") {
      response.writeHead(405).end();
      return;
    }
    const { id, method, params } = JSON.parse(Buffer.concat(chunks).toString()) as Message;
    if (id === undefined) {
      response.writeHead(202).end();
      return;
    }
    const body = JSON.stringify({ jsonrpc: "2.0", id, result: resultOf(method, params) });
    response.writeHead(200, {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(body),
    });
    response.end(body);
  });
});
server.listen(Number(process.argv[2]), "127.0.0.1");

function resultOf(method: string, params: Message["params"]): unknown {
  switch (method) {
    case "initialize":
      return {
        protocolVersion: "2025-11-25",
        capabilities: { tools: {} },
        serverInfo: { name: "upstream", version: "0" },
      };
    case "tools/list":
      return {
        tools: [{ name: "echo", inputSchema: { type: "object" }, annotations: { readOnlyHint: true } }],
      };
    case "tools/call":
      return { content: [{ type: "text", text: params?.arguments?.message ?? "" }] };
    default:
      return {};
  }
}
