// One MCP client of the load generator, as lean as can be: it must cost little beside what it measures. Every answer is
// checked against a nonce that only its call had, so that speed is never bought with wrong answers.
import { Pool } from "undici";
import { createSocketPool } from "./socket-pool.ts";

export interface ConnectionOptions {
  /** MCP endpoint. */
  readonly url: string;
  /** Public name of a tool that answers with its `message` argument. */
  readonly tool: string;
  /** @defaultValue "legacy" */
  readonly era?: "legacy" | "modern";
  /** `"sse"`: the HTTP+SSE transport of 2024-11-05, for servers that have nothing newer. @defaultValue "http" */
  readonly transport?: "http" | "sse";
  /** Bytes of the message beside the nonce. */
  readonly payloadBytes: number;
  /** Sockets at most. */
  readonly sockets: number;
}

/** A connection to the gateway over plain sockets, for load in an open loop; legacy era. */
export interface LeanOptions {
  readonly url: string;
  readonly tool: string;
  readonly payloadBytes: number;
  readonly sockets: number;
}

/** How a call ended: answered, answered with an error, or refused with 429 or 503. */
export type CallOutcome = "error" | "ok" | "shed";

export interface LoadConnection {
  /** Words of the last error that was answered. */
  readonly lastError: string;
  /** @throws Error when an answer is another call's, or none at all */
  call(nonce: number): Promise<CallOutcome>;
  close(): Promise<void>;
}

const META = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientCapabilities": {},
  "io.modelcontextprotocol/clientInfo": { name: "benchmark", version: "0" },
};
const INITIALIZE = {
  protocolVersion: "2025-11-25",
  capabilities: {},
  clientInfo: { name: "benchmark", version: "0" },
};

export function openConnection(options: ConnectionOptions): Promise<LoadConnection> {
  return options.transport === "sse" ? openSse(options) : openHttp(options);
}

async function openHttp({
  url,
  tool,
  era = "legacy",
  payloadBytes,
  sockets,
}: ConnectionOptions): Promise<LoadConnection> {
  const { origin, pathname } = new URL(url);
  const pool = new Pool(origin, { connections: sockets });
  const padding = "x".repeat(payloadBytes);
  const headers: Record<string, string> = {
    "content-type": "application/json",
    accept: "application/json, text/event-stream",
  };
  if (era === "modern") {
    Object.assign(headers, {
      "mcp-protocol-version": "2026-07-28",
      "mcp-method": "tools/call",
      "mcp-name": tool,
    });
  } else {
    const body = JSON.stringify({
      jsonrpc: "2.0",
      id: "initialize",
      method: "initialize",
      params: INITIALIZE,
    });
    const response = await pool.request({ path: pathname, method: "POST", headers, body });
    await response.body.text();
    const id = response.headers["mcp-session-id"];
    if (typeof id === "string") headers["mcp-session-id"] = id;
    const notification = JSON.stringify({ jsonrpc: "2.0", method: "notifications/initialized" });
    const noted = await pool.request({ path: pathname, method: "POST", headers, body: notification });
    await noted.body.dump();
  }
  let lastError = "";
  return {
    get lastError() {
      return lastError;
    },
    async call(nonce) {
      const message = `${nonce} ${padding}`;
      const body = requestFor(nonce, tool, message, era);
      const response = await pool.request({ path: pathname, method: "POST", headers, body });
      const text = await response.body.text();
      if (response.statusCode === 429 || response.statusCode === 503) return "shed";
      // Not every program words its failures as JSON-RPC.
      const outcome = response.statusCode >= 400 ? "error" : judge(text, message, nonce);
      if (outcome === "error") lastError = text.slice(0, 300);
      return outcome;
    },
    async close() {
      if (headers["mcp-session-id"] !== undefined)
        await pool.request({ path: pathname, method: "DELETE", headers }).then(
          ({ body }) => body.dump(),
          () => {},
        );
      await pool.destroy();
    },
  };
}

/** @throws Error when there is no session */
export async function openLeanConnection({
  url,
  tool,
  payloadBytes,
  sockets,
}: LeanOptions): Promise<LoadConnection> {
  const { hostname, port, host, pathname } = new URL(url);
  const pool = createSocketPool(hostname, Number(port), sockets);
  const fields = `host: ${host}\r\ncontent-type: application/json\r\naccept: application/json, text/event-stream\r\n`;
  const head = `POST ${pathname} HTTP/1.1\r\n${fields}`;
  const opened = await pool.send(
    head,
    JSON.stringify({ jsonrpc: "2.0", id: "initialize", method: "initialize", params: INITIALIZE }),
  );
  const session = opened.header("mcp-session-id");
  if (session === undefined) {
    pool.close();
    throw new Error(`no session: HTTP ${opened.status} ${opened.body.slice(0, 200)}`);
  }
  const withSession = `${head}mcp-session-id: ${session}\r\n`;
  await pool.send(withSession, JSON.stringify({ jsonrpc: "2.0", method: "notifications/initialized" }));
  const padding = "x".repeat(payloadBytes);
  let lastError = "";
  return {
    get lastError() {
      return lastError;
    },
    async call(nonce) {
      const message = `${nonce} ${padding}`;
      const { status, body } = await pool.send(withSession, requestFor(nonce, tool, message, "legacy"));
      if (status === 429 || status === 503) return "shed";
      const outcome = status >= 400 ? "error" : judge(body, message, nonce);
      if (outcome === "error") lastError = body.slice(0, 300);
      return outcome;
    },
    async close() {
      await pool
        .send(`DELETE ${pathname} HTTP/1.1\r\n${fields}mcp-session-id: ${session}\r\n`, "")
        .catch(() => {});
      pool.close();
    },
  };
}

async function openSse({ url, tool, payloadBytes, sockets }: ConnectionOptions): Promise<LoadConnection> {
  const { origin, pathname } = new URL(url);
  const pool = new Pool(origin, { connections: sockets + 1 });
  const padding = "x".repeat(payloadBytes);
  const waiting = new Map<string, { resolve(text: string): void; reject(error: Error): void }>();
  const stream = await pool.request({
    path: pathname,
    method: "GET",
    headers: { accept: "text/event-stream" },
  });
  let endpoint = "";
  let onEndpoint: () => void = () => {};
  let onNoEndpoint: (error: Error) => void = () => {};
  const endpointKnown = new Promise<void>((resolve, reject) => {
    onEndpoint = resolve;
    onNoEndpoint = reject;
  });
  let isEnded = false;
  void (async () => {
    let rest = "";
    try {
      for await (const chunk of stream.body) {
        rest += String(chunk);
        const events = rest.split(/\r?\n\r?\n/);
        rest = events.pop() ?? "";
        for (const event of events) {
          const data = /^data: ?(.*)$/m.exec(event)?.[1] ?? "";
          if (/^event: ?endpoint/m.test(event)) {
            const target = new URL(data, url);
            endpoint = target.pathname + target.search;
            onEndpoint();
          } else {
            const id = /"id":"?([^",}]+)/.exec(data)?.[1] ?? "";
            waiting.get(id)?.resolve(data);
            waiting.delete(id);
          }
        }
      }
    } catch {
      // The stream ends with the connection.
    }
    isEnded = true;
    const error = new Error("the event stream has ended");
    onNoEndpoint(error);
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  })();
  await endpointKnown;
  const post = async (body: string): Promise<void> => {
    const headers = { "content-type": "application/json" };
    const response = await pool.request({ path: endpoint, method: "POST", headers, body });
    await response.body.dump();
  };
  const ask = (id: number | string, body: string): Promise<string> => {
    if (isEnded) return Promise.reject(new Error("the event stream has ended"));
    const answer = new Promise<string>((resolve, reject) => waiting.set(String(id), { resolve, reject }));
    return Promise.all([answer, post(body)]).then(([text]) => text);
  };
  await ask(
    "initialize",
    JSON.stringify({ jsonrpc: "2.0", id: "initialize", method: "initialize", params: INITIALIZE }),
  );
  await post(JSON.stringify({ jsonrpc: "2.0", method: "notifications/initialized" }));
  let lastError = "";
  return {
    get lastError() {
      return lastError;
    },
    async call(nonce) {
      const message = `${nonce} ${padding}`;
      const text = await ask(nonce, requestFor(nonce, tool, message, "legacy"));
      const outcome = judge(text, message, nonce);
      if (outcome === "error") lastError = text.slice(0, 300);
      return outcome;
    },
    close: () => pool.destroy(),
  };
}

function requestFor(id: number, tool: string, message: string, era: "legacy" | "modern"): string {
  const params = { name: tool, arguments: { message } };
  return JSON.stringify({
    jsonrpc: "2.0",
    id,
    method: "tools/call",
    params: era === "modern" ? { ...params, _meta: META } : params,
  });
}

function judge(text: string, message: string, nonce: number): CallOutcome {
  // Servers that echo may put words before the message.
  if (text.includes(message)) return "ok";
  if (text.includes('"error"') || text.includes('"isError":true')) return "error";
  throw new Error(`wrong answer to call ${nonce}: "${text.slice(0, 300)}"`);
}
