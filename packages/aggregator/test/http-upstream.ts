// A Streamable HTTP server without sessions that does what a test wants of it, in this process.
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface ToolCall {
  readonly name: string;
  readonly arguments: Readonly<Record<string, unknown>>;
}

export interface HttpUpstream {
  readonly url: string;
  /** Calls of tools that reached it. */
  readonly calls: ToolCall[];
  [Symbol.asyncDispose](): Promise<void>;
}

export type ToolAnswer = object | "none" | { readonly status: number; readonly retryAfter?: number };

const TOOLS = [
  { name: "work", inputSchema: { type: "object" } },
  { name: "read", inputSchema: { type: "object" }, annotations: { readOnlyHint: true } },
];

/** `answer` gives a call's result, or a status instead; "none" leaves the client waiting. */
export async function httpUpstream(
  answer: (call: ToolCall, response: ServerResponse) => ToolAnswer | Promise<ToolAnswer>,
  health: { ok: boolean } = { ok: true },
): Promise<HttpUpstream> {
  const calls: ToolCall[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (chunk: string) => {
      body += chunk;
    });
    request.on("end", async () => {
      if (request.method !== "POST") return response.writeHead(405).end();
      const { id, method, params } = JSON.parse(body) as { id?: number; method: string; params: ToolCall };
      const send = (result: object): void => {
        response.writeHead(200, { "content-type": "application/json" });
        response.end(JSON.stringify({ jsonrpc: "2.0", id, result }));
      };
      if (id === undefined) return response.writeHead(202).end();
      if (method === "initialize")
        return send({
          protocolVersion: "2025-11-25",
          capabilities: { tools: {} },
          serverInfo: { name: "http", version: "1" },
        });
      if (method === "tools/list") return send({ tools: TOOLS });
      if (method !== "tools/call") return health.ok ? send({}) : undefined;
      calls.push(params);
      const answered = await answer(params, response);
      if (answered === "none") return;
      if (!("status" in answered)) return send(answered);
      const { retryAfter } = answered as { retryAfter?: number };
      response.writeHead(
        answered.status as number,
        retryAfter === undefined ? {} : { "retry-after": String(retryAfter) },
      );
      return response.end("no room");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    calls,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export const textResult = (text: string): object => ({ content: [{ type: "text", text }] });
