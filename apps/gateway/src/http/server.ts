// The gateway's HTTP server: health, status, and MCP.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Server as NetServer } from "node:net";
import { createWebSocketFront, type Multiplexer, type WebSocketFront } from "@fairlead/aggregator";
import { refuseForeign } from "./guard.ts";
import { serveUpgrades } from "./websocket.ts";

export interface HttpFront {
  /** Address to reach it at: `http://127.0.0.1:3005`. */
  readonly url: string;
  /**
   * Stops accepting connections; resolves when the last one has ended, each after its next response or a silence.
   * Connections that are still busy after `timeoutMs` are cut. Idempotent.
   */
  close(timeoutMs: number): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface HttpFrontOptions {
  readonly host: string;
  readonly port: number;
  readonly multiplexer: Multiplexer;
  /** Longest message of a WebSocket client, in bytes. @defaultValue 4 MiB */
  readonly maxMessageBytes?: number | undefined;
  /** Whether traffic should be sent here. */
  readonly isReady: () => boolean;
  readonly onError: (error: unknown) => void;
}

/** How long an idle connection is kept at the end, for a request that may be on its way, in milliseconds. */
const LINGER_MS = 500;

/** Starts listening. @throws the system's error, such as EADDRINUSE */
export async function openHttpFront(options: HttpFrontOptions): Promise<HttpFront> {
  const { host, port, multiplexer, maxMessageBytes, onError } = options;
  const webSockets = await createWebSocketFront(multiplexer, { maxMessageBytes });
  let lastRequestAt = 0;
  const server = createServer(
    // Node's defaults suit browsers on the open internet; these suit clients that send small messages for hours.
    {
      headersTimeout: 10_000,
      requestTimeout: 30_000,
      keepAliveTimeout: 65_000,
      connectionsCheckingInterval: 5_000,
    },
    (request, response) => {
      lastRequestAt = performance.now();
      try {
        route(request, response, options);
      } catch (error) {
        onError(error);
        if (!response.headersSent)
          sendJson(response, 500, { error: { code: "INTERNAL_ERROR", message: "See the gateway's log." } });
      }
    },
  );
  server.maxConnections = 20_000;
  serveUpgrades(server, webSockets, host);
  await listen(server, host, port);
  const address = server.address();
  const bound = typeof address === "object" && address !== null ? address.port : port;
  const url = `http://${host.includes(":") ? `[${host}]` : host}:${bound}`;
  let closing: Promise<void> | undefined;
  const close = (timeoutMs: number): Promise<void> => {
    closing ??= Promise.all([
      closeGently(server, () => lastRequestAt, timeoutMs),
      closeSockets(webSockets, timeoutMs),
    ]).then(() => undefined);
    return closing;
  };
  return { url, close, [Symbol.asyncDispose]: () => close(0) };
}

/**
 * `server.close()` of node:http also cuts idle connections at once, and with them requests that are just on their way.
 * Here a connection ends after its next response (which says so), or after a silence.
 */
function closeGently(server: Server, lastRequestAt: () => number, timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      const now = performance.now();
      if (now >= deadline) server.closeAllConnections();
      else if (now - lastRequestAt() >= LINGER_MS) server.closeIdleConnections();
    }, LINGER_MS / 10);
    NetServer.prototype.close.call(server, () => {
      clearInterval(timer);
      resolve();
    });
  });
}

/** Connections end as soon as nothing runs on them, and after `timeoutMs` in any case. */
async function closeSockets(front: WebSocketFront, timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  front.drain();
  while (front.connections > 0 && performance.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, LINGER_MS / 10));
  await front.close();
}

function route(
  request: IncomingMessage,
  response: ServerResponse,
  { host, multiplexer, isReady }: HttpFrontOptions,
): void {
  const refusal = refuseForeign(request, host);
  if (refusal !== undefined) {
    sendJson(response, 403, { error: { code: "FOREIGN_ORIGIN", message: refusal } });
    return;
  }
  const path = (request.url ?? "/").split("?", 1)[0] ?? "/";
  if (multiplexer.handler(request, response)) return;
  if (request.method !== "GET" && request.method !== "HEAD") {
    sendJson(response, 405, {
      error: { code: "METHOD_NOT_ALLOWED", message: "Use GET here; MCP is at /mcp." },
    });
    return;
  }
  switch (path) {
    case "/livez":
      sendJson(response, 200, { status: "alive" });
      return;
    case "/readyz":
      sendJson(response, isReady() ? 200 : 503, {
        status: isReady() ? "ready" : multiplexer.getStatus().status,
      });
      return;
    case "/api/status":
      sendJson(response, 200, { ...multiplexer.getStatus(), endpoint: `http://${request.headers.host}/mcp` });
      return;
    case "/":
      sendJson(response, 200, {
        name: "fairlead",
        mcp: "/mcp",
        status: "/api/status",
        health: ["/livez", "/readyz"],
      });
      return;
    default:
      sendJson(response, 404, {
        error: { code: "NOT_FOUND", message: "Nothing here; MCP is at /mcp, the state at /api/status." },
      });
  }
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  const body = Buffer.from(`${JSON.stringify(value)}\n`);
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": body.length,
    "cache-control": "no-store",
  });
  response.end(body);
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port }, () => {
      server.removeListener("error", reject);
      resolve();
    });
  });
}
