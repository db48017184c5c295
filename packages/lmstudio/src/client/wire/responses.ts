// `/v1/responses`: items and typed events; the host may keep the conversation.
import { field } from "../classify.ts";
import type { ChatMessage } from "../requests.ts";
import { partsOf, textOf } from "./content.ts";
import { samplingOf } from "./sampling.ts";
import type { Collector, Wire } from "./wire.ts";

export const responses: Wire = {
  path: "/v1/responses",
  body(request) {
    const { messages, tools, jsonSchema, reasoning, previousResponseId, store } = request;
    const instructions = messages
      .filter(({ role }) => role === "system")
      .map(({ content }) => textOf(content));
    return {
      ...samplingOf(request, "max_output_tokens"),
      stream: true,
      input: messages.filter(({ role }) => role !== "system").flatMap(itemsOf),
      ...(instructions.length === 0 ? {} : { instructions: instructions.join("\n") }),
      ...(tools === undefined ? {} : { tools: tools.map(flatTool) }),
      ...(reasoning === undefined ? {} : { reasoning: { effort: reasoning } }),
      ...(previousResponseId === undefined ? {} : { previous_response_id: previousResponseId }),
      ...(store === undefined ? {} : { store }),
      ...(jsonSchema === undefined
        ? {}
        : { text: { format: { type: "json_schema", strict: true, ...jsonSchema } } }),
    };
  },
  take(collected, _event, value) {
    const type = field(value, "type");
    const index = field(value, "output_index");
    const at = typeof index === "number" ? index : 0;
    switch (type) {
      case "response.output_text.delta":
        collected.text(field(value, "delta"));
        return false;
      case "response.reasoning_text.delta":
      case "response.reasoning_summary_text.delta":
        collected.reasoning(field(value, "delta"));
        return false;
      case "response.output_item.added":
        takeItem(collected, at, field(value, "item"));
        return false;
      case "response.function_call_arguments.delta":
        collected.toolCall(at, { arguments: field(value, "delta") });
        return false;
      case "response.completed":
      case "response.incomplete":
        takeEnd(collected, field(value, "response"));
        return true;
      case "response.failed":
        return collected.fail(field(value, "response"));
      case "error":
        return collected.fail({ error: value });
      default:
        return false;
    }
  },
};

function takeItem(collected: Collector, index: number, item: unknown): void {
  if (field(item, "type") === "function_call")
    collected.toolCall(index, { id: field(item, "call_id"), name: field(item, "name") });
}

function takeEnd(collected: Collector, response: unknown): void {
  collected.model(field(response, "model"));
  collected.responseId(field(response, "id"));
  const usage = field(response, "usage");
  collected.usage({
    promptTokens: numberOf(field(usage, "input_tokens")),
    completionTokens: numberOf(field(usage, "output_tokens")),
    reasoningTokens: numberOf(field(field(usage, "output_tokens_details"), "reasoning_tokens")),
  });
  const output = field(response, "output");
  const called = Array.isArray(output) && output.some((item) => field(item, "type") === "function_call");
  const cut = field(response, "status") === "incomplete";
  collected.finishReason(cut ? "length" : called ? "tool_calls" : "stop");
}

function itemsOf({ role, content, toolCalls = [], toolCallId }: ChatMessage): readonly object[] {
  if (role === "tool")
    return [{ type: "function_call_output", call_id: toolCallId, output: textOf(content) }];
  const text = role === "assistant" ? "output_text" : "input_text";
  const parts = partsOf(content, {
    text: (given): object => ({ type: text, text: given }),
    image: (url): object => ({ type: "input_image", image_url: url }),
  });
  const calls = toolCalls.map((call) => ({
    type: "function_call",
    call_id: call["id"],
    name: field(call["function"], "name"),
    arguments: field(call["function"], "arguments"),
  }));
  return textOf(content) === "" && calls.length > 0 ? calls : [{ role, content: parts }, ...calls];
}

/** Its fields are not below `function` here. */
function flatTool(tool: Readonly<Record<string, unknown>>): object {
  const inner = tool["function"];
  return typeof inner === "object" && inner !== null ? { type: "function", ...inner } : tool;
}

function numberOf(value: unknown): number {
  return typeof value === "number" ? value : 0;
}
