// `/v1/messages`: Anthropic's shape, which LM Studio has as well. It has no schema for answers: the answer is asked for as the
// arguments of a tool that has to be called.
import { field, parsed } from "../classify.ts";
import type { ChatMessage, ChatRequest } from "../requests.ts";
import { dataOf, partsOf, textOf } from "./content.ts";
import { samplingOf } from "./sampling.ts";
import type { Wire } from "./wire.ts";

/** Anthropic demands a limit. */
const defaultMaxTokens = 4_096;

export const messages: Wire = {
  path: "/v1/messages",
  body(request) {
    const { messages: given, tools = [], jsonSchema } = request;
    const system = given.filter(({ role }) => role === "system").map(({ content }) => textOf(content));
    const schemaTool =
      jsonSchema === undefined ? [] : [{ name: jsonSchema.name, input_schema: jsonSchema.schema }];
    const all = [...tools.map(toolOf), ...schemaTool];
    return {
      max_tokens: defaultMaxTokens,
      ...samplingOf(request, "max_tokens"),
      ...thinkingOf(request),
      stream: true,
      ...(system.length === 0 ? {} : { system: system.join("\n") }),
      messages: given.filter(({ role }) => role !== "system").map(messageOf),
      ...(all.length === 0 ? {} : { tools: all }),
      ...(jsonSchema === undefined ? {} : { tool_choice: { type: "tool", name: jsonSchema.name } }),
    };
  },
  take(collected, _event, value) {
    const given = field(value, "index");
    const index = typeof given === "number" ? given : 0;
    const [block, delta] = [field(value, "content_block"), field(value, "delta")];
    switch (field(value, "type")) {
      case "message_start": {
        const message = field(value, "message");
        collected.model(field(message, "model"));
        const tokens = field(field(message, "usage"), "input_tokens");
        if (typeof tokens === "number") collected.usage({ promptTokens: tokens });
        return false;
      }
      case "content_block_start":
        if (field(block, "type") === "tool_use")
          collected.toolCall(index, { id: field(block, "id"), name: field(block, "name") });
        return false;
      case "content_block_delta":
        collected.text(field(delta, "text"));
        collected.reasoning(field(delta, "thinking"));
        if (field(delta, "type") === "input_json_delta")
          collected.toolCall(index, { arguments: field(delta, "partial_json") });
        return false;
      case "message_delta": {
        const tokens = field(field(value, "usage"), "output_tokens");
        if (typeof tokens === "number") collected.usage({ completionTokens: tokens });
        const reason = field(delta, "stop_reason");
        collected.finishReason(typeof reason === "string" ? (finishReasons[reason] ?? reason) : undefined);
        return false;
      }
      case "error":
        return collected.fail(value);
      default:
        return field(value, "type") === "message_stop";
    }
  },
};

const finishReasons: Readonly<Record<string, string>> = {
  end_turn: "stop",
  stop_sequence: "stop",
  max_tokens: "length",
  tool_use: "tool_calls",
};

function messageOf({ role, content, toolCalls = [], toolCallId }: ChatMessage): object {
  if (role === "tool")
    return {
      role: "user",
      content: [{ type: "tool_result", tool_use_id: toolCallId, content: textOf(content) }],
    };
  const parts = partsOf(content, {
    text: (text): object => ({ type: "text", text }),
    image: (url): object => ({ type: "image", source: sourceOf(url) }),
  });
  const calls = toolCalls.map((call) => ({
    type: "tool_use",
    id: call["id"],
    name: field(call["function"], "name"),
    input: inputOf(field(call["function"], "arguments")),
  }));
  // An empty text block is refused.
  return { role, content: [...(textOf(content) === "" && calls.length > 0 ? [] : parts), ...calls] };
}

function inputOf(json: unknown): unknown {
  return (typeof json === "string" ? parsed(json) : undefined) ?? {};
}

function sourceOf(url: string): object {
  const data = dataOf(url);
  return data === undefined
    ? { type: "url", url }
    : { type: "base64", media_type: data.mediaType, data: data.data };
}

function toolOf(tool: Readonly<Record<string, unknown>>): object {
  const inner = tool["function"];
  if (typeof inner !== "object" || inner === null) return tool;
  const { name, description, parameters } = inner as Readonly<Record<string, unknown>>;
  return {
    name,
    ...(description === undefined ? {} : { description }),
    input_schema: parameters ?? { type: "object" },
  };
}

/** Effort as a budget of tokens, at least 1,024 and below the limit of the answer. */
function thinkingOf({ reasoning, maxTokens = defaultMaxTokens, jsonSchema }: ChatRequest): object {
  const share = reasoning === undefined ? undefined : efforts[reasoning];
  // A tool cannot be forced while thinking.
  if (share === undefined || jsonSchema !== undefined || maxTokens < 2_048) return {};
  return { thinking: { type: "enabled", budget_tokens: Math.max(1_024, Math.floor(maxTokens * share)) } };
}

const efforts: Readonly<Record<string, number>> = { low: 0.2, medium: 0.5, on: 0.5, high: 0.8 };
