// An upstream that misbehaves on purpose: `node faulty-server.ts --stdio | --http <port or socket path>`. It speaks the
// wire itself, without an SDK, so that it can break every rule of it. Environment: FAULT_SEED (which faults, in which
// order), FAULT_RATE (share of calls that meet one, 0 to 1), FAULT_LEDGER (where executions are written).
// Tools: `unsafe` (not annotated) and `safe` (read-only); both write their nonce to the ledger, then answer with it.
import { createServer, type ServerResponse } from "node:http";
import { createInterface } from "node:readline";
import { writeLedger } from "./ledger.ts";

interface Message {
  readonly id?: number | string;
  readonly method?: string;
  readonly params?: { readonly name?: string; readonly arguments?: { readonly nonce?: string } };
}

const ledger = process.env["FAULT_LEDGER"] ?? "";
const rate = Number(process.env["FAULT_RATE"] ?? "0");
const random = seeded(Number(process.env["FAULT_SEED"] ?? "1"));

const stdioFaults = [
  "crash-before",
  "crash-after",
  "silence",
  "wrong-id",
  "duplicate",
  "late-duplicate",
  "garbage",
  "truncated",
  "oversized",
  "slow",
  "internal-error",
] as const;
const httpFaults = [
  "crash-before",
  "crash-after",
  "silence",
  "wrong-id",
  "duplicate",
  "garbage",
  "oversized",
  "slow",
  "internal-error",
  "reset-before",
  "reset-after",
  "reset-at-offset",
  "cut-json",
  "cut-stream",
  "status-500",
  "status-503",
  "status-429",
  "session-lost",
] as const;

type StdioFault = (typeof stdioFaults)[number];
type HttpFault = (typeof httpFaults)[number];

/** Goes through every offset of an answer, one per fault; where it begins depends on the seed. */
let offset = Math.floor(random() * 1_000);
const LATE_MS = 150;

const [mode, address = ""] = process.argv.slice(2);
if (mode === "--stdio") serveStdio();
else serveHttp(address);

function serveStdio(): void {
  createInterface({ input: process.stdin }).on("line", (line) => {
    const message = JSON.parse(line) as Message;
    if (message.method !== "tools/call") {
      const answer = answerTo(message);
      if (answer !== undefined) process.stdout.write(`${answer}\n`);
      return;
    }
    const fault = pick(stdioFaults);
    if (fault === "crash-before") process.exit(1);
    execute(message);
    breakStdio(fault, message);
  });
  process.stdin.on("end", () => process.exit(0));
}

function breakStdio(fault: StdioFault | undefined, message: Message): void {
  const line = `${resultOf(message)}\n`;
  const write = (text: string): void => void process.stdout.write(text);
  switch (fault) {
    case "crash-before":
    case "crash-after":
      process.exit(1);
      break;
    case "silence":
      break;
    case "wrong-id":
      write(`${resultOf({ ...message, id: 999_999_999 })}\n`);
      break;
    case "duplicate":
      write(line + line);
      break;
    case "late-duplicate":
      write(line);
      setTimeout(write, LATE_MS, line);
      break;
    case "garbage":
      write(`not json\n{"jsonrpc":"2.0"}\n[1,2]\n\u0000\n${line}`);
      break;
    case "truncated":
      process.stdout.write(line.slice(0, offset++ % line.length), () => process.exit(1));
      break;
    case "oversized":
      write(`${resultOf(message, "x".repeat(200_000))}\n`);
      break;
    case "slow":
      drip(line, write);
      break;
    case "internal-error":
      write(`${errorOf(message)}\n`);
      break;
    case undefined:
      write(line);
      break;
  }
}

function serveHttp(listenOn: string): void {
  let sessions = new Set<string>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      if (request.method !== "POST") {
        response.writeHead(405).end();
        return;
      }
      const message = JSON.parse(Buffer.concat(chunks).toString()) as Message;
      const session = request.headers["mcp-session-id"];
      if (message.method === "initialize") {
        const id = `s${random().toString(36).slice(2)}`;
        sessions.add(id);
        response.setHeader("mcp-session-id", id);
      } else if (typeof session !== "string" || !sessions.has(session)) {
        response.writeHead(404).end("no such session");
        return;
      }
      if (message.method !== "tools/call") {
        sendJson(response, answerTo(message));
        return;
      }
      const fault = pick(httpFaults);
      if (fault === "session-lost") sessions = new Set();
      breakHttp(fault, message, response);
    });
  });
  server.listen(/^\d+$/.test(listenOn) ? Number(listenOn) : listenOn, () =>
    console.log(`listening on ${listenOn}`),
  );
}

function breakHttp(fault: HttpFault | undefined, message: Message, response: ServerResponse): void {
  if (fault === "crash-before") process.exit(1);
  if (fault === "reset-before") {
    response.destroy();
    return;
  }
  if (fault === "session-lost") {
    response.writeHead(404).end("no such session");
    return;
  }
  if (fault === "status-429") {
    response.writeHead(429, { "retry-after": "0" }).end("slow down");
    return;
  }
  execute(message);
  const body = resultOf(message);
  switch (fault) {
    case "crash-after":
      process.exit(1);
      break;
    case "reset-after":
      response.destroy();
      return;
    case "reset-at-offset": {
      const head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
      const whole = `${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
      const { socket } = response;
      socket?.write(whole.slice(0, offset++ % whole.length), () => socket.resetAndDestroy());
      return;
    }
    case "silence":
      return;
    case "wrong-id":
      sendJson(response, resultOf({ ...message, id: 999_999_999 }));
      return;
    case "duplicate":
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.end(`data: ${body}\n\ndata: ${body}\n\n`);
      return;
    case "garbage":
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.end(`: hi\n\ndata: not json\n\ndata: {"jsonrpc":"2.0"}\n\nevent: x\rdata: ${body}\r\n\r\n`);
      return;
    case "oversized":
      sendJson(response, resultOf(message, "x".repeat(200_000)));
      return;
    case "slow":
      response.writeHead(200, { "content-type": "text/event-stream" });
      drip(
        `data: ${body}\n\n`,
        (character) => void response.write(character),
        () => void response.end(),
      );
      return;
    case "internal-error":
      sendJson(response, errorOf(message));
      return;
    case "cut-json":
      response.writeHead(200, { "content-type": "application/json", "content-length": body.length });
      response.write(body.slice(0, Math.floor(random() * body.length)), () => response.destroy());
      return;
    case "cut-stream":
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.end(`data: ${body}\n\n`.slice(0, Math.floor(random() * body.length)));
      return;
    case "status-500":
    case "status-503":
      response.writeHead(fault === "status-500" ? 500 : 503).end("broken");
      return;
    case undefined:
      sendJson(response, body);
  }
}

/** A character each millisecond, one after the other: timers of several lengths do not keep their order after a stall. */
function drip(text: string, write: (character: string) => void, done: () => void = () => {}): void {
  let at = 0;
  const timer = setInterval(() => {
    write(text.charAt(at++));
    if (at < text.length) return;
    clearInterval(timer);
    done();
  }, 1);
}

function sendJson(response: ServerResponse, body: string | undefined): void {
  if (body === undefined) response.writeHead(202).end();
  else response.writeHead(200, { "content-type": "application/json" }).end(body);
}

/** Answers everything but calls as it should be. */
function answerTo({ id, method }: Message): string | undefined {
  if (id === undefined) return undefined;
  const inputSchema = { type: "object" };
  const results: Readonly<Record<string, unknown>> = {
    initialize: {
      protocolVersion: "2025-11-25",
      capabilities: { tools: {} },
      serverInfo: { name: "faulty", version: "1.0.0" },
    },
    "tools/list": {
      tools: [
        { name: "unsafe", inputSchema },
        { name: "safe", inputSchema, annotations: { readOnlyHint: true } },
      ],
    },
  };
  return JSON.stringify({ jsonrpc: "2.0", id, result: results[method ?? ""] ?? {} });
}

function execute({ params }: Message): void {
  writeLedger(ledger, params?.name === "safe" ? "lookup" : "append", params?.arguments?.nonce ?? "");
}

function resultOf({ id, params }: Message, padding = ""): string {
  const text = params?.arguments?.nonce ?? "";
  return JSON.stringify({ jsonrpc: "2.0", id, result: { content: [{ type: "text", text }], padding } });
}

function errorOf({ id }: Message): string {
  return JSON.stringify({ jsonrpc: "2.0", id, error: { code: -32603, message: "broken inside" } });
}

function pick<T>(faults: readonly T[]): T | undefined {
  return random() < rate ? faults[Math.floor(random() * faults.length)] : undefined;
}

/** mulberry32. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
