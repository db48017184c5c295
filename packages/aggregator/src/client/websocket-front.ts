// MCP over WebSocket, subprotocol `mcp`: one session per socket, one message per text frame, both eras. The `ws` package is
// loaded when a front is made, so that nobody needs it who has none.
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { Caller } from "../caller.ts";
import type { MessageChannel } from "./channel.ts";

export interface WebSocketFrontOptions {
  /** Longest message of a client, in bytes; a longer one ends its connection (1009). @defaultValue 4 MiB */
  readonly maxMessageBytes?: number | undefined;
  /** Connections at a time; further ones are refused with 503. @defaultValue 1 000 */
  readonly maxConnections?: number | undefined;
  /** Requests of one connection that may run at a time; further ones are refused with QUEUE_FULL. @defaultValue 256 */
  readonly maxRunning?: number | undefined;
  /**
   * A client that answers no ping and takes nothing from its connection for this long is cut off, in milliseconds.
   * @defaultValue 30 000
   */
  readonly pingIntervalMs?: number | undefined;
  /**
   * What may wait for a slow reader, in bytes: beyond that nothing more is read from it, and progress and log messages are
   * left out. Beyond 32 times as much it is cut off. @defaultValue 2 MiB
   */
  readonly maxBufferedBytes?: number | undefined;
}

export interface WebSocketFront {
  readonly connections: number;
  /**
   * Takes an HTTP upgrade if its path is one of MCP's; false leaves it to who mounted it, untouched. Hosts, origins and
   * authentication are that one's business too.
   */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, caller?: Caller): boolean;
  /** From here on connections are refused, and end as soon as nothing runs on them. */
  drain(): void;
  /** Ends all connections, those that do not answer within a second too. Idempotent. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** What opens a channel for a connection: a multiplexer. */
export interface ChannelSource {
  openChannel(options: {
    readonly path: string;
    readonly caller?: Caller | undefined;
    readonly maxRunning: number;
    readonly write: (message: Buffer) => void;
    readonly writeOptional: (message: Buffer) => void;
  }): MessageChannel | undefined;
}

/** The part of `ws` that is used here. */
interface Socket {
  readonly bufferedAmount: number;
  readonly readyState: number;
  send(data: Buffer, options: { binary: false }, done: () => void): void;
  ping(): void;
  pause(): void;
  resume(): void;
  close(code: number, reason: string): void;
  terminate(): void;
  on(event: "message", listener: (data: Buffer, isBinary: boolean) => void): void;
  on(event: "pong" | "close", listener: () => void): void;
  on(event: "error", listener: (error: Error) => void): void;
}

interface Connection {
  readonly socket: Socket;
  readonly channel: MessageChannel;
  /** Whether anything was heard from the client, or taken by it, since the last ping. */
  isAlive: boolean;
  isPaused: boolean;
}

const SUBPROTOCOL = "mcp";
const OPEN = 1;
const CUT_FACTOR = 32;
const CLOSE_GRACE_MS = 1_000;
const closeCode = { goingAway: 1001, unsupportedData: 1003, tooSlow: 1013 } as const;

/** @throws Error when the optional package `ws` is not installed */
export async function createWebSocketFront(
  source: ChannelSource,
  options: WebSocketFrontOptions = {},
): Promise<WebSocketFront> {
  const { maxMessageBytes = 4 * 1024 * 1024, maxConnections = 1_000, maxRunning = 256 } = options;
  const { pingIntervalMs = 30_000, maxBufferedBytes = 2 * 1024 * 1024 } = options;
  const { WebSocketServer } = await import("ws").catch((cause: unknown) => {
    throw new Error("MCP over WebSocket needs the package ws: npm install ws", { cause });
  });
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: maxMessageBytes,
    perMessageDeflate: false,
    handleProtocols: () => SUBPROTOCOL,
  });
  const connections = new Set<Connection>();
  let draining = false;
  const timer = setInterval(pingAll, pingIntervalMs);
  timer.unref();

  return {
    get connections() {
      return connections.size;
    },
    upgrade,
    drain,
    close,
    [Symbol.asyncDispose]: close,
  };

  function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, caller?: Caller): boolean {
    let connection: Connection | undefined;
    const channel = source.openChannel({
      path: request.url ?? "/",
      caller,
      maxRunning,
      write: (message) => {
        if (connection !== undefined) write(connection, message);
      },
      writeOptional: (message) => {
        if (connection !== undefined && connection.socket.bufferedAmount < maxBufferedBytes)
          write(connection, message);
      },
    });
    if (channel === undefined) return false;
    const refusal = refusalOf(request);
    if (refusal !== undefined) {
      channel.close();
      refuse(socket, refusal.status, refusal.message);
      return true;
    }
    // A handshake that fails is answered by `ws`; then the channel ends with the socket.
    socket.once("close", () => channel.close());
    socket.on("error", () => socket.destroy());
    server.handleUpgrade(request, socket, head, (opened) => {
      connection = { socket: opened, channel, isAlive: true, isPaused: false };
      connect(connection);
    });
    return true;
  }

  function refusalOf({ headers }: IncomingMessage): { status: string; message: string } | undefined {
    const offered = (headers["sec-websocket-protocol"] ?? "").split(",").map((name) => name.trim());
    if (!offered.includes(SUBPROTOCOL))
      return { status: "400 Bad Request", message: `Sec-WebSocket-Protocol must be ${SUBPROTOCOL}` };
    if (draining) return { status: "503 Service Unavailable", message: "The gateway is shutting down" };
    return connections.size >= maxConnections
      ? { status: "503 Service Unavailable", message: "Too many connections are open; try again later" }
      : undefined;
  }

  function connect(connection: Connection): void {
    const { socket, channel } = connection;
    connections.add(connection);
    socket.on("message", (data, isBinary) => {
      connection.isAlive = true;
      if (isBinary) socket.close(closeCode.unsupportedData, "Messages are text");
      else channel.receive(data);
    });
    socket.on("pong", () => {
      connection.isAlive = true;
    });
    // What was wrong (a frame too long, bytes that are no UTF-8) `ws` tells the client; the end follows.
    socket.on("error", () => {});
    socket.on("close", () => {
      connections.delete(connection);
      channel.close();
    });
  }

  function write(connection: Connection, message: Buffer): void {
    const { socket, channel } = connection;
    if (socket.readyState !== OPEN) return;
    socket.send(message, { binary: false }, () => {
      connection.isAlive = true;
      if (!connection.isPaused || socket.bufferedAmount > maxBufferedBytes / 2) return;
      connection.isPaused = false;
      socket.resume();
    });
    if (socket.bufferedAmount > maxBufferedBytes * CUT_FACTOR) {
      socket.close(closeCode.tooSlow, "Too much waits to be read");
      socket.terminate();
    } else if (socket.bufferedAmount > maxBufferedBytes && !connection.isPaused) {
      connection.isPaused = true;
      socket.pause();
    }
    if (draining && channel.running === 0) socket.close(closeCode.goingAway, "The gateway is shutting down");
  }

  function pingAll(): void {
    for (const connection of connections) {
      if (!connection.isAlive) connection.socket.terminate();
      else {
        connection.isAlive = false;
        connection.socket.ping();
      }
    }
  }

  function drain(): void {
    draining = true;
    for (const { socket, channel } of connections) {
      if (channel.running === 0) socket.close(closeCode.goingAway, "The gateway is shutting down");
    }
  }

  async function close(): Promise<void> {
    draining = true;
    clearInterval(timer);
    for (const { socket } of connections) socket.close(closeCode.goingAway, "The gateway is shutting down");
    const cut = setTimeout(() => {
      for (const { socket } of connections) socket.terminate();
    }, CLOSE_GRACE_MS);
    await Promise.all(
      [...connections].map(({ socket }) => new Promise<void>((done) => socket.on("close", done))),
    );
    clearTimeout(cut);
  }
}

function refuse(socket: Duplex, status: string, message: string): void {
  const body = `${message}\n`;
  socket.on("error", () => socket.destroy());
  socket.end(
    `HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-type: text/plain\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
