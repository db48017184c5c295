// A multiplexer behind a real HTTP server, small scripted servers as upstreams, and callers that keep calling.
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import {
  createMultiplexer,
  type Multiplexer,
  type MultiplexerConfig,
  type MultiplexerEvent,
  type StdioUpstreamConfig,
} from "../src/index.ts";

const script = `
  const { appendFileSync } = require("node:fs");
  const send = (message) => console.log(JSON.stringify({ jsonrpc: "2.0", ...message }));
  const tool = (name, annotations) => ({ name, inputSchema: { type: "object" }, ...(annotations && { annotations }) });
  const tools = (process.env.TOOLS ?? "work,read").split(",").map((name) => tool(name, name === "read" ? { readOnlyHint: true } : undefined));
  require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
    const { id, method, params } = JSON.parse(line);
    if (method === "initialize")
      return send({ id, result: { protocolVersion: "2025-11-25", capabilities: { tools: { listChanged: true } }, serverInfo: { name: "scripted", version: process.env.VERSION ?? "1" } } });
    if (method === "tools/list") return send({ id, result: { tools } });
    if (method !== "tools/call") return id === undefined || send({ id, result: {} });
    const { ms = 0, nonce } = params.arguments ?? {};
    if (process.env.LEDGER && nonce !== undefined) appendFileSync(process.env.LEDGER, params.name + " " + nonce + "\\n");
    const took = Number(process.env.SLOW_MS ?? ms);
    setTimeout(() => send({ id, result: { content: [{ type: "text", text: String(process.pid) }] } }), took);
  }).on("close", () => process.exit(0));`;

/** A server with the tools `work` (not annotated) and `read` (read-only); both answer after `ms` with their process id. */
export function scripted(
  env: Readonly<Record<string, string>> = {},
  more: Partial<StdioUpstreamConfig> = {},
): StdioUpstreamConfig {
  return { transport: "stdio", era: "legacy", command: process.execPath, args: ["-e", script], env, ...more };
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string | undefined;
  readonly error:
    | { readonly code: number; readonly message: string; readonly data?: { code?: string } }
    | undefined;
  readonly result: Record<string, unknown> | undefined;
}

interface RequestOptions {
  readonly path?: string;
  readonly caller?: string;
  readonly priority?: number;
}

export interface Harness {
  readonly multiplexer: Multiplexer;
  readonly events: MultiplexerEvent[];
  readonly url: string;
  request(method: string, params?: unknown, options?: RequestOptions): Promise<Answer>;
  call(name: string, args?: unknown, options?: RequestOptions): Promise<Answer>;
  tools(path?: string): Promise<string[]>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** The header field `caller` says who calls, and `priority` how urgent it is. */
export async function start(config: MultiplexerConfig): Promise<Harness> {
  const events: MultiplexerEvent[] = [];
  const multiplexer = createMultiplexer(config, { onEvent: (event) => events.push(event) });
  await multiplexer.initialize();
  const server = createServer((request, response) => {
    const { caller, priority } = request.headers;
    const who =
      typeof caller === "string"
        ? { id: caller, ...(typeof priority === "string" ? { priority: Number(priority) } : {}) }
        : undefined;
    if (!multiplexer.handler(request, response, who)) response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
  let id = 0;

  const request: Harness["request"] = async (
    method,
    params = {},
    { path = "/mcp", caller, priority } = {},
  ) => {
    const response = await fetch(url + path, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(caller === undefined ? {} : { caller }),
        ...(priority === undefined ? {} : { priority: String(priority) }),
      },
      body: JSON.stringify({ jsonrpc: "2.0", id: ++id, method, params }),
    });
    const { result, error } = (await response.json()) as Pick<Answer, "result" | "error">;
    const content = result?.["content"] as { text: string }[] | undefined;
    return { status: response.status, headers: response.headers, text: content?.[0]?.text, result, error };
  };

  return {
    multiplexer,
    events,
    url,
    request,
    call: (name, args = {}, options) => request("tools/call", { name, arguments: args }, options),
    async tools(path) {
      const { result } = await request("tools/list", {}, path === undefined ? {} : { path });
      return ((result?.["tools"] ?? []) as { name: string }[]).map(({ name }) => name);
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await multiplexer.close();
    },
  };
}

export interface Load {
  readonly calls: number;
  /** Ends it; resolves to what went wrong. */
  stop(): Promise<string[]>;
}

/** Calls a tool from several callers at once, over and over. */
export function keepCalling(
  harness: Harness,
  name: string,
  { callers = 8, ms = 5, nonces = false } = {},
): Load {
  const failures: string[] = [];
  let calls = 0;
  let stopped = false;
  const loops = Array.from({ length: callers }, async () => {
    while (!stopped) {
      const { error } = await harness.call(name, nonces ? { ms, nonce: randomUUID() } : { ms });
      calls++;
      if (error !== undefined) failures.push(JSON.stringify(error));
    }
  });
  return {
    get calls() {
      return calls;
    },
    async stop() {
      stopped = true;
      await Promise.all(loops);
      return failures;
    },
  };
}

/** The status of one upstream. */
export function upstream({ multiplexer }: Harness, id: string) {
  return multiplexer
    .getStatus()
    .pools.flatMap(({ replicas }) => replicas)
    .find((replica) => replica.id === id);
}
