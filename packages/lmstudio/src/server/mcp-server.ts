// The MCP server: five tools over a client. The same factory serves both generations of the protocol.
import { McpServer, type ServerContext } from "@modelcontextprotocol/server";
import { chatCompletion } from "./chat-tool.ts";
import { contextOf, type ToolServerOptions } from "./context.ts";
import { currentModel, healthCheck, listModelsTool } from "./info-tools.ts";
import { multiAgentTool } from "./multi-agent-tool.ts";
import { createProgress, type Progress } from "./progress.ts";
import {
  chatInput,
  chatOutput,
  currentOutput,
  healthOutput,
  modelsInput,
  modelsOutput,
  multiAgentInput,
  multiAgentOutput,
} from "./schemas.ts";
import { version } from "./version.ts";

/** Nothing is changed by asking, but answers differ. */
const asks = { readOnlyHint: true, idempotentHint: false, openWorldHint: true } as const;
const looks = { readOnlyHint: true, idempotentHint: true, openWorldHint: false } as const;

/**
 * Makes servers that share a client: one per connection, or one per request, as the transport wants them.
 *
 * @throws RangeError when an option is out of range.
 */
export function createToolServers(options: ToolServerOptions): () => McpServer {
  const context = contextOf(options);
  const { clock } = context;

  return function createServer(): McpServer {
    const server = new McpServer({ name: "fairlead-lmstudio", version }, { instructions });
    server.registerTool(
      "health_check",
      {
        title: "Health check",
        description: "Whether LM Studio answers, per host.",
        outputSchema: healthOutput,
        annotations: looks,
      },
      (call: ServerContext) => healthCheck(context, call.mcpReq.signal),
    );
    server.registerTool(
      "list_models",
      {
        title: "List models",
        description: "The models of all hosts: which are loaded, and with how much context.",
        inputSchema: modelsInput,
        outputSchema: modelsOutput,
        annotations: looks,
      },
      ({ host }, call) => listModelsTool(context, host, call.mcpReq.signal),
    );
    server.registerTool(
      "get_current_model",
      {
        title: "Current model",
        description: "The model that is loaded.",
        outputSchema: currentOutput,
        annotations: looks,
      },
      (call: ServerContext) => currentModel(context, call.mcpReq.signal),
    );
    server.registerTool(
      "chat_completion",
      {
        title: "Ask a model",
        description: "Asks one model. Without a model: the one for the task, or the one that is loaded.",
        inputSchema: chatInput,
        outputSchema: chatOutput,
        annotations: asks,
      },
      (input, call) =>
        withProgress(call, (progress) => chatCompletion(context, input, progress, call.mcpReq.signal)),
    );
    server.registerTool(
      "multi_agent_query",
      {
        title: "Ask several models",
        description:
          "Asks several models the same at once, up to 10 at a time, and compares, votes on, judges or sums up their answers. Agreement says how far to trust the result.",
        inputSchema: multiAgentInput,
        outputSchema: multiAgentOutput,
        annotations: asks,
      },
      (input, call) =>
        withProgress(call, (progress) => multiAgentTool(context, input, progress, call.mcpReq.signal)),
    );
    return server;
  };

  async function withProgress<T>(
    call: ServerContext,
    action: (progress: Progress) => Promise<T>,
  ): Promise<T> {
    const progress = createProgress(call, clock);
    try {
      return await action(progress);
    } finally {
      progress.stop();
    }
  }
}

const instructions =
  "Local language models on LM Studio. list_models says what is there; a model that is not loaded is loaded when it is asked, which takes its time. Results come back within about 50 s, partial ones as well, unless timeout_seconds says otherwise.";
