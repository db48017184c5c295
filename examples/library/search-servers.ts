// Three real MCP servers, made with the official SDK, on three ports (by default 3001 to 3003). Each has one tool, and knows
// three documents.
import { createServer } from "node:http";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { z } from "zod";

const documents = [
  { title: "Machine learning in nine pages", score: 0.93 },
  { title: "Statistics for gardeners", score: 0.62 },
  { title: "A history of rope", score: 0.11 },
];

const ports = process.argv.slice(2).map(Number);
const [vector = 3001, graph = 3002, hybrid = 3003] = ports;
for (const [tool, port] of [
  ["vector_search", vector],
  ["graph_query", graph],
  ["hybrid_search", hybrid],
] as const) {
  createServer((request, response) => {
    // Stateless: a server and a transport for each request.
    const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true });
    searchServer(tool, port)
      .connect(transport as Transport)
      .then(() => transport.handleRequest(request, response))
      .catch((error: unknown) => response.writeHead(500).end(String(error)));
  }).listen(port, "localhost", () => console.log(`${tool} listens on http://localhost:${port}/mcp`));
}

function searchServer(tool: string, port: number): McpServer {
  const server = new McpServer({ name: tool, version: "1.0.0" });
  server.registerTool(
    tool,
    {
      description: "Finds documents",
      annotations: { readOnlyHint: true },
      inputSchema: {
        query: z.string(),
        context: z.string().optional(),
        maxResults: z.number().optional(),
        threshold: z.number().optional(),
      },
      outputSchema: {
        results: z.array(z.object({ title: z.string(), score: z.number() })),
        tool: z.string(),
        server: z.number(),
      },
    },
    ({ maxResults = 10, threshold = 0 }) => {
      const results = documents.filter(({ score }) => score >= threshold).slice(0, maxResults);
      const answer = { results, tool, server: port };
      return { content: [{ type: "text", text: JSON.stringify(answer) }], structuredContent: answer };
    },
  );
  return server;
}
