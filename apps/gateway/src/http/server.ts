// Listening sockets: hardened time limits, bounds on connections, and an end that loses no request.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Server as NetServer, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { addShortPath, type ShortPath } from "@fairlead/aggregator";

export interface HttpServer {
  /** Address to reach it at: `http://127.0.0.1:3005`. */
  readonly url: string;
  readonly port: number;
  /**
   * Stops accepting connections; resolves when the last one has ended, each after its next response or a silence.
   * Connections that are still busy after `timeoutMs` are cut. Idempotent.
   */
  close(timeoutMs: number): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface HttpServerOptions {
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  readonly onRequest: (request: IncomingMessage, response: ServerResponse) => void;
  /** Request targets that most requests are for; served without node:http where they come in the plainest form. */
  readonly servesShortly?: (target: string) => boolean;
  readonly onUpgrade?: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
  readonly timeouts?: Partial<HttpTimeouts>;
}

/** How long a connection may keep the gateway waiting, in milliseconds. How long a call takes is no matter of these. */
export interface HttpTimeouts {
  /** For the header of a request. @defaultValue 10 000 */
  readonly headersMs: number;
  /** For a whole request. @defaultValue 30 000 */
  readonly requestMs: number;
  /** Without a byte of an answer being taken. @defaultValue 30 000 */
  readonly stallMs: number;
  /** Between two requests. @defaultValue 65 000: more than load balancers wait */
  readonly keepAliveMs: number;
  /** How often the first two are looked after. @defaultValue 1 000 */
  readonly checkMs: number;
}

/** Node's defaults suit browsers on the open internet; these suit clients that send small messages for hours. */
const TIMEOUTS: HttpTimeouts = {
  headersMs: 10_000,
  requestMs: 30_000,
  stallMs: 30_000,
  keepAliveMs: 65_000,
  checkMs: 1_000,
};

/** How long an idle connection is kept at the end, for a request that may be on its way, in milliseconds. */
const LINGER_MS = 500;
const MAX_CONNECTIONS = 20_000;
/** Connections that may wait to be accepted. When they are more, the system drops them, and clients try again only after seconds. */
const BACKLOG = 4_096;

/** Starts listening. @throws the system's error, such as EADDRINUSE */
export async function openHttpServer({
  host,
  port,
  onRequest,
  servesShortly,
  onUpgrade,
  timeouts,
}: HttpServerOptions): Promise<HttpServer> {
  let lastRequestAt = 0;
  const { headersMs, requestMs, stallMs, keepAliveMs, checkMs } = { ...TIMEOUTS, ...timeouts };
  const server = createServer(
    {
      headersTimeout: headersMs,
      requestTimeout: requestMs,
      keepAliveTimeout: keepAliveMs,
      connectionsCheckingInterval: checkMs,
      maxHeaderSize: 16 * 1024,
    },
    receive,
  );
  function receive(request: IncomingMessage, response: ServerResponse): void {
    lastRequestAt = performance.now();
    onRequest(request, response);
  }
  server.on("request", (_request, response) => response.on("timeout", endIfStalled));
  server.setTimeout(stallMs);
  server.maxHeadersCount = 100;
  server.maxConnections = MAX_CONNECTIONS;
  if (onUpgrade !== undefined) server.on("upgrade", onUpgrade);
  const shortPath =
    servesShortly === undefined
      ? undefined
      : addShortPath(server, { serves: servesShortly, onRequest: receive });
  await listen(server, host, port);
  const address = server.address();
  const bound = typeof address === "object" && address !== null ? address.port : port;
  const url = `http://${host.includes(":") ? `[${host}]` : host}:${bound}`;

  let closing: Promise<void> | undefined;
  const close = (timeoutMs: number): Promise<void> => {
    closing ??= closeGently(server, shortPath, () => lastRequestAt, timeoutMs);
    return closing;
  };
  return { url, port: bound, close, [Symbol.asyncDispose]: () => close(0) };
}

/** Nothing passes either way: fine while a call is under way, but not while its answer waits to be read. */
function endIfStalled(socket: Socket): void {
  if (socket.writableLength > 0) socket.destroy();
}

/**
 * `server.close()` of node:http also cuts idle connections at once, and with them requests that are just on their way.
 * Here a connection ends after its next response (which says so), or after a silence.
 */
function closeGently(
  server: Server,
  shortPath: ShortPath | undefined,
  lastRequestAt: () => number,
  timeoutMs: number,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      const now = performance.now();
      if (now >= deadline) {
        server.closeAllConnections();
        shortPath?.closeAll();
      } else if (now - lastRequestAt() >= LINGER_MS) {
        server.closeIdleConnections();
        shortPath?.closeIdle();
      }
    }, LINGER_MS / 10);
    NetServer.prototype.close.call(server, () => {
      clearInterval(timer);
      resolve();
    });
  });
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port, backlog: BACKLOG }, () => {
      server.removeListener("error", reject);
      resolve();
    });
  });
}
