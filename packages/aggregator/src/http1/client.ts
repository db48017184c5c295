// An HTTP/1.1 client for one origin, as lean as a call through a gateway should be: connections that are used again, one
// write per request, one buffer for all reading. undici does far more, at three times the cost (ADR 0019).
import { isIP, type LookupFunction } from "node:net";
import type { Spliced } from "../wire/splice.ts";
import { type Address, ClientConnection } from "./client-connection.ts";
import { HttpConnectionError } from "./errors.ts";
import { RequestHeads } from "./request-heads.ts";

export interface HttpRequest {
  readonly method: "DELETE" | "GET" | "POST";
  /** Path and query. */
  readonly path: string;
  /** Names and values in turn. The same array again costs no second look. */
  readonly headers: readonly string[];
  readonly body?: Buffer | Spliced | undefined;
  /** Until the response has ended, in milliseconds. @defaultValue no limit */
  readonly timeoutMs?: number | undefined;
}

/** A request that is under way. */
export interface HttpExchangeControl {
  /** Ends the exchange, and the connection with it; its handler is told the error. */
  abort(error: Error): void;
  /** Nothing more is read; what has been read already is still told. */
  pause(): void;
  resume(): void;
}

/** Told how a request goes, in this order; an error ends it at any time. */
export interface HttpResponseHandler {
  /** It has a connection: from here on bytes may reach the server. */
  onRequestStart(control: HttpExchangeControl): void;
  /** @param headers names in lower case and values, in turn */
  onResponseStart(control: HttpExchangeControl, status: number, headers: readonly string[]): void;
  /** `part` is the handler's own. */
  onResponseData(control: HttpExchangeControl, part: Buffer): void;
  onResponseEnd(): void;
  /** Without {@link onRequestStart} before it, nothing has reached the server. */
  onResponseError(error: Error): void;
}

export interface HttpClientOptions {
  /** Connections at a time; further requests wait. @defaultValue 256 */
  readonly connections?: number | undefined;
  /** For making a connection, in milliseconds. @defaultValue 5 000 */
  readonly connectTimeoutMs?: number | undefined;
  /** A Unix socket instead of the origin's host and port. */
  readonly socketPath?: string | undefined;
  /** Finds the addresses of the origin's host. @defaultValue the system's resolver */
  readonly lookup?: LookupFunction | undefined;
  /** Certificates to trust with TLS, in PEM. @defaultValue those that Node trusts */
  readonly ca?: string | undefined;
}

export interface HttpClient {
  /** Header fields that cannot be sent are told to the handler as a TypeError. */
  dispatch(request: HttpRequest, handler: HttpResponseHandler): void;
  /** Breaks every connection. Idempotent. */
  close(): void;
}

interface Waiting {
  readonly request: HttpRequest;
  readonly handler: HttpResponseHandler;
}

/** How often idle connections are looked at, in milliseconds. */
const SWEEP_MS = 1_000;

export function createHttpClient(origin: URL, options: HttpClientOptions = {}): HttpClient {
  const { connections: maxConnections = 256, connectTimeoutMs = 5_000 } = options;
  const address = addressOf(origin, options);
  const heads = new RequestHeads(origin.host);
  const all = new Set<ClientConnection>();
  /** The one that was used last is used first. */
  const idle: ClientConnection[] = [];
  const queue: Waiting[] = [];
  let connecting = 0;
  let sweeper: NodeJS.Timeout | undefined;
  let closed = false;

  return {
    dispatch(request, handler) {
      if (closed) {
        queueMicrotask(() => handler.onResponseError(new HttpConnectionError("the client is closed")));
        return;
      }
      const connection = takeIdle();
      if (connection !== undefined) {
        send(connection, request, handler);
        return;
      }
      queue.push({ request, handler });
      if (connecting < queue.length && all.size < maxConnections) connect();
    },
    close() {
      if (closed) return;
      closed = true;
      clearInterval(sweeper);
      const error = new HttpConnectionError("the client is closed");
      for (const connection of [...all]) connection.break(error);
      for (const { handler } of queue.splice(0)) handler.onResponseError(error);
    },
  };

  function takeIdle(): ClientConnection | undefined {
    for (let connection = idle.pop(); connection !== undefined; connection = idle.pop()) {
      if (connection.isUsable) return connection;
      connection.break(EXPIRED);
    }
    return undefined;
  }

  function connect(): void {
    connecting++;
    const connection = new ClientConnection(address, connectTimeoutMs, {
      onConnect() {
        connecting--;
        next(connection);
      },
      onIdle() {
        next(connection);
      },
      onClose(error, wasConnected) {
        all.delete(connection);
        const at = idle.indexOf(connection);
        if (at !== -1) idle.splice(at, 1);
        if (!wasConnected) {
          connecting--;
          queue.shift()?.handler.onResponseError(error);
        }
        if (!closed && queue.length > connecting && all.size < maxConnections) connect();
      },
    });
    all.add(connection);
  }

  function send(connection: ClientConnection, request: HttpRequest, handler: HttpResponseHandler): void {
    let head: Buffer;
    try {
      head = heads.of(request);
    } catch (error) {
      queueMicrotask(() => handler.onResponseError(error as Error));
      next(connection);
      return;
    }
    connection.send(request, head, handler);
  }

  /** It is free for another request. */
  function next(connection: ClientConnection): void {
    const waiting = queue.shift();
    if (waiting !== undefined) {
      send(connection, waiting.request, waiting.handler);
      return;
    }
    idle.push(connection);
    if (sweeper !== undefined) return;
    sweeper = setInterval(sweep, SWEEP_MS);
    sweeper.unref();
  }

  function sweep(): void {
    for (const connection of [...idle]) if (!connection.isUsable) connection.break(EXPIRED);
    if (idle.length > 0) return;
    clearInterval(sweeper);
    sweeper = undefined;
  }
}

const EXPIRED = new HttpConnectionError("the connection was idle for too long");

function addressOf(origin: URL, { socketPath, lookup, ca }: HttpClientOptions): Address {
  const host = origin.hostname.replace(/^\[|\]$/g, "");
  const isTls = origin.protocol === "https:";
  const port = Number(origin.port === "" ? (isTls ? 443 : 80) : origin.port);
  return {
    connect:
      socketPath === undefined
        ? { host, port, ...(lookup === undefined ? {} : { lookup }) }
        : { path: socketPath },
    tls: isTls
      ? { ...(isIP(host) === 0 && { servername: host }), ...(ca !== undefined && { ca }) }
      : undefined,
  };
}
