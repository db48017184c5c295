// An upstream for scenarios that break it: each call takes a set time and is written to a ledger when its work begins, so
// that it is known how often it was executed, whatever its caller was told. Over HTTP it keeps sessions, and forgets them
// when it ends, as most servers do. SIGTERM ends it in order, SIGUSR2 makes it slow and quick again.
// `node fault-server.ts (--http <port> | --stdio) --ledger <file> --pids <file> --service-ms <ms> --slow-ms <ms>`
import { randomUUID } from "node:crypto";
import { appendFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { answerTo, type Message } from "./echo.ts";

const { values } = parseArgs({
  options: {
    http: { type: "string" },
    stdio: { type: "boolean", default: false },
    ledger: { type: "string", default: "" },
    pids: { type: "string", default: "" },
    "service-ms": { type: "string", default: "0" },
    "slow-ms": { type: "string", default: "0" },
  },
});
let isSlow = false;
let isEnding = false;
let working = 0;

appendFileSync(values.pids, `${process.pid}\n`);
process.on("SIGUSR2", () => {
  isSlow = !isSlow;
});
if (values.stdio) serveStdio();
else serveHttp(Number(values.http));

/** Works on a call for its time; anything else is answered at once. */
function handle(message: Message, reply: (body: string) => void): void {
  if (message.method !== "tools/call") {
    reply(answerTo(message));
    return;
  }
  const nonce = (message.params?.arguments?.message ?? "").split(" ", 1)[0];
  appendFileSync(values.ledger, `${message.params?.name} ${nonce} pid=${process.pid}\n`);
  working++;
  setTimeout(
    () => {
      working--;
      reply(answerTo(message));
      if (isEnding && working === 0) process.exit(0);
    },
    Number(isSlow ? values["slow-ms"] : values["service-ms"]),
  );
}

function serveStdio(): void {
  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => {
    const message = JSON.parse(line) as Message;
    if (message.id !== undefined) handle(message, (body) => process.stdout.write(`${body}\n`));
  });
  process.stdin.on("end", () => process.exit(0));
  process.on("SIGTERM", () => {
    isEnding = true;
    lines.close();
    if (working === 0) process.exit(0);
  });
}

function serveHttp(port: number): void {
  const sessions = new Set<string>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      if (request.method === "POST")
        answer(request, response, JSON.parse(Buffer.concat(chunks).toString()) as Message);
      else response.writeHead(405).end();
    });
  });
  server.keepAliveTimeout = 60_000;
  server.listen(port, "127.0.0.1");
  process.on("SIGTERM", () => {
    isEnding = true;
    server.close(() => process.exit(0));
    server.closeIdleConnections();
  });

  function answer(request: IncomingMessage, response: ServerResponse, message: Message): void {
    const session = message.method === "initialize" ? randomUUID() : request.headers["mcp-session-id"];
    const headers: Record<string, string> = { "content-type": "application/json" };
    if (typeof session === "string") headers["mcp-session-id"] = session;
    if (isEnding) headers["connection"] = "close";
    if (message.method === "initialize") sessions.add(String(session));
    if (typeof session !== "string" || !sessions.has(session)) {
      const error = { code: -32_001, message: "Session not found" };
      response.writeHead(404, headers).end(JSON.stringify({ jsonrpc: "2.0", id: message.id ?? null, error }));
    } else if (message.id === undefined) response.writeHead(202).end();
    else
      handle(message, (body) => {
        response.writeHead(200, { ...headers, "content-length": String(Buffer.byteLength(body)) }).end(body);
      });
  }
}
