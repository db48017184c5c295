// MCP over HTTP without an SDK: posts exactly the bytes it is given and shows exactly what came back, so that
// tests can see ids, headers, unknown keys and stream order that an SDK client would hide or repair.
import { Agent, type IncomingHttpHeaders, type IncomingMessage, request } from "node:http";
import { readSse } from "./sse.ts";

export interface JsonRpcMessage {
  readonly jsonrpc: "2.0";
  readonly id?: string | number | null;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown };
}

export type HeaderFields = Readonly<Record<string, string | undefined>>;

export interface RawRequest {
  /** @defaultValue "POST" */
  readonly method?: string;
  /** Overrides the default headers; `undefined` takes one away. */
  readonly headers?: HeaderFields;
  readonly signal?: AbortSignal;
}

export interface RawStream {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The JSON-RPC messages as they arrive, be the answer JSON or SSE. */
  readonly messages: AsyncIterable<JsonRpcMessage>;
  /** Cuts the connection. */
  abort(): void;
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The whole body as it came. */
  readonly text: string;
  readonly messages: readonly JsonRpcMessage[];
}

export interface RawClient {
  /** Session id of the last `initialize`, if the server gave one. */
  sessionId(): string | undefined;
  /** Begins a legacy session: `initialize`, then `notifications/initialized`. */
  initialize(params?: Readonly<Record<string, unknown>>): Promise<JsonRpcMessage>;
  /** One request of the legacy session; resolves to the message that answers it. */
  request(
    method: string,
    params?: object,
    options?: RawRequest & { readonly id?: string | number },
  ): Promise<JsonRpcMessage>;
  /** One notification of the legacy session; resolves to the HTTP status. */
  notify(method: string, params?: object): Promise<number>;
  /** One stateless request of revision 2026-07-28 with its `_meta` and `Mcp-*` headers. */
  modern(
    method: string,
    params?: Readonly<Record<string, unknown>>,
    options?: RawRequest & { readonly id?: string | number },
  ): Promise<RawAnswer>;
  /** Posts a body (a string as it is, anything else as JSON) and reads the whole answer. */
  post(body: unknown, options?: RawRequest): Promise<RawAnswer>;
  /** Like `post`, without waiting for the end of the answer. */
  open(body: unknown, options?: RawRequest): Promise<RawStream>;
  /** The legacy session's stream of server messages (`GET`). */
  listen(options?: RawRequest): Promise<RawStream>;
  /** Ends the legacy session (`DELETE`); resolves to the HTTP status. */
  end(): Promise<number>;
  /** Closes all connections. */
  close(): void;
  [Symbol.dispose](): void;
}

export interface RawClientOptions {
  /** Connects to this unix socket instead of the URL's host and port. */
  readonly socketPath?: string;
}

export const legacyVersion = "2025-11-25";
export const modernVersion = "2026-07-28";

/** A client of the MCP endpoint at `url`; its connections are kept alive and reused. */
export function createRawClient(url: string | URL, { socketPath }: RawClientOptions = {}): RawClient {
  const agent = new Agent({ keepAlive: true });
  let session: { id: string | undefined; protocolVersion: string } | undefined;
  let lastId = 0;

  return {
    sessionId: () => session?.id,
    async initialize(params) {
      session = undefined;
      const answer = await post({
        jsonrpc: "2.0",
        id: ++lastId,
        method: "initialize",
        params: {
          protocolVersion: legacyVersion,
          capabilities: {},
          clientInfo: { name: "raw-client", version: "1.0.0" },
          ...params,
        },
      });
      const reply = answerTo(answer, lastId);
      if (reply.result === undefined) return reply;
      const id = answer.headers["mcp-session-id"];
      session = {
        id: typeof id === "string" ? id : undefined,
        protocolVersion: String(reply.result["protocolVersion"]),
      };
      await post({ jsonrpc: "2.0", method: "notifications/initialized" });
      return reply;
    },
    async request(method, params = {}, { id = ++lastId, ...options } = {}) {
      return answerTo(await post({ jsonrpc: "2.0", id, method, params }, options), id);
    },
    async notify(method, params = {}) {
      return (await post({ jsonrpc: "2.0", method, params })).status;
    },
    modern(method, params = {}, { id = ++lastId, headers, ...options } = {}) {
      const name = params["name"] ?? params["uri"];
      const meta = {
        "io.modelcontextprotocol/protocolVersion": modernVersion,
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": { name: "raw-client", version: "1.0.0" },
        ...(params["_meta"] as object | undefined),
      };
      return post(
        { jsonrpc: "2.0", id, method, params: { ...params, _meta: meta } },
        {
          ...options,
          headers: {
            "mcp-session-id": undefined,
            "mcp-protocol-version": modernVersion,
            "mcp-method": method,
            "mcp-name": typeof name === "string" ? name : undefined,
            ...headers,
          },
        },
      );
    },
    post,
    open,
    listen: (options) => open(undefined, { ...options, method: "GET" }),
    async end() {
      const { status } = await post(undefined, { method: "DELETE" });
      session = undefined;
      return status;
    },
    close: () => agent.destroy(),
    [Symbol.dispose]: () => agent.destroy(),
  };

  async function post(body: unknown, options?: RawRequest): Promise<RawAnswer> {
    const response = await send(body, options);
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString("utf8");
    const messages: JsonRpcMessage[] = [];
    for await (const message of readMessages(response.headers, [text])) messages.push(message);
    return { status: response.statusCode ?? 0, headers: response.headers, text, messages };
  }

  async function open(body: unknown, options?: RawRequest): Promise<RawStream> {
    const response = await send(body, options);
    return {
      status: response.statusCode ?? 0,
      headers: response.headers,
      messages: readMessages(response.headers, response.setEncoding("utf8")),
      abort: () => response.destroy(),
    };
  }

  function send(
    body: unknown,
    { method = "POST", headers, signal }: RawRequest = {},
  ): Promise<IncomingMessage> {
    const fields = {
      accept: "application/json, text/event-stream",
      "content-type": body === undefined ? undefined : "application/json",
      "mcp-session-id": session?.id,
      "mcp-protocol-version": session?.protocolVersion,
      ...headers,
    };
    return new Promise((resolve, reject) => {
      const outgoing = request(
        url,
        {
          method,
          agent,
          headers: Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)),
          ...(socketPath === undefined ? {} : { socketPath }),
          ...(signal === undefined ? {} : { signal }),
        },
        resolve,
      );
      outgoing.on("error", reject);
      outgoing.end(body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body));
    });
  }
}

function answerTo({ status, text, messages }: RawAnswer, id: string | number): JsonRpcMessage {
  const reply = messages.find((message) => message.id === id && message.method === undefined);
  if (reply === undefined)
    throw new Error(`no answer to request ${JSON.stringify(id)} in HTTP ${status}: ${text.slice(0, 500)}`);
  return reply;
}

/** The messages of a JSON body, a JSON array or an SSE stream; a body of any other type has none. */
async function* readMessages(
  headers: IncomingHttpHeaders,
  chunks: AsyncIterable<string> | Iterable<string>,
): AsyncGenerator<JsonRpcMessage> {
  const type = headers["content-type"] ?? "";
  if (type.startsWith("text/event-stream")) {
    for await (const { data } of readSse(chunks)) if (data !== "") yield JSON.parse(data) as JsonRpcMessage;
    return;
  }
  let text = "";
  for await (const chunk of chunks) text += chunk;
  if (!type.startsWith("application/json") || text === "") return;
  const body: unknown = JSON.parse(text);
  yield* (Array.isArray(body) ? body : [body]) as JsonRpcMessage[];
}
