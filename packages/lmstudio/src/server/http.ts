// Streamable HTTP for both generations: stateless for 2026-07-28, sessions for older clients (who could cancel nothing without
// one). Only this machine may ask, or who has the token.
import { createHash, randomUUID, timingSafeEqual } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type NodeIncomingMessageLike, toNodeHandler } from "@modelcontextprotocol/node";
import {
  createMcpHandler,
  hostHeaderValidationResponse,
  isLegacyRequest,
  localhostAllowedHostnames,
  localhostAllowedOrigins,
  originValidationResponse,
} from "@modelcontextprotocol/server";
import type { ToolServerOptions } from "./context.ts";
import { createLegacySessions } from "./legacy-sessions.ts";
import { createToolServers } from "./mcp-server.ts";

export interface HttpOptions extends ToolServerOptions {
  /** 0 takes a free one. @defaultValue 3010 */
  readonly port?: number;
  /** Address to listen on. @defaultValue "127.0.0.1" */
  readonly host?: string;
  /** Demanded as `Authorization: Bearer`; needed for any other address than this machine's own. @defaultValue none */
  readonly token?: string;
  /** Sessions of older clients; the one idle for longest gives way, from 1. @defaultValue 100 */
  readonly maxSessions?: number;
}

export interface HttpHandle {
  /** Where clients connect. */
  readonly url: string;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** The longest request, in bytes: twenty pictures, not films. */
const maxBodyBytes = 64 * 1024 * 1024;

/** @throws RangeError when it would be open to others without a token. */
export async function serveHttp(options: HttpOptions): Promise<HttpHandle> {
  const { port = 3_010, host = "127.0.0.1", token, maxSessions = 100 } = options;
  const isLocal = localhostAllowedHostnames().includes(host.includes(":") ? `[${host}]` : host);
  if (!isLocal && token === undefined)
    throw new RangeError(`token must be given to listen on ${host}, where others can connect`);
  const factory = createToolServers(options);
  const modern = createMcpHandler(factory, { legacy: "reject", maxRequestBodySize: maxBodyBytes });
  const legacy = createLegacySessions(factory, { maxSessions, maxBodyBytes, newId: randomUUID });

  const handler = toNodeHandler(
    { fetch: async (request: Request) => refusalOf(request) ?? route(request) },
    { maxRequestBodySize: maxBodyBytes },
  );
  const server: Server = createServer((request, response) => {
    void handler(request as NodeIncomingMessageLike, response);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => resolve());
  });
  const { port: taken } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${taken}/mcp`,
    close,
    [Symbol.asyncDispose]: close,
  };

  function refusalOf(request: Request): Response | undefined {
    const { pathname } = new URL(request.url);
    if (pathname !== "/mcp") return Response.json({ error: "MCP is at /mcp" }, { status: 404 });
    const rebound = isLocal
      ? (hostHeaderValidationResponse(request, localhostAllowedHostnames()) ??
        originValidationResponse(request, localhostAllowedOrigins()))
      : undefined;
    if (rebound !== undefined) return rebound;
    if (token === undefined || isToken(request.headers.get("authorization"), token)) return undefined;
    return Response.json(
      { error: "A token is required: Authorization: Bearer <token>" },
      { status: 401, headers: { "www-authenticate": "Bearer" } },
    );
  }

  async function route(request: Request): Promise<Response> {
    const isOlder = await isLegacyRequest(request, undefined, { maxRequestBodySize: maxBodyBytes });
    return isOlder ? legacy.fetch(request) : modern.fetch(request);
  }

  async function close(): Promise<void> {
    await Promise.all([modern.close(), legacy.close()]);
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  }
}

/** In the same time whatever it is. */
function isToken(header: string | null, token: string): boolean {
  const hash = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(hash(header?.replace(/^Bearer /i, "") ?? ""), hash(token));
}
