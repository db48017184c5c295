// A Streamable HTTP server without sessions that does what a test wants of it, in this process.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface ToolCall {
  readonly name: string;
  readonly arguments: Readonly<Record<string, unknown>>;
}

/** What a tool answers: a result, an HTTP status instead, or nothing at all. */
export type ToolAnswer = { readonly result: object } | { readonly status: number } | "none";

export interface HttpUpstream {
  readonly url: string;
  /** Calls of tools that reached it. */
  readonly calls: ToolCall[];
  [Symbol.asyncDispose](): Promise<void>;
}

const TOOLS = [
  { name: "work", inputSchema: { type: "object" } },
  { name: "read", inputSchema: { type: "object" }, annotations: { readOnlyHint: true } },
];
const INFO = {
  protocolVersion: "2025-11-25",
  capabilities: { tools: {} },
  serverInfo: { name: "http", version: "1" },
};

/** While `isDown` says so, it answers everything with 503. */
export async function httpUpstream(
  answer: (call: ToolCall) => ToolAnswer | Promise<ToolAnswer>,
  isDown: () => boolean = () => false,
): Promise<HttpUpstream> {
  const calls: ToolCall[] = [];
  const server = createServer((request, response) => void serve(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    calls,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = (await request.toArray()).join("");
    if (request.method !== "POST") {
      response.writeHead(405).end();
      return;
    }
    if (isDown()) {
      response.writeHead(503).end();
      return;
    }
    const { id, method, params } = JSON.parse(body) as { id?: number; method: string; params: ToolCall };
    const answered = await answerOf(method, params);
    if (answered === "none") return;
    if (id === undefined || "status" in answered) {
      response.writeHead("status" in answered ? answered.status : 202).end();
      return;
    }
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ jsonrpc: "2.0", id, ...answered }));
  }

  async function answerOf(method: string, params: ToolCall): Promise<ToolAnswer> {
    if (method === "initialize") return { result: INFO };
    if (method === "tools/list") return { result: { tools: TOOLS } };
    if (method !== "tools/call") return { result: {} };
    calls.push(params);
    return await answer(params);
  }
}

export const textResult = (text: string): { result: object } => ({
  result: { content: [{ type: "text", text }] },
});
