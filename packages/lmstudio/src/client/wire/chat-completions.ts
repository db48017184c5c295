// `/v1/chat/completions` and `/v1/completions`: what LM Studio, OpenAI and everything compatible with it have in common.
import { field } from "../classify.ts";
import type { ChatRequest } from "../requests.ts";
import { samplingOf } from "./sampling.ts";
import type { Collector, Wire } from "./wire.ts";

export const chatCompletions: Wire = {
  path: "/v1/chat/completions",
  body(request) {
    const { messages, tools, jsonSchema, reasoning } = request;
    return {
      ...samplingOf(request, "max_tokens"),
      ...streaming,
      messages: messages.map(({ toolCalls, toolCallId, ...message }) => ({
        ...message,
        ...(toolCalls === undefined ? {} : { tool_calls: toolCalls }),
        ...(toolCallId === undefined ? {} : { tool_call_id: toolCallId }),
      })),
      ...(tools === undefined ? {} : { tools }),
      ...(reasoning === undefined ? {} : { reasoning_effort: reasoning }),
      // `json_object` is refused by LM Studio.
      ...(jsonSchema === undefined
        ? {}
        : { response_format: { type: "json_schema", json_schema: { strict: true, ...jsonSchema } } }),
    };
  },
  take,
};

/** The prompt is the content of the only message. */
export const completions: Wire = {
  path: "/v1/completions",
  body: (request: ChatRequest) => ({
    ...samplingOf(request, "max_tokens"),
    ...streaming,
    prompt: request.messages[0]?.content,
  }),
  take,
};

const streaming = { stream: true, stream_options: { include_usage: true } } as const;

function take(collected: Collector, _event: string, value: unknown): boolean {
  const usage = field(value, "usage");
  if (typeof usage === "object" && usage !== null)
    collected.usage({
      promptTokens: numberOf(field(usage, "prompt_tokens")),
      completionTokens: numberOf(field(usage, "completion_tokens")),
      reasoningTokens: numberOf(field(field(usage, "completion_tokens_details"), "reasoning_tokens")),
    });
  collected.model(field(value, "model"));
  const choices = field(value, "choices");
  const choice: unknown = Array.isArray(choices) ? choices[0] : undefined;
  collected.finishReason(field(choice, "finish_reason"));
  const delta = field(choice, "delta");
  collected.text(field(delta, "content") ?? field(choice, "text"));
  // gpt-oss has it in `reasoning`, all others in `reasoning_content`.
  collected.reasoning(field(delta, "reasoning_content") ?? field(delta, "reasoning"));
  const calls = field(delta, "tool_calls");
  for (const call of Array.isArray(calls) ? (calls as readonly unknown[]) : []) {
    const index = field(call, "index");
    const [name, text] = ["name", "arguments"].map((key) => field(field(call, "function"), key));
    collected.toolCall(typeof index === "number" ? index : 0, {
      id: field(call, "id"),
      name,
      arguments: text,
    });
  }
  return false;
}

function numberOf(value: unknown): number {
  return typeof value === "number" ? value : 0;
}
