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
/** How often somebody looks for silent connections, at the least, in milliseconds. */
const MAX_SWEEP_MS = 1_000;

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
    requestMs: server.requestTimeout,
    keepAliveMs: server.keepAliveTimeout,
    stallMs: server.timeout,
    round: 0,
    onEnd: (connection) => void open.delete(connection),
    onOtherForm(socket) {
      for (const listener of toNode) listener.call(server, socket);
    },
  };
  // A timer per connection would have to be set back with every request.
  const { headersTimeout: firstRequestMs, keepAliveTimeout: keepAliveMs } = server;
  const sweepMs = Math.min(MAX_SWEEP_MS, Math.ceil(Math.min(firstRequestMs, keepAliveMs) / 4));
  const sweeper = setInterval(() => {
    owner.round++;
    for (const connection of [...open]) {
      const silentMs = connection.silentRounds * sweepMs;
      if (silentMs > (connection.isFresh ? firstRequestMs : keepAliveMs)) connection.socket.destroy();
    }
  }, sweepMs);
  sweeper.unref();
  server.on("close", () => clearInterval(sweeper));
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
  /** In milliseconds; 0 for no limit. */
  readonly requestMs: number;
  readonly keepAliveMs: number;
  /** In milliseconds; 0 for no limit. */
  readonly stallMs: number;
  /** Counts how often somebody has looked for silent connections. */
  round: number;
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
  /** Whether nothing has been served yet. */
  isFresh = true;
  /** When it was last busy. */
  #round: number;
  /** Whether an answer waits for its client to read. */
  #isStalled = false;

  constructor(socket: Socket, owner: ConnectionOwner) {
    this.socket = socket;
    this.#owner = owner;
    this.keepAliveSeconds = Math.floor(owner.keepAliveMs / 1_000);
    this.#round = owner.round;
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

  /** For how many whole rounds nothing has happened that it would wait for. */
  get silentRounds(): number {
    return this.isIdle ? this.#owner.round - this.#round - 1 : 0;
  }

  onStall(): void {
    const { stallMs } = this.#owner;
    if (this.#isStalled || stallMs === 0) return;
    this.#isStalled = true;
    this.socket.setTimeout(stallMs);
  }

  onWritten(isLast: boolean): void {
    this.#response = undefined;
    this.#round = this.#owner.round;
    this.#endStall();
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
    this.isFresh = false;
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
    this.#endStall();
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

  /** The client takes nothing of what it has been sent. */
  readonly #onTimeout = (): void => {
    if (this.socket.writableLength > 0) this.socket.destroy();
  };

  #endStall(): void {
    if (!this.#isStalled) return;
    this.#isStalled = false;
    this.socket.setTimeout(0);
  }

  readonly #onDrain = (): void => {
    this.#endStall();
    this.#response?.emit("drain");
  };

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
