// What can be asked.
import type { WireName } from "./parts.ts";

export interface ChatMessage {
  readonly role: "system" | "user" | "assistant" | "tool";
  /** A text, or parts (`text`, `image_url`) as OpenAI's chat has them, on every endpoint. */
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
  /** Any other field of the request, as it is (`top_p`, `seed`, `ttl`, `draft_model`, `integrations`, `tool_choice`). */
  readonly extra?: Readonly<Record<string, unknown>>;
}

export interface ChatRequest extends SamplingOptions {
  readonly messages: readonly ChatMessage[];
  /** As OpenAI's chat has them, on every endpoint. */
  readonly tools?: readonly Readonly<Record<string, unknown>>[];
  /** The answer follows this JSON schema, and is read. */
  readonly jsonSchema?: { readonly name: string; readonly schema: Readonly<Record<string, unknown>> };
  /** How much to think: `off`, `on`, `low`, `medium`, `high`, as far as the model knows them. */
  readonly reasoning?: string;
  /**
   * The endpoint: `/v1/chat/completions`, `/v1/responses`, `/v1/messages` or `/api/v1/chat` (`native`, one turn only, with progress
   * of load and prompt). @defaultValue `messages` for Anthropic, else `chat-completions`
   */
  readonly api?: Exclude<WireName, "completions">;
  /** Goes on with an answer that the host has kept; `responses` and `native`. */
  readonly previousResponseId?: string;
  /** Whether the host keeps the answer; `responses` and `native`. @defaultValue false for `native` */
  readonly store?: boolean;
  /** Of a model that this request loads, in tokens; `native`. */
  readonly contextLength?: number;
}

export interface CompletionRequest extends SamplingOptions {
  readonly prompt: string;
}

/** In characters; a longer one tells no more conversations apart that matter. */
const longestPrefix = 2_000;

/** In characters, pictures not counted. */
export function promptLengthOf({ messages }: ChatRequest): number {
  return messages.reduce((sum, { content }) => sum + lengthOf(content), 0);
}

/** Its beginning, the same for all calls of a conversation. */
export function prefixOf({ messages }: ChatRequest): string {
  return JSON.stringify(messages.slice(0, 2)).slice(0, longestPrefix);
}

/** The prompt as the only message. */
export function asChat({ prompt, ...rest }: CompletionRequest): ChatRequest {
  return { ...rest, messages: [{ role: "user", content: prompt }] };
}

function lengthOf(content: ChatMessage["content"]): number {
  if (typeof content === "string") return content.length;
  return content.reduce((sum, { text }) => sum + (typeof text === "string" ? text.length : 0), 0);
}
