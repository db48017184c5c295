// The short way in: connections of an HTTP server whose requests come in the plainest form are served without
// node:http's parser, streams and timers, which cost more than all that the gateway does with a call (ADR 0019). The first
// request in any other form takes its connection over to node:http, as if nothing had been.
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { RequestParser } from "./request-parser.ts";
import { WholeRequest } from "./whole-request.ts";
import { type ResponseConnection, WholeResponse } from "./whole-response.ts";

export interface ShortPathOptions {
  /** Which request targets it serves. */
  readonly serves: (target: string) => boolean;
  /** Gets what of node:http's classes an MCP handler uses: see {@link WholeRequest} and {@link WholeResponse}. */
  readonly onRequest: (request: IncomingMessage, response: ServerResponse) => void;
}

export interface ShortPath {
  /** Connections that are on it. */
  readonly connections: number;
  /** Ends those that nothing runs on. */
  closeIdle(): void;
  /** Ends all of them. */
  closeAll(): void;
}

type Listener = (socket: Socket) => void;

/** Longest request that is put together from pieces here, in bytes. */
const MAX_PIECES_BYTES = 1024 * 1024;
const TOO_SLOW = "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
/** What may be sent on behind a request that is being served, in bytes. */
const MAX_AHEAD_BYTES = 64 * 1024;

/**
 * Puts itself before the server's own reading. The server's `headersTimeout` holds for the first request of a connection,
 * its `requestTimeout` for bodies that come in pieces, its `keepAliveTimeout` between requests, and its `timeout` for clients
 * that take nothing of an answer.
 */
export function addShortPath(server: Server, { serves, onRequest }: ShortPathOptions): ShortPath {
  const open = new Set<Connection>();
  const toNode = server.listeners("connection") as Listener[];
  server.removeAllListeners("connection");
  const owner: ConnectionOwner = {
    serves,
    onRequest,
    firstRequestMs: server.headersTimeout,
    requestMs: server.requestTimeout,
    keepAliveMs: server.keepAliveTimeout,
    stallMs: server.timeout,
    onEnd: (connection) => void open.delete(connection),
    onOtherForm(socket) {
      for (const listener of toNode) listener.call(server, socket);
    },
  };
  server.on("connection", (socket: Socket) => open.add(new Connection(socket, owner)));
  return {
    get connections() {
      return open.size;
    },
    closeIdle() {
      for (const connection of [...open]) if (connection.isIdle) connection.socket.destroy();
    },
    closeAll() {
      for (const connection of [...open]) connection.socket.destroy();
    },
  };
}

interface ConnectionOwner extends ShortPathOptions {
  /** In milliseconds, as the next. */
  readonly firstRequestMs: number;
  /** 0 for no limit. */
  readonly requestMs: number;
  readonly keepAliveMs: number;
  /** 0 for no limit. */
  readonly stallMs: number;
  onEnd(connection: Connection): void;
  onOtherForm(socket: Socket): void;
}

/** A request whose body comes in pieces. */
interface Pieces {
  readonly chunks: Buffer[];
  readonly timer: NodeJS.Timeout | undefined;
  /** Bytes that are missing. */
  missing: number;
}

class Connection implements ResponseConnection {
  readonly socket: Socket;
  readonly keepAliveSeconds: number;
  isLast = false;
  readonly #owner: ConnectionOwner;
  readonly #parser = new RequestParser();
  #response: WholeResponse | undefined;
  #pieces: Pieces | undefined;
  /** What came behind the request that is being served. */
  #ahead: Buffer | undefined;
  /** Silence after which somebody looks, in milliseconds; and whether it has been one already since the last request. */
  #silenceMs: number;
  #wasSilent = false;

  constructor(socket: Socket, owner: ConnectionOwner) {
    this.socket = socket;
    this.#owner = owner;
    this.keepAliveSeconds = Math.floor(owner.keepAliveMs / 1_000);
    this.#silenceMs = owner.firstRequestMs;
    socket.setTimeout(owner.firstRequestMs);
    socket.on("data", this.#onData);
    socket.on("timeout", this.#onTimeout);
    socket.on("drain", this.#onDrain);
    socket.on("end", this.#onClientEnd);
    socket.on("error", this.#onError);
    socket.on("close", this.#onClose);
  }

  readonly onFlushed = (error?: Error | null): void => {
    if (!error) this.#response?.onFlushed();
  };

  get isIdle(): boolean {
    return this.#response === undefined && this.#pieces === undefined;
  }

  onWritten(isLast: boolean): void {
    this.#response = undefined;
    if (isLast) {
      this.socket.end();
      return;
    }
    const ahead = this.#ahead;
    if (ahead === undefined) return;
    this.#ahead = undefined;
    this.socket.resume();
    this.#onData(ahead);
  }

  readonly #onData = (chunk: Buffer): void => {
    if (this.#response !== undefined) {
      this.#ahead = this.#ahead === undefined ? chunk : Buffer.concat([this.#ahead, chunk]);
      if (this.#ahead.length > MAX_AHEAD_BYTES) this.socket.pause();
      return;
    }
    if (this.#pieces !== undefined) {
      this.#collect(this.#pieces, chunk);
      return;
    }
    const { keepAliveMs, stallMs } = this.#owner;
    const silenceMs = stallMs === 0 ? keepAliveMs : Math.min(keepAliveMs, stallMs);
    if (this.#silenceMs !== silenceMs || this.#wasSilent) {
      this.#silenceMs = silenceMs;
      this.#wasSilent = false;
      this.socket.setTimeout(silenceMs);
    }
    const parsed = this.#parser.parse(chunk);
    if (parsed === undefined || parsed.end > MAX_PIECES_BYTES || !this.#owner.serves(parsed.target)) {
      this.#leave(chunk);
      return;
    }
    if (parsed.end > chunk.length) {
      const { requestMs } = this.#owner;
      const timer = requestMs === 0 ? undefined : setTimeout(this.#onTooSlow, requestMs);
      this.#pieces = { chunks: [chunk], timer, missing: parsed.end - chunk.length };
      return;
    }
    if (parsed.end < chunk.length) this.#ahead = chunk.subarray(parsed.end);
    this.isLast = parsed.headers.connection?.toLowerCase() === "close";
    const response = new WholeResponse(this);
    this.#response = response;
    const request = new WholeRequest(parsed, this.socket);
    // The two have what an MCP handler uses of Node's classes, which cannot be made without their server.
    this.#owner.onRequest(request as unknown as IncomingMessage, response as unknown as ServerResponse);
  };

  #collect(pieces: Pieces, chunk: Buffer): void {
    pieces.chunks.push(chunk);
    pieces.missing -= chunk.length;
    if (pieces.missing > 0) return;
    clearTimeout(pieces.timer);
    this.#pieces = undefined;
    this.#onData(Buffer.concat(pieces.chunks));
  }

  /** Over to node:http, with what has been read. */
  #leave(chunk: Buffer): void {
    const { socket } = this;
    this.#stopListening();
    socket.setTimeout(0);
    this.#owner.onEnd(this);
    socket.unshift(chunk);
    this.#owner.onOtherForm(socket);
  }

  #stopListening(): void {
    const { socket } = this;
    socket.removeListener("data", this.#onData);
    socket.removeListener("timeout", this.#onTimeout);
    socket.removeListener("drain", this.#onDrain);
    socket.removeListener("end", this.#onClientEnd);
    socket.removeListener("error", this.#onError);
    socket.removeListener("close", this.#onClose);
  }

  readonly #onTooSlow = (): void => {
    this.#pieces = undefined;
    this.socket.end(TOO_SLOW);
    this.socket.destroySoon();
  };

  readonly #onTimeout = (): void => {
    const { keepAliveMs, stallMs } = this.#owner;
    const { socket } = this;
    if (this.isIdle) {
      const leftMs = keepAliveMs - this.#silenceMs;
      if (this.#wasSilent || leftMs <= 0 || this.#silenceMs !== stallMs) socket.destroy();
      else {
        this.#wasSilent = true;
        socket.setTimeout(leftMs);
      }
    } else if (stallMs > 0 && socket.writableLength > 0) socket.destroy();
  };

  readonly #onDrain = (): void => void this.#response?.emit("drain");

  /** As with node:http, a client that ends its side is done. */
  readonly #onClientEnd = (): void => void this.socket.end();

  readonly #onError = (): void => void this.socket.destroy();

  readonly #onClose = (): void => {
    this.#owner.onEnd(this);
    clearTimeout(this.#pieces?.timer);
    this.#pieces = undefined;
    const response = this.#response;
    this.#response = undefined;
    response?.onGone();
  };
}
