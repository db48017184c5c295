import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect as connectTcp, type Socket } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import { WebSocket } from "ws";
import type { MessageChannel } from "./channel.ts";
import {
  type ChannelSource,
  createWebSocketFront,
  type WebSocketFront,
  type WebSocketFrontOptions,
} from "./websocket-front.ts";

type Request = Parameters<ChannelSource["openChannel"]>[0];

interface Opened extends Request {
  readonly received: string[];
  running: number;
  isClosed: boolean;
}

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A front on a server of its own; what its channels are given is kept. */
async function start(
  options: WebSocketFrontOptions = {},
): Promise<{ front: WebSocketFront; port: number; channels: Opened[]; server: Server }> {
  const channels: Opened[] = [];
  const source: ChannelSource = {
    openChannel(request): MessageChannel | undefined {
      if (request.path !== "/mcp") return undefined;
      const opened: Opened = { ...request, received: [], running: 0, isClosed: false };
      channels.push(opened);
      return {
        get running() {
          return opened.running;
        },
        receive: (message) => void opened.received.push(message.toString()),
        close: () => {
          opened.isClosed = true;
        },
      };
    },
  };
  const front = await createWebSocketFront(source, options);
  const server = createServer();
  server.on("upgrade", (request, socket, head) => {
    if (!front.upgrade(request, socket, head)) socket.end("HTTP/1.1 404 Not Found\r\n\r\n");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(async () => {
    await front.close();
    server.close();
  });
  return { front, port: (server.address() as AddressInfo).port, channels, server };
}

async function open(port: number): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/mcp`, "mcp");
  await once(socket, "open");
  return socket;
}

function closing(socket: WebSocket): Promise<number> {
  return new Promise((resolve) => socket.on("close", (code) => resolve(code)));
}

/** A client that has shaken hands, and from then on reads only what it is told to. */
async function openDeaf(port: number): Promise<Socket> {
  const socket = connectTcp(port, "127.0.0.1");
  socket.write(
    "GET /mcp HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
      "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: mcp\r\n\r\n",
  );
  await once(socket, "data");
  socket.pause();
  cleanups.push(() => Promise.resolve(socket.destroy()));
  return socket;
}

/** A masked text frame of fewer than 126 bytes. */
function frame(text: string): Buffer {
  return Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)]);
}

describe("a WebSocket front", () => {
  it("carries messages both ways, and closes the channel with the socket", async () => {
    const { port, channels, front } = await start();
    const socket = await open(port);
    expect(socket.protocol).toBe("mcp");
    socket.send('{"a":1}');
    await vi.waitFor(() => expect(channels[0]?.received).toEqual(['{"a":1}']));
    const answer = once(socket, "message");
    channels[0]?.write(Buffer.from('{"b":"ü"}'));
    expect(String((await answer)[0])).toBe('{"b":"ü"}');
    expect(front.connections).toBe(1);
    socket.close();
    await vi.waitFor(() => expect(channels[0]?.isClosed).toBe(true));
    expect(front.connections).toBe(0);
  });

  it.each([
    ["another path", "/other", "mcp", 404],
    ["no subprotocol", "/mcp", undefined, 400],
    ["another subprotocol", "/mcp", "chat", 400],
  ])("refuses %s", async (_what, path, protocol, status) => {
    const { port, channels } = await start();
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, protocol);
    socket.on("error", () => {});
    const [, response] = await once(socket, "unexpected-response");
    expect(response.statusCode).toBe(status);
    expect(channels.every(({ isClosed }) => isClosed)).toBe(true);
  });

  it("refuses connections beyond maxConnections", async () => {
    const { port } = await start({ maxConnections: 1 });
    await open(port);
    const second = new WebSocket(`ws://127.0.0.1:${port}/mcp`, "mcp");
    second.on("error", () => {});
    const [, response] = await once(second, "unexpected-response");
    expect(response.statusCode).toBe(503);
  });

  it("ends a connection whose message is too long, binary, or no UTF-8", async () => {
    const { port, channels } = await start({ maxMessageBytes: 100 });
    const long = await open(port);
    long.send("x".repeat(101));
    expect(await closing(long)).toBe(1009);
    const binary = await open(port);
    binary.send(Buffer.from("{}"));
    expect(await closing(binary)).toBe(1003);
    const garbled = await openDeaf(port);
    garbled.resume().write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28]));
    await once(garbled, "close");
    expect(channels.flatMap(({ received }) => received)).toEqual([]);
  });

  it("cuts a client off that answers no ping, and keeps one that does", async () => {
    const { port, channels } = await start({ pingIntervalMs: 40 });
    const live = await open(port);
    await openDeaf(port);
    await vi.waitFor(() => expect(channels[1]?.isClosed).toBe(true));
    expect(channels[0]?.isClosed).toBe(false);
    expect(live.readyState).toBe(WebSocket.OPEN);
  });

  it("reads nothing more from a client that does not read, leaves out what it can do without, and goes on later", async () => {
    const { port, channels } = await start({ maxBufferedBytes: 1024 * 1024 });
    const deaf = await openDeaf(port);
    const [channel] = channels;
    deaf.write(frame("first"));
    await vi.waitFor(() => expect(channel?.received).toEqual(["first"]));
    // More than the system's own buffers take, and less than what ends the connection.
    const chunk = Buffer.alloc(1024 * 1024, 0x78);
    for (let sent = 0; sent < 24; sent++) channel?.write(chunk);
    for (let sent = 0; sent < 24; sent++) channel?.writeOptional(chunk);
    deaf.write(frame("second"));
    // Another connection's round trip shows that the server has had its turn.
    const other = await open(port);
    other.send("x");
    await vi.waitFor(() => expect(channels[1]?.received).toEqual(["x"]));
    expect(channel?.received).toEqual(["first"]);
    let bytes = 0;
    deaf.on("data", (data: Buffer) => {
      bytes += data.length;
    });
    deaf.resume();
    await vi.waitFor(() => expect(channel?.received).toEqual(["first", "second"]), 10_000);
    await vi.waitFor(() => expect(bytes).toBeGreaterThanOrEqual(24 * chunk.length), 10_000);
    expect(bytes).toBeLessThan(25 * chunk.length);
  });

  it("cuts a client off when far too much waits for it", async () => {
    const { port, channels } = await start({ maxBufferedBytes: 64 * 1024 });
    await openDeaf(port);
    const chunk = Buffer.alloc(1024 * 1024, 0x78);
    for (let sent = 0; sent < 64; sent++) channels[0]?.write(chunk);
    await vi.waitFor(() => expect(channels[0]?.isClosed).toBe(true));
  });

  it("drains: idle connections end at once, busy ones after their last answer, new ones are refused", async () => {
    const { port, channels, front } = await start();
    const idle = await open(port);
    const busy = await open(port);
    await vi.waitFor(() => expect(channels).toHaveLength(2));
    if (channels[1] !== undefined) channels[1].running = 1;
    front.drain();
    expect(await closing(idle)).toBe(1001);
    const late = new WebSocket(`ws://127.0.0.1:${port}/mcp`, "mcp");
    late.on("error", () => {});
    expect((await once(late, "unexpected-response"))[1].statusCode).toBe(503);
    expect(busy.readyState).toBe(WebSocket.OPEN);
    const ended = closing(busy);
    const answer = once(busy, "message");
    if (channels[1] !== undefined) channels[1].running = 0;
    channels[1]?.write(Buffer.from("{}"));
    expect(String((await answer)[0])).toBe("{}");
    expect(await ended).toBe(1001);
  });

  it("ends within reach of a client that does not answer the end", async () => {
    const { port, channels, front } = await start();
    await openDeaf(port);
    await front.close();
    expect(channels[0]?.isClosed).toBe(true);
  });
});
