// Connections that take their time on purpose (Slowloris), on real sockets: their place is taken away, and nobody else's.
import { execFile } from "node:child_process";
import type { ServerResponse } from "node:http";
import { connect, type Socket } from "node:net";
import { promisify, stripVTControlCharacters } from "node:util";
import { waitUntil } from "@fairlead/testbed";
import { afterEach, describe, expect, it } from "vitest";
import { type HttpServer, type HttpTimeouts, openHttpServer } from "../src/http/server.ts";
import { startGateway, stdioFixture } from "./gateway.ts";

const COUNT = 50;
/** Far more than the buffers of both systems hold. */
const LARGE = Buffer.alloc(64 * 1024 * 1024);
const never = 600_000;
const PATIENT: HttpTimeouts = {
  headersMs: never,
  requestMs: never,
  stallMs: never,
  keepAliveMs: never,
  checkMs: 50,
};

const sockets: Socket[] = [];
let server: HttpServer;
/** Answers of `/large`, as the server has them. */
let answers: { readonly response: ServerResponse; isClosed: boolean }[] = [];
/** What `/held` waits for. */
let letGo: (() => void)[] = [];

async function openServer(
  timeouts: Partial<HttpTimeouts>,
  servesShortly: ((target: string) => boolean) | undefined,
): Promise<void> {
  answers = [];
  letGo = [];
  server = await openHttpServer({
    host: "127.0.0.1",
    port: 0,
    timeouts: { ...PATIENT, ...timeouts },
    ...(servesShortly === undefined ? {} : { servesShortly }),
    onRequest(request, response) {
      if (request.url === "/large") {
        const answer = { response, isClosed: false };
        answers.push(answer);
        response.on("close", () => {
          answer.isClosed = true;
        });
        response.end(LARGE);
      } else if (request.url === "/held") letGo.push(() => response.end("late"));
      // The short path has the body at once.
      else if ("body" in request) response.end("fine");
      else request.resume().on("end", () => response.end("fine"));
    },
  });
}

interface SlowClient {
  readonly socket: Socket;
  readonly heard: () => string;
  readonly ended: () => boolean;
}

/** Sends `text`, and from then on a byte every few milliseconds if there is one to repeat. */
function slowClient(text: string, drip?: string): SlowClient {
  let heard = "";
  let isClosed = false;
  let timer: NodeJS.Timeout | undefined;
  const socket = connect(server.port, "127.0.0.1", () => {
    socket.write(text);
    if (drip !== undefined) timer = setInterval(() => socket.write(drip), 20);
  });
  sockets.push(socket);
  socket.on("data", (chunk: Buffer) => {
    heard += chunk.toString();
  });
  socket.on("error", () => {});
  socket.on("close", () => {
    clearInterval(timer);
    isClosed = true;
  });
  return { socket, heard: () => heard, ended: () => isClosed };
}

const slowClients = (text: string, drip?: string): SlowClient[] =>
  Array.from({ length: COUNT }, () => slowClient(text, drip));

async function untilEnded(clients: readonly SlowClient[]): Promise<void> {
  await waitUntil(() => clients.every(({ ended }) => ended()), {
    timeoutMs: 60_000,
    what: "the slow connections to be ended",
  });
}

/** Whoever sends all of a request at once is answered. */
async function untilServed(): Promise<void> {
  const ask = async (): Promise<boolean> => (await (await fetch(`${server.url}/`)).text()) === "fine";
  await waitUntil(() => ask().catch(() => false), { timeoutMs: 30_000, what: "a polite client's answer" });
}

/** A request all of which comes at once. */
const whole = (path: string): string =>
  `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`;
const POST = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";

describe.each([
  ["node:http", undefined],
  ["the short path", () => true],
])("connections that are slow on purpose, served by %s", (_name, servesShortly) => {
  const open = (timeouts: Partial<HttpTimeouts>): Promise<void> => openServer(timeouts, servesShortly);
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await server.close(0);
  });

  it("are ended when their header does not come, however they drip, and say nothing at all", async () => {
    await open({ headersMs: 300 });
    const clients = [...slowClients(`${POST}X-Slow: `, "a"), ...slowClients("")];
    await untilServed();
    await untilEnded(clients);
    for (const { heard } of clients.slice(0, COUNT)) expect(heard()).toMatch(/^HTTP\/1\.1 408 /);
    await untilServed();
  }, 90_000);

  it("are ended when their body does not come", async () => {
    await open({ headersMs: 300, requestMs: 600 });
    const clients = [
      ...slowClients(`${POST}Content-Length: 100000\r\n\r\n`, " "),
      ...slowClients(`${POST}Transfer-Encoding: chunked\r\n\r\n`, "1\r\n \r\n"),
    ];
    await untilServed();
    await untilEnded(clients);
    await untilServed();
  }, 90_000);

  it("are ended when they do not read their answer, and let its memory go", async () => {
    await open({ stallMs: 300 });
    const clients = Array.from({ length: 5 }, () => slowClient(whole("/large")));
    for (const { socket } of clients) socket.pause();
    await waitUntil(() => answers.length === 5 && answers.every(({ isClosed }) => isClosed), {
      timeoutMs: 60_000,
      what: "the answers that nobody reads to be given up",
    });
    expect(answers.map(({ response }) => response.writableFinished)).toEqual([
      false,
      false,
      false,
      false,
      false,
    ]);
    await untilServed();
  }, 90_000);

  it("are left alone while they only wait for an answer that takes long", async () => {
    await open({ stallMs: 50 });
    const waiting = slowClient(whole("/held"));
    await waitUntil(() => letGo.length === 1, { timeoutMs: 20_000, what: "the request" });
    // One that is given up in the meantime, so that the time has passed for both.
    const stalled = slowClient(whole("/large"));
    stalled.socket.pause();
    await waitUntil(() => answers[0]?.isClosed === true, { timeoutMs: 60_000, what: "the time to pass" });
    expect(waiting.ended()).toBe(false);
    for (const go of letGo) go();
    await waitUntil(() => waiting.heard().endsWith("late"), { timeoutMs: 30_000, what: "the answer" });
  }, 90_000);

  it("are ended between two requests when the next one does not come", async () => {
    await open({ keepAliveMs: 100 });
    const idle = slowClient(whole("/"));
    await untilEnded([idle]);
    expect(idle.heard()).toMatch(/fine/);
  }, 90_000);
});

const slowhttptest = process.env["FAIRLEAD_SUITE_SLOWHTTPTEST"];

describe.skipIf(slowhttptest === undefined)("slowhttptest with 1 000 connections", () => {
  it.each([
    ["slow headers", "-H"],
    ["slow bodies", "-B"],
  ])(
    "finds the gateway answering through %s, and no connection left",
    async (_what, mode) => {
      await using gateway = await startGateway({ pools: { a: { upstreams: [stdioFixture()] } } });
      // 1 000 connections at 200 a second, a byte every 5 s, for at most a minute.
      const options = ["-c", "1000", "-r", "200", "-i", "5", "-l", "60", "-p", "3", "-t", "POST"];
      const args = [mode, ...options, "-f", "application/json", "-u", `${gateway.url}/mcp`];
      const { stdout } = await promisify(execFile)(slowhttptest ?? "", args, { timeout: 120_000 });
      const text = stripVTControlCharacters(stdout);
      expect(text).toContain("No open connections left");
      expect(text).toMatch(/service available:\s+YES/);
      expect(text).not.toMatch(/service available:\s+NO/);
    },
    150_000,
  );
});
