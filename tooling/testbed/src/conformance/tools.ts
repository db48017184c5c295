// The tools that the conformance suite's scenarios call by name. A tool that needs input from its client says so and is
// called again with the answers, as in revision 2026-07-28; for older clients the server asks one question after the other.
import { setTimeout as sleep } from "node:timers/promises";
import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js";
import { plainResults, text } from "./content.ts";
import { type Ask, inputTools } from "./input-tools.ts";

/** What a tool may do and know while it runs, whichever SDK serves it. */
export interface ToolContext {
  /** Capabilities of the client that calls. */
  readonly declared: Readonly<Record<string, unknown>>;
  /** Answers to what the tool asked for, by the tool's own keys; undefined in the first round. */
  readonly responses: Readonly<Record<string, unknown>> | undefined;
  /** What the tool handed out with its last question, checked to be its own. */
  readonly state: Readonly<Record<string, unknown>> | undefined;
  readonly progressToken: string | number | undefined;
  log(data: string): Promise<void>;
  progress(progress: number, total: number): Promise<void>;
  /** Ends the stream that the answer would go to, where the transport can. */
  interruptStream(): void;
  listChanged(kind: "tools" | "prompts"): void;
}

type Arguments = Readonly<Record<string, unknown>>;

export type Outcome = CallToolResult | Ask;

const object = { type: "object" as const, properties: {} };

const schema2020 = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  type: "object" as const,
  $defs: {
    address: {
      $anchor: "addressDef",
      type: "object",
      properties: { street: { type: "string" }, city: { type: "string" } },
    },
  },
  properties: {
    name: { type: "string" },
    address: { $ref: "#/$defs/address" },
    contactMethod: { type: "string", enum: ["phone", "email"] },
    phone: { type: "string" },
    email: { type: "string" },
  },
  allOf: [{ anyOf: [{ required: ["phone"] }, { required: ["email"] }] }],
  if: { properties: { contactMethod: { const: "phone" } }, required: ["contactMethod"] },
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
  then: { required: ["phone"] },
  else: { required: ["email"] },
  additionalProperties: false,
};

const actions: Readonly<Record<string, (args: Arguments, context: ToolContext) => Promise<CallToolResult>>> =
  {
    async test_tool_with_logging(_args, { log }) {
      for (const data of ["Tool execution started", "Tool processing data", "Tool execution completed"]) {
        await log(data);
        await sleep(50);
      }
      return text("Tool with logging executed successfully");
    },
    async test_logging_tool(_args, { log }) {
      await log("delivered only to those who asked for it");
      return text("logged");
    },
    async test_tool_with_progress(_args, { progress, progressToken }) {
      for (const done of progressToken === undefined ? [] : [0, 50, 100]) {
        await progress(done, 100);
        await sleep(50);
      }
      return text(String(progressToken ?? "no-progress-token"));
    },
    async test_reconnection(_args, { interruptStream }) {
      interruptStream();
      await sleep(100);
      return text("Reconnection test completed successfully.");
    },
    async test_trigger_tool_change(_args, { listChanged }) {
      listChanged("tools");
      return text("tools_list_changed published");
    },
    async test_trigger_prompt_change(_args, { listChanged }) {
      listChanged("prompts");
      return text("prompts_list_changed published");
    },
    test_x_mcp_header: async ({ region }) => text(`region=${String(region)}`),
    json_schema_2020_12_tool: async (args) => text(`called with: ${JSON.stringify(args)}`),
  };

const schemas: Readonly<Record<string, typeof object>> = {
  json_schema_2020_12_tool: schema2020,
  test_x_mcp_header: {
    type: "object",
    properties: {
      region: { type: "string", description: "Goes into Mcp-Param-Region", "x-mcp-header": "Region" },
      level: { type: "integer", description: "Does not" },
    },
  },
  test_sampling: { type: "object", properties: { prompt: { type: "string" } } },
  test_elicitation: { type: "object", properties: { message: { type: "string" } } },
};

export const tools = [...Object.keys(plainResults), ...Object.keys(actions), ...Object.keys(inputTools)].map(
  (name) => ({ name, description: `Conformance fixture ${name}`, inputSchema: schemas[name] ?? object }),
);

/** One round of a tool; undefined when there is no such tool. */
export async function callTool(
  name: string,
  args: Arguments,
  context: ToolContext,
): Promise<Outcome | undefined> {
  const plain = Object.hasOwn(plainResults, name) ? plainResults[name] : undefined;
  return plain ?? (await actions[name]?.(args, context)) ?? inputTools[name]?.(args, context);
}
