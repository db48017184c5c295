import { once } from "node:events";
import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { readBody } from "../client/body.ts";
import { addShortPath, type ShortPath } from "./short-path.ts";
import { WholeRequest } from "./whole-request.ts";

interface Seen {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: Record<string, unknown>;
  readonly body: string;
  /** Whether it came without node:http. */
  readonly isShort: boolean;
}

interface Running {
  readonly server: Server;
  readonly path: ShortPath;
  readonly port: number;
  readonly seen: Seen[];
}

const open: Running[] = [];
const sockets: Socket[] = [];

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const { server, path } of open.splice(0)) {
    path.closeAll();
    server.closeAllConnections();
    server.close();
  }
});

type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void;

const ECHO: Answer = (_request, response, body) => {
  response.writeHead(200, ["content-type", "text/plain"]);
  response.end(`echo ${body}`);
};

async function start(
  answer: Answer = ECHO,
  options: Pick<ServerOptions, "headersTimeout" | "keepAliveTimeout" | "requestTimeout"> = {},
): Promise<Running> {
  const seen: Seen[] = [];
  const onRequest = (request: IncomingMessage, response: ServerResponse): void =>
    readBody(request, 1_000_000, (body) => {
      if (!Buffer.isBuffer(body)) return;
      const { method, url, headers } = request;
      const isShort = request instanceof WholeRequest;
      seen.push({ method, url, headers: { ...headers }, body: body.toString("latin1"), isShort });
      answer(request, response, body.toString("latin1"));
    });
  const server = createServer({ keepAliveTimeout: 65_000, ...options }, onRequest);
  const path = addShortPath(server, { serves: (target) => target.startsWith("/mcp"), onRequest });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const running = { server, path, port: (server.address() as AddressInfo).port, seen };
  open.push(running);
  return running;
}

/** A connection, and what has come on it. */
async function dial(port: number): Promise<{
  socket: Socket;
  text: () => string;
  until: (part: string) => Promise<string>;
  ended: Promise<unknown>;
}> {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  sockets.push(socket);
  let text = "";
  let wake: () => void = () => {};
  socket.on("data", (chunk: Buffer) => {
    text += chunk.toString("latin1");
    wake();
  });
  socket.on("error", () => {});
  const ended = once(socket, "close");
  void ended.then(() => wake());
  socket.on("end", () => socket.end());
  await once(socket, "connect");
  const until = async (part: string): Promise<string> => {
    while (!text.includes(part)) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      if (socket.destroyed && !text.includes(part)) throw new Error(`closed before "${part}": ${text}`);
    }
    return text;
  };
  return { socket, text: () => text, until, ended };
}

function post(body: string, ...fields: string[]): string {
  return [
    "POST /mcp HTTP/1.1",
    "Host: localhost:1",
    `Content-Length: ${body.length}`,
    ...fields,
    "",
    body,
  ].join("\r\n");
}

describe("the short path", () => {
  it("serves whole requests in plain form, one after the other on one connection", async () => {
    const { port, seen } = await start();
    const client = await dial(port);
    client.socket.write(post("one", "Content-Type: application/json"));
    const first = await client.until("echo one");
    expect(first).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(first).toMatch(/\r\ncontent-length: 8\r\n/);
    expect(first).toMatch(/\r\ndate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n/);
    expect(first).toMatch(/\r\nconnection: keep-alive\r\nkeep-alive: timeout=65\r\n/);
    client.socket.write(post("two", "Content-Type: application/json"));
    await client.until("echo two");
    client.socket.write(post("twelve", "Content-Type: application/json"));
    await client.until("echo twelve");
    expect(seen.map(({ isShort, body }) => [isShort, body])).toEqual([
      [true, "one"],
      [true, "two"],
      [true, "twelve"],
    ]);
    expect(seen[2]?.headers).toEqual({
      host: "localhost:1",
      "content-type": "application/json",
      "content-length": "6",
    });
  });

  it.each([
    ["a GET", "GET /mcp HTTP/1.1\r\nHost: x\r\n\r\n"],
    ["another path", post("body").replace("/mcp", "/api")],
    [
      "chunks",
      `${post("", "Transfer-Encoding: chunked").replace("Content-Length: 0\r\n", "")}4\r\nbody\r\n0\r\n\r\n`,
    ],
    ["HTTP/1.0", post("body").replace("HTTP/1.1", "HTTP/1.0")],
    ["a repeated field", post("body", "X-A: 1", "x-a: 2")],
    ["a field with a name that objects have", post("body", "constructor: 1")],
    ["an empty field", post("body", "X-A:")],
    ["a tab in a field", post("body", "X-A: a\tb")],
    ["an expectation", post("body", "Expect: 100-continue")],
    ["a connection option", post("body", "Connection: keep-alive, x-a", "x-a: 1")],
  ])("leaves %s to node:http, and all that follows on the connection", async (_name, bytes) => {
    const { port, seen, path } = await start();
    const client = await dial(port);
    client.socket.write(post("before"));
    await client.until("echo before");
    expect(path.connections).toBe(1);
    client.socket.write(bytes);
    await expect.poll(() => seen.length).toBe(2);
    expect(seen.map(({ isShort }) => isShort)).toEqual([true, false]);
    expect(path.connections).toBe(0);
  });

  it("serves a request whose body comes in pieces, and leaves one whose head does to node:http", async () => {
    const { port, seen } = await start();
    const bytes = post("in pieces", "Content-Type: application/json");
    for (let cut = 1; cut < bytes.length; cut += 7) {
      const client = await dial(port);
      client.socket.setNoDelay(true);
      client.socket.write(bytes.slice(0, cut));
      await new Promise((resolve) => setImmediate(resolve));
      client.socket.write(bytes.slice(cut));
      await client.until("echo in pieces");
      // What follows behind is read as ever.
      client.socket.write(post("behind"));
      await client.until("echo behind");
      client.socket.destroy();
    }
    expect(new Set(seen.map(({ body }) => body))).toEqual(new Set(["in pieces", "behind"]));
    expect(seen.filter(({ isShort }) => isShort).length).toBeGreaterThan(0);
  });

  it("puts many pieces together, with the next request in the last of them", async () => {
    const { port, seen } = await start();
    const body = "b".repeat(300_000);
    const client = await dial(port);
    client.socket.write(post(body) + post("next"));
    await client.until("echo next");
    expect(seen.map(({ body: { length }, isShort }) => [length, isShort])).toEqual([
      [300_000, true],
      [4, true],
    ]);
  });

  it("leaves a long body to node:http, which reads no more than it is asked to", async () => {
    const { port, seen } = await start();
    const client = await dial(port);
    client.socket.write(post("c".repeat(1_100_000)));
    await expect.poll(() => client.socket.bytesWritten).toBeGreaterThan(1_000_000);
    await expect.poll(() => [...seen.map(({ isShort }) => isShort)]).not.toContain(true);
  });

  it("ends a body that does not come to its end in time, and is not idle before", async () => {
    const { port, path, seen, server } = await start(ECHO, { headersTimeout: 100, requestTimeout: 100 });
    let accepted: Socket | undefined;
    server.on("connection", (socket: Socket) => {
      accepted = socket;
    });
    const client = await dial(port);
    client.socket.write(post("never whole").slice(0, -3));
    await expect.poll(() => accepted?.bytesRead, { interval: 1 }).toBeGreaterThan(0);
    path.closeIdle();
    expect(await client.until("\r\n\r\n")).toMatch(
      /^HTTP\/1\.1 408 Request Timeout\r\nconnection: close\r\n/,
    );
    await client.ended;
    await expect.poll(() => path.connections).toBe(0);
    expect(seen).toEqual([]);
  });

  it("serves requests that were sent ahead in order", async () => {
    const waiting: (() => void)[] = [];
    const { port, seen } = await start(
      (request, response, body) => void waiting.push(() => ECHO(request, response, body)),
    );
    const client = await dial(port);
    client.socket.write(post("one") + post("two") + post("three"));
    for (const name of ["one", "two", "three"]) {
      await expect.poll(() => waiting.length).toBe(1);
      expect(seen.at(-1)?.body).toBe(name);
      waiting.pop()?.();
      await client.until(`echo ${name}`);
    }
    expect(seen).toHaveLength(3);
  });

  it("does not read without bound what a client sends ahead", async () => {
    const { port, seen, server } = await start(() => {});
    let accepted: Socket | undefined;
    server.on("connection", (socket: Socket) => {
      accepted = socket;
    });
    const client = await dial(port);
    client.socket.write(post("one"));
    await expect.poll(() => seen.length).toBe(1);
    const much = Buffer.alloc(64 * 1024 * 1024, "x");
    client.socket.write(much);
    await expect.poll(() => accepted?.isPaused()).toBe(true);
    expect(accepted?.bytesRead).toBeLessThan(1024 * 1024);
  });

  it("ends the connection when the client, or the answer, says so", async () => {
    const { port } = await start((_request, response, body) => {
      response.writeHead(body === "last" ? 503 : 200, body === "last" ? { connection: "close" } : {});
      response.end();
    });
    const asking = await dial(port);
    asking.socket.write(post("x", "Connection: close"));
    expect(await asking.until("\r\n\r\n")).toMatch(/connection: close\r\n/);
    await asking.ended;
    const told = await dial(port);
    told.socket.write(post("last"));
    const text = await told.until("\r\n\r\n");
    expect(text.match(/connection:/g)).toHaveLength(1);
    expect(text).toMatch(
      /^HTTP\/1\.1 503 Service Unavailable\r\n[\s\S]*content-length: 0\r\nconnection: close/,
    );
    await told.ended;
  });

  it("streams an answer of unknown length in chunks, and gives a slow reader time", async () => {
    const part = Buffer.alloc(256 * 1024, "p");
    let drained = 0;
    let isFull = false;
    const { port } = await start((_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.flushHeaders();
      expect(response.headersSent).toBe(true);
      let left = 40;
      const next = (): void => {
        while (left > 0) {
          left--;
          if (!response.write(part)) {
            isFull = true;
            response.once("drain", () => {
              drained++;
              next();
            });
            return;
          }
        }
        response.end("end");
      };
      next();
    });
    const client = await dial(port);
    client.socket.pause();
    client.socket.write(post("go"));
    await expect.poll(() => isFull).toBe(true);
    client.socket.resume();
    const text = await client.until("3\r\nend\r\n0\r\n\r\n");
    expect(text.match(/40000\r\np{262144}\r\n/g)).toHaveLength(40);
    expect(drained).toBeGreaterThan(0);
  });

  it("sends a long answer whole", async () => {
    const long = "y".repeat(3_000_000);
    const { port } = await start((_request, response) => void response.writeHead(200).end(long));
    const client = await dial(port);
    client.socket.write(post("go"));
    const text = await client.until("yyy");
    expect(text).toContain("content-length: 3000000");
    await expect.poll(() => client.text().length).toBe(text.indexOf("\r\n\r\n") + 4 + long.length);
  });

  it("tells an answer that its client is gone, once", async () => {
    const closes: boolean[] = [];
    const { port } = await start((_request, response) => {
      response.on("close", () => closes.push(response.writableFinished));
    });
    const client = await dial(port);
    client.socket.write(post("go"));
    await expect.poll(() => open[0]?.seen.length).toBe(1);
    client.socket.destroy();
    await expect.poll(() => closes).toEqual([false]);
  });

  it("tells an answer that it has been written, once", async () => {
    const closes: boolean[] = [];
    const { port } = await start((_request, response) => {
      response.on("close", () => closes.push(response.writableFinished));
      response.end("ok");
    });
    const client = await dial(port);
    client.socket.write(post("go"));
    await client.until("ok");
    client.socket.destroy();
    await expect.poll(() => closes).toEqual([true]);
  });

  it("refuses header fields that would break the answer apart", async () => {
    const errors: unknown[] = [];
    const { port } = await start((_request, response) => {
      try {
        response.writeHead(200, { "x-a": "b\r\nx-c: d" });
      } catch (error) {
        errors.push(error);
      }
      response.end("ok");
    });
    const client = await dial(port);
    client.socket.write(post("go"));
    expect(await client.until("ok")).not.toContain("x-c");
    expect(errors[0]).toBeInstanceOf(TypeError);
  });

  it("ends idle connections when it is asked to, and busy ones only with all", async () => {
    const { port, path, seen } = await start(() => {});
    const idle = await dial(port);
    const busy = await dial(port);
    busy.socket.write(post("one"));
    await expect.poll(() => seen.length).toBe(1);
    await expect.poll(() => path.connections).toBe(2);
    path.closeIdle();
    await idle.ended;
    await expect.poll(() => path.connections).toBe(1);
    path.closeAll();
    await busy.ended;
    await expect.poll(() => path.connections).toBe(0);
  });

  it("ends connections that say nothing", async () => {
    const { port, path } = await start(ECHO, { keepAliveTimeout: 30 });
    const client = await dial(port);
    client.socket.write(post("one"));
    await client.until("echo one");
    await client.ended;
    await expect.poll(() => path.connections).toBe(0);
  });

  it("reads what it reads as node:http does", async () => {
    const plain = await start();
    let short = 0;
    const mostly = (usual: string, ...odd: string[]): fc.Arbitrary<string> =>
      fc.oneof(
        { weight: 6, arbitrary: fc.constant(usual) },
        { weight: 1, arbitrary: fc.constantFrom(...odd) },
      );
    const field = fc.tuple(
      fc.oneof(
        fc.constantFrom(
          "X-A",
          "x-a",
          "Accept",
          "Connection",
          "content-length",
          "Transfer-Encoding",
          "__proto__",
        ),
        fc.stringMatching(/^[A-Za-z0-9_-]{1,8}$/),
      ),
      mostly(": ", ":", ":  ", " : ", ":\t"),
      fc.oneof(
        fc.constantFrom("keep-alive", "close", "chunked", "5", "005", "1e1", "0x5", "", " a ", "a b"),
        fc.stringMatching(/^[!-~]([ -~]{0,12}[!-~])?$/),
      ),
    );
    const made = fc.record({
      line: mostly(
        "POST /mcp HTTP/1.1",
        "POST /mcp?a=b HTTP/1.1",
        "POST /mcp  HTTP/1.1",
        "POST http://x/mcp HTTP/1.1",
        "post /mcp HTTP/1.1",
        "POST /mcp HTTP/1.0",
      ),
      fields: fc.array(field, { maxLength: 3 }),
      lengthAt: fc.nat(4),
      body: fc.stringMatching(/^[a-z0-9]{0,12}$/),
      end: mostly("\r\n", "\n"),
    });
    const property = fc.asyncProperty(made, async ({ line, fields, lengthAt, body, end }) => {
      const lines = fields.map((parts) => parts.join(""));
      lines.splice(lengthAt, 0, `Content-Length: ${body.length}`);
      const bytes = [line, "Host: x", ...lines, "Connection-Marker: 1", "", body].join(end);
      const before = plain.seen.length;
      const client = await dial(plain.port);
      client.socket.end(bytes);
      await client.ended;
      const mine = plain.seen.slice(before);
      if (mine[0]?.isShort === true) short++;
      const oracle = await readByNode(bytes);
      // What it took itself, node:http takes, and understands in the same way; what it did not take went there anyway.
      expect(
        mine.map(({ method, url, headers, body: read }) => ({ method, url, headers, body: read })),
      ).toEqual(oracle);
    });
    await fc.assert(property, { numRuns: 200 });
    expect(short).toBeGreaterThan(5);
  });
});

/** The requests that node:http alone finds in the bytes. */
async function readByNode(bytes: string): Promise<Omit<Seen, "isShort">[]> {
  const found: Omit<Seen, "isShort">[] = [];
  const server = createServer((request, response) =>
    readBody(request, 1_000_000, (body) => {
      if (!Buffer.isBuffer(body)) return;
      const { method, url, headers } = request;
      found.push({ method, url, headers: { ...headers }, body: body.toString("latin1") });
      response.end();
    }),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const client = await dial((server.address() as AddressInfo).port);
  client.socket.end(bytes);
  await client.ended;
  server.closeAllConnections();
  server.close();
  return found;
}
