// Calls from the program that has the multiplexer, on the same way as those of clients: routing, admission, policies of the
// pool, failover. Only the transport is missing, so answers are values and failures are errors.
import type { Caller } from "../caller.ts";
import type { Catalog, Scope } from "../catalog/catalog.ts";
import { LEGACY_PROTOCOL_VERSION } from "../era.ts";
import { AggregatorError, RpcError, ToolError } from "../errors.ts";
import { TAGS_META_KEY } from "../router/request-tags.ts";
import { scanEnvelope } from "../wire/envelope.ts";
import { rpcCode } from "../wire/reply.ts";
import { ANONYMOUS, type Client, createClient } from "./client.ts";
import { ClientExchange, type Responder } from "./exchange.ts";
import type { Service } from "./service.ts";

/** A request as a client would send it, such as `tools/call`; names are the public ones. */
export interface MethodRequest {
  readonly method: string;
  readonly params?: Readonly<Record<string, unknown>>;
}

/** Arguments of whichever tool answers queries; see `MultiplexerConfig.queryTools`. */
export interface QueryRequest {
  readonly query: string;
  readonly [argument: string]: unknown;
}

export interface ExecuteOptions {
  /** From 0 to 9, higher is served first. @defaultValue 5, or the caller's */
  readonly priority?: number;
  /** On whose behalf: whom queues are fair between. @defaultValue `{ id: "in-process" }` */
  readonly caller?: Caller;
  /** Cancels the call, also on the server. */
  readonly signal?: AbortSignal;
  /** Namespace of the pool that is asked; names are then the pool's own. @defaultValue all pools, by public names */
  readonly namespace?: string;
  /** Only servers with all of these capabilities. */
  readonly capabilities?: readonly string[];
  /** Tags of the request, for routing rules to match; the server sees them in `_meta`. */
  readonly tags?: readonly string[];
  /** Tools that a query may go to, the first that there is. @defaultValue `MultiplexerConfig.queryTools` */
  readonly queryTools?: readonly string[];
  /** Told of the server's progress notifications. */
  readonly onProgress?: (progress: Progress) => void;
  /** Told, before the call returns, who answered, and which upstreams had failed on it before. */
  readonly onAnswered?: (by: { readonly upstream: string; readonly failedOver: readonly string[] }) => void;
}

/** Params of `notifications/progress`, without the token. */
export interface Progress {
  readonly progress: number;
  readonly total?: number;
  readonly message?: string;
}

export interface InProcess {
  execute(request: MethodRequest | QueryRequest, options: ExecuteOptions): Promise<unknown>;
}

export interface InProcessOptions {
  readonly catalog: Catalog;
  readonly service: Service;
  readonly queryTools: readonly string[];
  readonly maxDepth: number;
}

/** Names that servers commonly give to what answers a query, the most capable first. */
export const QUERY_TOOLS: readonly string[] = [
  "hybrid_search",
  "vector_search",
  "search",
  "query",
  "graph_query",
];

const IN_PROCESS: Caller = { id: "in-process" };

interface Answer {
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown };
}

export function createInProcess(dependencies: InProcessOptions): InProcess {
  const { catalog, service, maxDepth } = dependencies;
  const itself = new WeakMap<Scope, Client>();
  const others = new WeakMap<Scope, Client>();
  let lastId = 0;

  return {
    async execute(request, options) {
      options.signal?.throwIfAborted();
      const scope = scopeOf(options.namespace);
      if (isMethodRequest(request)) return send(scope, request, options);
      const { namespace, tool } = queryTool(scope, options.queryTools ?? dependencies.queryTools);
      const call = { method: "tools/call", params: { name: tool, arguments: request } };
      return contentOf(tool, (await send(scopeOf(namespace), call, options)) as ToolResult);
    },
  };

  function scopeOf(namespace: string | undefined): Scope {
    if (namespace === undefined) return catalog.all;
    const scope = catalog.ofPool(namespace);
    if (scope === undefined)
      throw new AggregatorError("NO_SERVERS_AVAILABLE", `There is no pool "${namespace}".`, {
        outcome: "not-executed",
      });
    return scope;
  }

  function queryTool(
    { pools }: Scope,
    names: readonly string[],
  ): { readonly namespace: string; readonly tool: string } {
    for (const tool of names) {
      const pool = pools.find(({ catalog: { lists } }) => lists.tools.has(tool));
      if (pool !== undefined) return { namespace: pool.namespace, tool };
    }
    if (pools.every((pool) => !pool.catalog.isKnown)) {
      throw new AggregatorError(
        "NO_SERVERS_AVAILABLE",
        "No server has been reached yet that could answer a query; see their state in the status.",
        { outcome: "not-executed" },
      );
    }
    throw new RpcError(
      rpcCode.invalidParams,
      `No server has a tool for queries (${names.join(", ")}). Name yours in queryTools, or send { method: "tools/call", params }.`,
    );
  }

  function send(scope: Scope, request: MethodRequest, options: ExecuteOptions): Promise<unknown> {
    const { signal, onProgress, priority, tags } = options;
    const id = ++lastId;
    const meta = {
      ...(onProgress === undefined ? {} : { progressToken: id }),
      ...(tags === undefined ? {} : { [TAGS_META_KEY]: tags }),
    };
    const params =
      Object.keys(meta).length === 0
        ? request.params
        : { ...request.params, _meta: { ...metaOf(request), ...meta } };
    const message = Buffer.from(JSON.stringify({ jsonrpc: "2.0", id, method: request.method, params }));
    const caller = options.caller ?? IN_PROCESS;
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        exchange.cancel();
      };
      const responder: Responder = {
        reply(bytes) {
          signal?.removeEventListener("abort", onAbort);
          const { answeredBy, tried = [] } = exchange.work ?? {};
          if (answeredBy !== undefined)
            options.onAnswered?.({ upstream: answeredBy, failedOver: [...tried] });
          const { result, error } = JSON.parse(bytes.toString("utf8")) as Answer;
          if (error === undefined) resolve(result);
          else reject(new RpcError(error.code, error.message, error.data));
        },
        fail(error) {
          signal?.removeEventListener("abort", onAbort);
          reject(error);
        },
        notify(bytes) {
          if (onProgress !== undefined) report(bytes, onProgress);
        },
        drop() {
          reject(signal?.reason as Error);
        },
      };
      const exchange = new ClientExchange(
        {
          era: "legacy",
          client: clientOf(scope, options.caller === undefined),
          caller: priority === undefined ? caller : { ...caller, priority },
          scope,
          message,
          envelope: scanEnvelope(message, maxDepth),
          headers: undefined,
        },
        responder,
      );
      exchange.capabilities = options.capabilities;
      signal?.addEventListener("abort", onAbort, { once: true });
      service.request(exchange);
    });
  }

  /** The program itself keeps its sessions with servers; whom it speaks for has no part in them. */
  function clientOf(scope: Scope, isItself: boolean): Client {
    const clients = isItself ? itself : others;
    let client = clients.get(scope);
    if (client === undefined) {
      client = createClient(isItself ? IN_PROCESS.id : ANONYMOUS, scope, () => {});
      if (isItself)
        client.hello = { protocolVersion: LEGACY_PROTOCOL_VERSION, capabilities: {}, clientInfo: undefined };
      clients.set(scope, client);
    }
    return client;
  }
}

interface ToolResult {
  readonly content?: readonly { readonly type: string; readonly text?: string }[];
  readonly structuredContent?: unknown;
  readonly isError?: boolean;
}

/** What a query is answered with: the tool's structured content, or its text read as JSON, or its result as it is. */
function contentOf(tool: string, result: ToolResult): unknown {
  const [first, ...others] = result.content ?? [];
  if (result.isError === true) throw new ToolError(tool, first?.text ?? "no reason given", result);
  if (result.structuredContent !== undefined) return result.structuredContent;
  if (first?.text === undefined || others.length > 0) return result;
  try {
    return JSON.parse(first.text) as unknown;
  } catch {
    return result;
  }
}

function report(bytes: Buffer, onProgress: (progress: Progress) => void): void {
  const { method, params } = JSON.parse(bytes.toString("utf8")) as {
    method: string;
    params: Progress & { progressToken?: unknown };
  };
  if (method !== "notifications/progress") return;
  const { progressToken: _token, ...progress } = params;
  onProgress(progress);
}

function isMethodRequest(request: MethodRequest | QueryRequest): request is MethodRequest {
  return typeof request["method"] === "string";
}

function metaOf({ params }: MethodRequest): object {
  const meta = params?.["_meta"];
  return typeof meta === "object" && meta !== null ? meta : {};
}
