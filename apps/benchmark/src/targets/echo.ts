// What the benchmark's own upstreams answer, over HTTP and on stdio, in both eras.

export interface Message {
  readonly id?: string | number;
  readonly method: string;
  readonly params?: {
    readonly name?: string;
    readonly protocolVersion?: string;
    readonly arguments?: { readonly message?: string };
    readonly _meta?: Readonly<Record<string, unknown>>;
  };
}

const inputSchema = { type: "object", properties: { message: { type: "string" } } };
/** All tools answer with their message. `lookup` says of itself that it may be repeated, `append` does not. */
const TOOLS = [
  { name: "echo", inputSchema, annotations: { readOnlyHint: true } },
  { name: "lookup", inputSchema, annotations: { readOnlyHint: true } },
  { name: "append", inputSchema },
];

/** The whole answer to a request. */
export function answerTo(message: Message): string {
  const result = resultOf(message);
  return JSON.stringify(
    result === undefined
      ? { jsonrpc: "2.0", id: message.id, error: { code: -32_601, message: "Method not found" } }
      : { jsonrpc: "2.0", id: message.id, result },
  );
}

function resultOf({ method, params }: Message): unknown {
  const isModern = params?._meta?.["io.modelcontextprotocol/protocolVersion"] === "2026-07-28";
  const common = isModern ? { resultType: "complete" } : {};
  switch (method) {
    case "initialize":
      return {
        protocolVersion: params?.protocolVersion ?? "2025-11-25",
        capabilities: { tools: {} },
        serverInfo: { name: "upstream", version: "0" },
      };
    case "server/discover":
      return {
        ...common,
        supportedVersions: ["2026-07-28"],
        capabilities: { tools: {} },
        serverInfo: { name: "upstream", version: "0" },
        ttlMs: 0,
        cacheScope: "private",
      };
    case "tools/list":
      return { ...common, tools: TOOLS, ...(isModern ? { ttlMs: 0, cacheScope: "private" } : {}) };
    case "tools/call":
      return { ...common, content: [{ type: "text", text: params?.arguments?.message ?? "" }] };
    case "ping":
      return {};
    default:
      return undefined;
  }
}
