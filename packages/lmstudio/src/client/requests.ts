// What can be asked, and the bodies that go on the wire.
import type { Generation } from "./generate.ts";

export interface ChatMessage {
  readonly role: "system" | "user" | "assistant" | "tool";
  /** A text, or parts (`text`, `image_url`) as OpenAI has them. */
  readonly content: string | readonly Readonly<Record<string, unknown>>[];
  /** Of an assistant's message, as OpenAI has them. */
  readonly toolCalls?: readonly Readonly<Record<string, unknown>>[];
  /** Of a tool's message: the call that it answers. */
  readonly toolCallId?: string;
}

interface SamplingOptions {
  readonly model: string;
  readonly temperature?: number;
  /** Of the answer, thinking included. */
  readonly maxTokens?: number;
  /** Any other field of the request, as it is (`top_p`, `seed`, `ttl`, `reasoning_effort`, `tool_choice`). */
  readonly extra?: Readonly<Record<string, unknown>>;
}

export interface ChatRequest extends SamplingOptions {
  readonly messages: readonly ChatMessage[];
  /** As OpenAI has them. */
  readonly tools?: readonly Readonly<Record<string, unknown>>[];
  /** The answer follows this JSON schema. */
  readonly jsonSchema?: { readonly name: string; readonly schema: Readonly<Record<string, unknown>> };
}

export interface CompletionRequest extends SamplingOptions {
  readonly prompt: string;
}

/** In characters; a longer one tells no more conversations apart that matter. */
const longestPrefix = 2_000;

export function chatGeneration(request: ChatRequest): Generation {
  const { messages, tools, jsonSchema } = request;
  return {
    path: "/v1/chat/completions",
    model: request.model,
    promptLength: messages.reduce((sum, { content }) => sum + lengthOf(content), 0),
    prefix: JSON.stringify(messages.slice(0, 2)).slice(0, longestPrefix),
    structured: jsonSchema !== undefined,
    body: {
      ...sampling(request),
      messages: messages.map(({ toolCalls, toolCallId, ...message }) => ({
        ...message,
        ...(toolCalls === undefined ? {} : { tool_calls: toolCalls }),
        ...(toolCallId === undefined ? {} : { tool_call_id: toolCallId }),
      })),
      ...(tools === undefined ? {} : { tools }),
      // `json_object` is refused by LM Studio.
      ...(jsonSchema === undefined
        ? {}
        : { response_format: { type: "json_schema", json_schema: { strict: true, ...jsonSchema } } }),
    },
  };
}

export function completionGeneration(request: CompletionRequest): Generation {
  const { model, prompt } = request;
  return {
    path: "/v1/completions",
    model,
    promptLength: prompt.length,
    prefix: prompt.slice(0, longestPrefix),
    structured: false,
    body: { ...sampling(request), prompt },
  };
}

function sampling({ model, temperature, maxTokens, extra }: SamplingOptions): Record<string, unknown> {
  return {
    ...extra,
    model,
    ...(temperature === undefined ? {} : { temperature }),
    ...(maxTokens === undefined ? {} : { max_tokens: maxTokens }),
  };
}

function lengthOf(content: ChatMessage["content"]): number {
  if (typeof content === "string") return content.length;
  return content.reduce((sum, { text }) => sum + (typeof text === "string" ? text.length : 0), 0);
}
