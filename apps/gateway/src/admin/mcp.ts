// The admin operations as MCP tools, for agents that run the gateway: `/mcp/fairlead`, both protocol eras.

import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import type { McpHttpHandler } from "@modelcontextprotocol/server";
import type { Operation } from "./operation.ts";

export interface AdminMcp {
  /** Answers a request whose sender is an operator. */
  handle(request: IncomingMessage, response: ServerResponse, actor: string): Promise<void>;
  close(): Promise<void>;
}

export interface AdminMcpOptions {
  readonly operations: readonly Operation[];
  readonly version: string;
  readonly run: (
    operation: Operation,
    input: Readonly<Record<string, unknown>>,
    actor: string,
  ) => Promise<unknown>;
}

/** The SDK is only loaded once somebody asks. */
export function createAdminMcp({ operations, version, run }: AdminMcpOptions): AdminMcp {
  let handler: Promise<McpHttpHandler> | undefined;

  return {
    async handle(request, response, actor) {
      handler ??= create();
      const { fetch } = await handler;
      const answer = await fetch(toWebRequest(request, response), {
        authInfo: { token: "", clientId: actor, scopes: [] },
      });
      response.writeHead(answer.status, Object.fromEntries(answer.headers));
      if (answer.body === null) response.end();
      else
        Readable.fromWeb(answer.body as import("node:stream/web").ReadableStream)
          .on("error", () => response.destroy())
          .pipe(response);
    },
    async close() {
      await (await handler)?.close();
    },
  };

  async function create(): Promise<McpHttpHandler> {
    const { createMcpHandler, McpServer } = await import("@modelcontextprotocol/server");
    return createMcpHandler(({ authInfo }) => {
      const server = new McpServer(
        { name: "fairlead-admin", version },
        { instructions: "Shows and changes the state of this Fairlead gateway." },
      );
      for (const operation of operations) {
        server.registerTool(
          toolName(operation.id),
          {
            description: operation.summary,
            inputSchema: operation.input,
            annotations: {
              readOnlyHint: operation.method === "GET",
              destructiveHint: operation.destructive,
              idempotentHint: operation.idempotent,
              openWorldHint: false,
            },
          },
          async (input: Record<string, unknown>) => {
            try {
              const result = await run(operation, input, authInfo?.clientId ?? "unknown");
              return { content: [{ type: "text" as const, text: JSON.stringify(result, null, 2) }] };
            } catch (error) {
              const text = error instanceof Error ? error.message : String(error);
              return { isError: true, content: [{ type: "text" as const, text }] };
            }
          },
        );
      }
      return server;
    });
  }
}

/** `drainServer` becomes `drain_server`. */
function toolName(id: string): string {
  return id.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function toWebRequest(request: IncomingMessage, response: ServerResponse): Request {
  const gone = new AbortController();
  response.on("close", () => gone.abort());
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers)) {
    if (typeof value === "string" && name !== "authorization") headers.set(name, value);
  }
  const { method = "GET" } = request;
  const hasBody = method !== "GET" && method !== "HEAD";
  return new Request(new URL(request.url ?? "/", "http://localhost"), {
    method,
    headers,
    signal: gone.signal,
    ...(hasBody ? { body: Readable.toWeb(request) as ReadableStream, duplex: "half" } : {}),
  } as RequestInit);
}
