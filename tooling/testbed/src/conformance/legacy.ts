// The conformance fixture of revision 2025-11-25, on the v1 SDK: questions go to the client as requests of the server.
import { randomUUID } from "node:crypto";
import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import type { EventStore } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import type { RequestHandlerExtra } from "@modelcontextprotocol/sdk/shared/protocol.js";
import {
  CallToolRequestSchema,
  CompleteRequestSchema,
  ErrorCode,
  GetPromptRequestSchema,
  type JSONRPCMessage,
  ListPromptsRequestSchema,
  ListResourcesRequestSchema,
  ListResourceTemplatesRequestSchema,
  ListToolsRequestSchema,
  McpError,
  ReadResourceRequestSchema,
  ResultSchema,
  type ServerNotification,
  type ServerRequest,
  SetLevelRequestSchema,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { getPrompt, readResource, resources, resourceTemplates } from "./content.ts";
import { type Ask, inputPrompt, isAsk } from "./input-tools.ts";
import { listedPrompts, listedTools, toggle } from "./lists.ts";
import { callTool, type ToolContext } from "./tools.ts";

type Extra = RequestHandlerExtra<ServerRequest, ServerNotification>;

const sessions = new Set<Server>();

/** A server for one more session, or for a process's only one. */
export function createLegacyServer(): Server {
  const server = new Server(
    { name: "conformance-legacy", version: "1.0.0" },
    {
      capabilities: {
        tools: { listChanged: true },
        resources: { listChanged: true, subscribe: true },
        prompts: { listChanged: true },
        completions: {},
        logging: {},
      },
    },
  );
  server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: listedTools() }));
  server.setRequestHandler(CallToolRequestSchema, async ({ params }, extra) => {
    const first = contextOf(server, extra);
    const run = (context: ToolContext) => callTool(params.name, params.arguments ?? {}, context);
    let outcome = await run(first);
    while (outcome !== undefined && isAsk(outcome))
      outcome = await run({ ...first, responses: await answersTo(outcome, extra), state: outcome.state });
    if (outcome === undefined) throw new McpError(ErrorCode.InvalidParams, `Unknown tool: ${params.name}`);
    return outcome;
  });
  server.setRequestHandler(ListResourcesRequestSchema, () => ({ resources }));
  server.setRequestHandler(ListResourceTemplatesRequestSchema, () => ({ resourceTemplates }));
  server.setRequestHandler(ReadResourceRequestSchema, ({ params: { uri } }) => {
    const found = readResource(uri);
    if (found === undefined) throw new McpError(-32002, `Resource not found: ${uri}`, { uri });
    return found;
  });
  server.setRequestHandler(ListPromptsRequestSchema, () => ({ prompts: listedPrompts() }));
  server.setRequestHandler(GetPromptRequestSchema, async ({ params }, extra) => {
    if (params.name === inputPrompt.name) {
      let outcome = inputPrompt.get(undefined);
      while (typeof outcome !== "string") outcome = inputPrompt.get(await answersTo(outcome, extra));
      return { messages: [{ role: "user", content: { type: "text", text: outcome } }] };
    }
    const found = getPrompt(params.name, params.arguments ?? {});
    if (found === undefined) throw new McpError(ErrorCode.InvalidParams, `Unknown prompt: ${params.name}`);
    return found;
  });
  server.setRequestHandler(CompleteRequestSchema, () => ({
    completion: { values: [], total: 0, hasMore: false },
  }));
  sessions.add(server);
  server.onclose = () => sessions.delete(server);
  for (const schema of [SetLevelRequestSchema, SubscribeRequestSchema, UnsubscribeRequestSchema])
    server.setRequestHandler(schema, () => ({}));
  return server;
}

/** Keeps the events of one session, so that a client may come back for those that it missed. */
export function createEventStore(): EventStore {
  const events: { readonly id: string; readonly stream: string; readonly message: JSONRPCMessage }[] = [];
  return {
    storeEvent(stream, message) {
      const id = `${stream}/${randomUUID()}`;
      events.push({ id, stream, message });
      return Promise.resolve(id);
    },
    async replayEventsAfter(lastId, { send }) {
      const at = events.findIndex(({ id }) => id === lastId);
      const stream = events[at]?.stream ?? "";
      for (const { id, message } of events.slice(at + 1).filter((event) => event.stream === stream))
        if ("jsonrpc" in message) await send(id, message);
      return stream;
    },
  };
}

function contextOf(server: Server, extra: Extra): ToolContext {
  const progressToken = extra._meta?.progressToken;
  return {
    declared: server.getClientCapabilities() ?? {},
    responses: undefined,
    state: undefined,
    progressToken,
    log: (data) =>
      extra.sendNotification({ method: "notifications/message", params: { level: "info", data } }),
    async progress(progress, total) {
      if (progressToken === undefined) return;
      const params = { progressToken, progress, total, message: `Completed step ${progress} of ${total}` };
      await extra.sendNotification({ method: "notifications/progress", params });
    },
    interruptStream: () => extra.closeSSEStream?.(),
    listChanged(kind) {
      toggle(kind);
      for (const session of sessions)
        void (kind === "tools" ? session.sendToolListChanged() : session.sendPromptListChanged());
    },
  };
}

/** Asks all questions at once. */
async function answersTo({ questions }: Ask, extra: Extra): Promise<Record<string, unknown>> {
  const asked = Object.entries(questions).map(
    async ([key, question]): Promise<[string, unknown]> => [
      key,
      await extra.sendRequest(question as ServerRequest, ResultSchema),
    ],
  );
  return Object.fromEntries(await Promise.all(asked));
}
