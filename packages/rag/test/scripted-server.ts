// An MCP server on stdio whose tools answer as told: stands in for RAG servers that cannot be installed here.
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { RagServerConfig } from "../src/provider/config.ts";

export interface ScriptedTool {
  readonly name: string;
  /** Names of its arguments. */
  readonly arguments: readonly string[];
  /** Answered as it is; `{{arguments}}` in a text becomes the call's arguments as JSON. */
  readonly result?: unknown;
  /** Time until it answers, in milliseconds; a negative one never comes. */
  readonly delayMs?: number;
}

/** Configuration that starts one with these tools. */
export function scripted(
  id: string,
  tools: readonly ScriptedTool[],
  extra: Partial<RagServerConfig> = {},
): RagServerConfig {
  const env = { SCRIPT: JSON.stringify(tools) };
  return { id, command: process.execPath, args: [fileURLToPath(import.meta.url)], env, ...extra };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const tools = JSON.parse(process.env["SCRIPT"] ?? "[]") as readonly ScriptedTool[];
  createInterface({ input: process.stdin }).on("line", (line) => {
    const { id, method, params } = JSON.parse(line) as {
      id?: number;
      method: string;
      params?: { name?: string; arguments?: object };
    };
    const answer = (result: unknown): void => console.log(JSON.stringify({ jsonrpc: "2.0", id, result }));
    if (id === undefined) return;
    if (method === "initialize")
      answer({
        protocolVersion: "2025-11-25",
        capabilities: { tools: {} },
        serverInfo: { name: "scripted", version: "1" },
      });
    else if (method === "tools/list")
      answer({
        tools: tools.map(({ name, arguments: names }) => ({
          name,
          inputSchema: {
            type: "object",
            properties: Object.fromEntries(names.map((argument) => [argument, {}])),
          },
        })),
      });
    else if (method === "tools/call") {
      const tool = tools.find(({ name }) => name === params?.name);
      const result = (tool?.result ?? {}) as { readonly content?: { text: string }[] };
      for (const block of result.content ?? [])
        block.text = block.text.replaceAll("{{arguments}}", JSON.stringify(params?.arguments));
      if ((tool?.delayMs ?? 0) >= 0) setTimeout(answer, tool?.delayMs ?? 0, result);
    } else answer({});
  });
}
