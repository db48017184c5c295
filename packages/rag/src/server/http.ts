// Streamable HTTP on `/mcp`, for clients of both protocol eras; stateless, so that any replica may answer any request.
import { timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import {
  localhostHostValidation,
  localhostOriginValidation,
  toNodeHandler,
} from "@modelcontextprotocol/node";
import { createMcpHandler } from "@modelcontextprotocol/server";
import { RagError } from "../errors.ts";
import { MAX_BODY_BYTES } from "./limits.ts";
import type { RequestThread } from "./request-thread.ts";
import { createRagServer } from "./server.ts";
import type { ServerLibrary } from "./server-library.ts";
import { withRequestThread } from "./two-threads.ts";

export interface HttpOptions {
  /** A port, or the path of a Unix socket. */
  readonly listen: { readonly host: string; readonly port: number } | { readonly path: string };
  /** Asked for as `Authorization: Bearer`; needed on addresses that other machines reach. */
  readonly token?: string | undefined;
  /** Serves requests that ingest, and large ones. @defaultValue none: this thread serves all */
  readonly thread?: RequestThread | undefined;
}

export interface HttpFront {
  /** URL, or path of the socket. */
  readonly address: string;
  /** Ends when the calls that run have ended, or after `graceMs`. */
  close(graceMs?: number): Promise<void>;
}

/** @throws RagError `INVALID_INPUT` for an open address without a token */
export async function serveHttp(
  library: ServerLibrary,
  { listen, token, thread }: HttpOptions,
): Promise<HttpFront> {
  const isLocal = "path" in listen || /^(localhost|::1|127(\.\d{1,3}){3})$/.test(listen.host);
  if (!isLocal && token === undefined)
    throw new RagError(
      "INVALID_INPUT",
      "Set FAIRLEAD_RAG_TOKEN: without one the server listens on this machine only.",
    );
  const handler = createMcpHandler(() => createRagServer(library), { maxRequestBodySize: MAX_BODY_BYTES });
  const first = toNodeHandler(handler, { maxRequestBodySize: MAX_BODY_BYTES });
  const mcp = thread === undefined ? first : withRequestThread(first, thread);
  const [hostIsOwn, originIsOwn] = [localhostHostValidation(), localhostOriginValidation()];
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    if (isLocal && !(hostIsOwn(request, response) && originIsOwn(request, response))) return;
    const path = request.url?.split("?")[0];
    if (path === "/healthz") response.writeHead(200, { "content-type": "text/plain" }).end("ok\n");
    else if (path !== "/mcp") response.writeHead(404).end();
    else if (token !== undefined && !isBearer(request.headers.authorization, token))
      response.writeHead(401, { "www-authenticate": "Bearer" }).end();
    else
      Promise.resolve(mcp(request as Parameters<typeof mcp>[0], response)).catch(() => {
        response.destroy();
      });
  };
  const http = createServer(answer);
  await new Promise<void>((resolve, reject) => {
    http.once("error", reject);
    http.listen(listen, resolve);
  });
  return {
    address: addressOf(http, listen),
    async close(graceMs = 5_000) {
      const ended = new Promise<void>((resolve) => http.close(() => resolve()));
      http.closeIdleConnections();
      const timer = setTimeout(() => http.closeAllConnections(), graceMs);
      await ended;
      clearTimeout(timer);
      await handler.close();
    },
  };
}

function addressOf(http: Server, listen: HttpOptions["listen"]): string {
  if ("path" in listen) return listen.path;
  const { port } = http.address() as AddressInfo;
  return `http://${listen.host.includes(":") ? `[${listen.host}]` : listen.host}:${port}/mcp`;
}

function isBearer(header: string | undefined, token: string): boolean {
  const [given, wanted] = [Buffer.from(header ?? ""), Buffer.from(`Bearer ${token}`)];
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}
