// The conformance fixture of revision 2026-07-28, on the v2 SDK: what a tool needs is part of its result.
import { getRandomValues } from "node:crypto";
import {
  CLIENT_CAPABILITIES_META_KEY,
  createRequestStateCodec,
  fromJsonSchema,
  type InputRequests,
  inputRequired,
  McpServer,
  ProtocolError,
  ProtocolErrorCode,
  type ServerContext,
  type Tool,
} from "@modelcontextprotocol/server";
import { getPrompt, readResource, resources, resourceTemplates } from "./content.ts";
import { type Ask, inputPrompt, isAsk } from "./input-tools.ts";
import { listedPrompts, listedTools, toggle } from "./lists.ts";
import { callTool, type ToolContext, tools } from "./tools.ts";

const states = createRequestStateCodec<Readonly<Record<string, unknown>>>({
  key: getRandomValues(new Uint8Array(32)),
});
const cacheHint = { ttlMs: 60_000, cacheScope: "public" } as const;

/** A server for one request (HTTP) or for a process's only connection; `onListChanged` tells those who listen. */
export function createModernServer(onListChanged: (kind: "tools" | "prompts") => void): McpServer {
  const mcp = new McpServer(
    { name: "conformance-modern", version: "1.0.0" },
    {
      capabilities: {
        tools: { listChanged: true },
        resources: { listChanged: true, subscribe: true },
        prompts: { listChanged: true },
        completions: {},
        logging: {},
      },
      requestState: { verify: states.verify },
      cacheHints: {
        "tools/list": cacheHint,
        "prompts/list": cacheHint,
        "resources/list": cacheHint,
        "resources/templates/list": cacheHint,
      },
    },
  );
  // The SDK compares Mcp-Param-* headers with the arguments of the tools that it knows by itself; that is all it knows.
  for (const { name, inputSchema } of tools)
    mcp.registerTool(name, { inputSchema: fromJsonSchema(inputSchema) }, () => ({ content: [] }));
  const { server } = mcp;
  server.setRequestHandler("tools/list", () => ({ tools: listedTools() as Tool[] }));
  server.setRequestHandler("tools/call", async ({ params }, context) => {
    const outcome = await callTool(params.name, params.arguments ?? {}, contextOf(context, onListChanged));
    if (outcome === undefined)
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, `Unknown tool: ${params.name}`);
    return isAsk(outcome) ? await asInputRequired(outcome) : outcome;
  });
  server.setRequestHandler("resources/list", () => ({ resources }));
  server.setRequestHandler("resources/templates/list", () => ({ resourceTemplates }));
  server.setRequestHandler("resources/read", ({ params: { uri } }) => {
    const found = readResource(uri);
    if (found === undefined)
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, `Resource not found: ${uri}`, { uri });
    return { ...found, ...cacheHint };
  });
  server.setRequestHandler("prompts/list", () => ({ prompts: listedPrompts() }));
  server.setRequestHandler("prompts/get", async ({ params }, { mcpReq }) => {
    if (params.name === inputPrompt.name) {
      const outcome = inputPrompt.get(mcpReq.inputResponses);
      return typeof outcome === "string"
        ? { messages: [{ role: "user", content: { type: "text", text: outcome } }] }
        : await asInputRequired(outcome);
    }
    const found = getPrompt(params.name, params.arguments ?? {});
    if (found === undefined)
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, `Unknown prompt: ${params.name}`);
    return found;
  });
  server.setRequestHandler("completion/complete", () => ({
    completion: { values: [], total: 0, hasMore: false },
  }));
  return mcp;
}

function contextOf(
  { mcpReq }: ServerContext,
  onListChanged: (kind: "tools" | "prompts") => void,
): ToolContext {
  const progressToken = mcpReq._meta?.progressToken;
  return {
    declared:
      ((mcpReq.envelope as Record<string, object> | undefined)?.[CLIENT_CAPABILITIES_META_KEY] as
        | Readonly<Record<string, unknown>>
        | undefined) ?? {},
    responses: mcpReq.inputResponses,
    state: mcpReq.requestState(),
    progressToken,
    log: (data) => mcpReq.log("info", data),
    async progress(progress, total) {
      if (progressToken === undefined) return;
      const params = { progressToken, progress, total, message: `Completed step ${progress} of ${total}` };
      await mcpReq.notify({ method: "notifications/progress", params });
    },
    interruptStream() {},
    listChanged(kind) {
      toggle(kind);
      onListChanged(kind);
    },
  };
}

async function asInputRequired({ questions, state }: Ask) {
  return inputRequired({
    inputRequests: questions as unknown as InputRequests,
    ...(state === undefined ? {} : { requestState: await states.mint(state) }),
  });
}
