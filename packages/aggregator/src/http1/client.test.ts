import { once } from "node:events";
import { createServer as createHttpServer, type RequestListener } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { selfSigned } from "@fairlead/testbed";
import { afterEach, describe, expect, it } from "vitest";
import {
  createHttpClient,
  type HttpClient,
  type HttpClientOptions,
  type HttpExchangeControl,
  type HttpRequest,
} from "./client.ts";

const cleanUp: (() => void)[] = [];

afterEach(() => {
  for (const end of cleanUp.splice(0)) end();
});

interface Outcome {
  readonly started: boolean;
  readonly status: number | undefined;
  readonly headers: readonly string[];
  readonly body: string;
  readonly error: Error | undefined;
}

const POST: HttpRequest = { method: "POST", path: "/mcp", headers: ["content-type", "application/json"] };

/** Sends a request; resolves when it has ended. `onStart` and `onPart` may end it. */
function send(
  client: HttpClient,
  request: Partial<HttpRequest> = {},
  on: { start?: (control: HttpExchangeControl) => void; part?: (control: HttpExchangeControl) => void } = {},
): Promise<Outcome> {
  return new Promise((resolve) => {
    let started = false;
    let status: number | undefined;
    let headers: readonly string[] = [];
    let body = "";
    let ends = 0;
    const end = (error?: Error): void => {
      if (++ends > 1) throw new Error("told of its end twice");
      resolve({ started, status, headers, body, error });
    };
    client.dispatch(
      { ...POST, body: Buffer.from("{}"), ...request },
      {
        onRequestStart(control) {
          started = true;
          on.start?.(control);
        },
        onResponseStart(_control, code, fields) {
          status = code;
          headers = fields;
        },
        onResponseData(control, part) {
          body += part.toString();
          on.part?.(control);
        },
        onResponseEnd: () => end(),
        onResponseError: end,
      },
    );
  });
}

async function listen(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanUp.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

function clientOf(origin: string, options?: HttpClientOptions): HttpClient {
  const client = createHttpClient(new URL(origin), options);
  cleanUp.push(() => client.close());
  return client;
}

/** A server of node:http that counts its connections. */
async function serve(
  answer: RequestListener,
  options: HttpClientOptions = {},
): Promise<{ client: HttpClient; connections: () => number; server: Server }> {
  let connections = 0;
  const server = createHttpServer(answer);
  server.on("connection", () => connections++);
  const port = await listen(server);
  return { client: clientOf(`http://127.0.0.1:${port}`, options), connections: () => connections, server };
}

const ECHO: RequestListener = (request, response) => {
  const parts: Buffer[] = [];
  request.on("data", (part: Buffer) => parts.push(part));
  request.on("end", () => {
    const { method, url, headers } = request;
    response.end(JSON.stringify({ method, url, headers, body: Buffer.concat(parts).toString() }));
  });
};

describe("the HTTP client", () => {
  it("sends what node:http reads, and uses a connection again", async () => {
    const { client, connections } = await serve(ECHO);
    const first = await send(client, { path: "/mcp?a=b", body: Buffer.from("héllo") });
    expect(first).toMatchObject({ started: true, status: 200, error: undefined });
    const { headers, ...rest } = JSON.parse(first.body) as { headers: Record<string, string> };
    expect(rest).toEqual({ method: "POST", url: "/mcp?a=b", body: "héllo" });
    expect(headers).toMatchObject({
      "content-length": "6",
      connection: "keep-alive",
      "content-type": "application/json",
    });
    expect(headers["host"]).toMatch(/^127\.0\.0\.1:\d+$/);
    const get = await send(client, { method: "GET", path: "/", headers: ["x-a", "1"], body: undefined });
    expect(JSON.parse(get.body)).toMatchObject({
      method: "GET",
      url: "/",
      body: "",
      headers: { "x-a": "1" },
    });
    const long = "z".repeat(200_000);
    expect((await send(client, { body: Buffer.from(long) })).body).toContain(long);
    expect(connections()).toBe(1);
  });

  it("makes as many connections as there are requests at a time, up to its bound", async () => {
    let most = 0;
    let now = 0;
    const waiting: (() => void)[] = [];
    const { client, connections } = await serve(
      (_request, response) => {
        most = Math.max(most, ++now);
        waiting.push(() => {
          now--;
          response.end("ok");
        });
      },
      { connections: 3 },
    );
    const all = Promise.all(Array.from({ length: 10 }, () => send(client)));
    for (let done = 0; done < 10; done++) {
      await expect.poll(() => waiting.length).toBeGreaterThan(0);
      waiting.shift()?.();
    }
    expect((await all).map(({ body }) => body)).toEqual(Array(10).fill("ok"));
    expect(most).toBe(3);
    expect(connections()).toBe(3);
  });

  it("says that nothing was sent when there is no connection", async () => {
    const server = createTcpServer();
    const port = await listen(server);
    server.close();
    await once(server, "close");
    const client = clientOf(`http://127.0.0.1:${port}`);
    const outcomes = await Promise.all([send(client), send(client), send(client)]);
    for (const { started, error } of outcomes) {
      expect(started).toBe(false);
      expect(error).toMatchObject({ code: "ECONNREFUSED" });
    }
  });

  it("says that nothing was sent when fields cannot be sent, and goes on", async () => {
    const { client } = await serve(ECHO);
    for (const headers of [
      ["x-a", "b\r\nx-c: d"],
      ["x a", "b"],
      ["content-length", "5"],
      ["x-a", "\0"],
    ]) {
      const { started, error } = await send(client, { headers });
      expect(started).toBe(false);
      expect(error).toBeInstanceOf(TypeError);
    }
    expect((await send(client, { path: "/a b" })).error).toBeInstanceOf(TypeError);
    expect((await send(client)).status).toBe(200);
  });

  it("says that bytes may have arrived when the connection breaks after that", async () => {
    const port = await listen(createTcpServer((socket) => socket.once("data", () => socket.destroy())));
    const outcome = await send(clientOf(`http://127.0.0.1:${port}`));
    expect(outcome).toMatchObject({ started: true, status: undefined });
    expect(outcome.error).toBeInstanceOf(Error);
  });

  it("does not use a connection again that is not clean", async () => {
    let connections = 0;
    const answers = [
      "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok",
      "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nother",
      "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
    ];
    const port = await listen(
      createTcpServer((socket) => {
        connections++;
        socket.on("data", () => void socket.write(answers.shift() ?? ""));
      }),
    );
    const client = clientOf(`http://127.0.0.1:${port}`);
    for (let at = 1; at <= 3; at++) {
      expect((await send(client)).body).toBe("ok");
      expect(connections).toBe(at);
    }
  });

  it("ends an idle connection on which a server says something by itself", async () => {
    let socket: Socket | undefined;
    const port = await listen(
      createTcpServer((accepted) => {
        socket = accepted;
        accepted.once("data", () => void accepted.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"));
      }),
    );
    const client = clientOf(`http://127.0.0.1:${port}`);
    await send(client);
    const first = socket;
    first?.write("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison");
    await once(first as Socket, "close");
    await send(client);
    expect(socket).not.toBe(first);
  });

  it("reads a body that ends with the connection", async () => {
    const port = await listen(
      createTcpServer((socket) => socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\n\r\nto the end"))),
    );
    const client = clientOf(`http://127.0.0.1:${port}`);
    expect(await send(client)).toMatchObject({ status: 200, body: "to the end", error: undefined });
  });

  it("tells an answer that breaks off from a whole one", async () => {
    const port = await listen(
      createTcpServer((socket) =>
        socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")),
      ),
    );
    const outcome = await send(clientOf(`http://127.0.0.1:${port}`));
    expect(outcome).toMatchObject({ status: 200, body: "half" });
    expect(outcome.error?.message).toContain("before its answer was whole");
  });

  it("gives a server's nonsense as an error", async () => {
    const port = await listen(
      createTcpServer((socket) => socket.once("data", () => socket.end("220 smtp\r\n\r\n"))),
    );
    expect((await send(clientOf(`http://127.0.0.1:${port}`))).error).toMatchObject({ code: "HTTP_PROTOCOL" });
  });

  it("keeps a connection whose request was taken back before it was written", async () => {
    const { client, connections } = await serve(ECHO);
    await send(client);
    const outcome = await send(client, {}, { start: (control) => control.abort(new Error("no longer")) });
    expect(outcome.error?.message).toBe("no longer");
    expect((await send(client)).status).toBe(200);
    expect(connections()).toBe(1);
  });

  it("breaks the connection of a request that is taken back later, and no other", async () => {
    const closed: string[] = [];
    const { client } = await serve((request, response) => {
      response.write("first");
      response.on("close", () => closed.push(request.url ?? ""));
      if (request.url === "/whole") response.end();
    });
    const outcome = await send(client, {}, { part: (control) => control.abort(new Error("enough")) });
    expect(outcome).toMatchObject({ body: "first" });
    expect(outcome.error?.message).toBe("enough");
    await expect.poll(() => closed).toEqual(["/mcp"]);
    expect((await send(client, { path: "/whole" })).body).toBe("first");
  });

  it("holds a server up while its reader pauses", async () => {
    const size = 32 * 1024 * 1024;
    let sent: Socket | undefined;
    const { client } = await serve((_request, response) => {
      sent = response.socket ?? undefined;
      response.end(Buffer.alloc(size));
    });
    let control: HttpExchangeControl | undefined;
    let paused = false;
    const outcome = send(
      client,
      {},
      {
        part(given) {
          control = given;
          if (!paused) given.pause();
          paused = true;
        },
      },
    );
    await expect.poll(() => (sent?.writableLength ?? 0) > 0 && paused).toBe(true);
    control?.resume();
    expect((await outcome).body).toHaveLength(size);
  });

  it("ends a request that takes longer than it may", async () => {
    const { client } = await serve(() => {});
    const outcome = await send(client, { timeoutMs: 20 });
    expect(outcome.started).toBe(true);
    expect(outcome.error?.message).toBe("no answer within 20 ms");
  });

  it("gives up a connection that does not come to stand", async () => {
    const client = clientOf("http://127.0.0.1:9", {
      connectTimeoutMs: 20,
      // Never finds the address.
      lookup: () => {},
    });
    const named = clientOf("http://nowhere.test:9", { connectTimeoutMs: 20, lookup: () => {} });
    const outcome = await send(named);
    expect(outcome.started).toBe(false);
    expect(outcome.error?.message).toBe("no connection within 20 ms");
    client.close();
  });

  it("asks the given resolver for addresses", async () => {
    const asked: string[] = [];
    const server = createHttpServer(ECHO);
    const port = await listen(server);
    const client = clientOf(`http://named.test:${port}`, {
      lookup(host, options, found) {
        asked.push(host);
        if (options.all === true) found(null, [{ address: "127.0.0.1", family: 4 }]);
        else found(null, "127.0.0.1", 4);
      },
    });
    const { headers } = JSON.parse((await send(client)).body) as { headers: Record<string, string> };
    expect(headers["host"]).toBe(`named.test:${port}`);
    expect(asked).toEqual(["named.test"]);
  });

  it("speaks over a Unix socket", async () => {
    const socketPath = join(tmpdir(), `fairlead-client-${process.pid}-${Date.now()}.sock`);
    const server = createHttpServer(ECHO);
    await new Promise<void>((resolve) => server.listen(socketPath, resolve));
    cleanUp.push(() => void server.close());
    const client = clientOf("http://unix.local", { socketPath });
    expect((await send(client)).status).toBe(200);
  });

  it("speaks TLS, and only with whom the certificate names", async () => {
    const { key, cert } = selfSigned();
    const port = await listen(createHttpsServer({ key, cert }, ECHO));
    const stranger = await send(clientOf(`https://127.0.0.1:${port}`));
    expect(stranger.started).toBe(false);
    expect(stranger.error).toMatchObject({ code: "DEPTH_ZERO_SELF_SIGNED_CERT" });
    const client = clientOf(`https://127.0.0.1:${port}`, { ca: cert });
    expect((await send(client)).status).toBe(200);
    const long = "t".repeat(500_000);
    expect((await send(client, { body: Buffer.from(long) })).body).toContain(long);
    const other = await send(clientOf(`https://localhost:${port}`, { ca: cert }));
    expect(other.error).toMatchObject({ code: "ERR_TLS_CERT_ALTNAME_INVALID" });
  });

  it("tells everybody when it is closed", async () => {
    const { client } = await serve(() => {}, { connections: 1 });
    const running = send(client);
    const waiting = send(client);
    await new Promise((resolve) => setImmediate(resolve));
    client.close();
    expect((await running).error?.message).toBe("the client is closed");
    expect(await waiting).toMatchObject({ started: false });
    expect(await send(client)).toMatchObject({ started: false });
  });
});
