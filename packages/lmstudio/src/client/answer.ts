// What an answer is put together from: the frames of a stream, chat or plain completion.
import { errorOfEvent, field, parsed } from "./classify.ts";
import { type ErrorFacts, LmStudioError, ModelSubstitutedError } from "./errors.ts";
import { sameModel } from "./models.ts";
import { parseFrame, readEvents } from "./sse.ts";

export interface ToolCall {
  readonly id: string;
  readonly name: string;
  /** JSON, as the model wrote it. */
  readonly arguments: string;
}

export interface Usage {
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly reasoningTokens: number;
}

/** A part of an answer. */
export interface AnswerDelta {
  readonly type: "text" | "reasoning" | "tool-call";
  /** For a tool call, a part of its arguments. */
  readonly text: string;
}

export interface Collected {
  text: string;
  reasoning: string;
  readonly toolCalls: { id: string; name: string; arguments: string }[];
  finishReason: string | undefined;
  model: string | undefined;
  usage: Usage | undefined;
  /** Frames that could not be read. */
  damagedFrames: number;
}

/**
 * Reads a stream to its end.
 *
 * @throws {@link LmStudioError} for an error in the stream, another model than asked for, or a stream that just stops.
 */
export async function collect(
  pieces: AsyncIterable<string>,
  model: string,
  facts: ErrorFacts,
  onDelta: (delta: AnswerDelta) => void,
): Promise<Collected> {
  const collected: Collected = {
    text: "",
    reasoning: "",
    toolCalls: [],
    finishReason: undefined,
    model: undefined,
    usage: undefined,
    damagedFrames: 0,
  };
  let ended = false;
  for await (const { event, data } of readEvents(pieces)) {
    if (event === "error") throw errorOfEvent(data, facts);
    if (data === "[DONE]") {
      ended = true;
      continue;
    }
    const { value, damaged } = parseFrame(data);
    if (damaged) collected.damagedFrames += 1;
    if (value === undefined) continue;
    if (field(value, "error") !== undefined) throw errorOfEvent(JSON.stringify(value), facts);
    checkModel(value);
    takeFrame(collected, value, onDelta);
  }
  if (!ended && collected.finishReason === undefined)
    throw new LmStudioError("CONNECTION_FAILED", "The stream stopped before its end", facts);
  return collected;

  function checkModel(value: unknown): void {
    const answeredBy = field(value, "model");
    if (typeof answeredBy !== "string" || answeredBy === "") return;
    if (!sameModel(answeredBy, model)) throw new ModelSubstitutedError(answeredBy, facts);
    collected.model = answeredBy;
  }
}

function takeFrame(collected: Collected, value: unknown, onDelta: (delta: AnswerDelta) => void): void {
  const usage = field(value, "usage");
  if (typeof usage === "object" && usage !== null) collected.usage = usageOf(usage);
  const choices = field(value, "choices");
  const choice: unknown = Array.isArray(choices) ? choices[0] : undefined;
  const finishReason = field(choice, "finish_reason");
  if (typeof finishReason === "string") collected.finishReason = finishReason;
  const delta = field(choice, "delta");
  take("text", field(delta, "content") ?? field(choice, "text"));
  // gpt-oss has it in `reasoning`, all others in `reasoning_content`.
  take("reasoning", field(delta, "reasoning_content") ?? field(delta, "reasoning"));
  const calls = field(delta, "tool_calls");
  if (Array.isArray(calls)) for (const call of calls as readonly unknown[]) takeToolCall(call);

  function take(type: "text" | "reasoning", text: unknown): void {
    if (typeof text !== "string" || text === "") return;
    collected[type] += text;
    onDelta({ type, text });
  }

  function takeToolCall(call: unknown): void {
    const given = field(call, "index");
    const index = typeof given === "number" && given >= 0 && given < 1_000 ? given : 0;
    while (collected.toolCalls.length <= index) collected.toolCalls.push({ id: "", name: "", arguments: "" });
    const target = collected.toolCalls[index];
    if (target === undefined) return;
    const [id, name, text] = [
      field(call, "id"),
      field(field(call, "function"), "name"),
      field(field(call, "function"), "arguments"),
    ];
    if (typeof id === "string") target.id = id;
    if (typeof name === "string") target.name += name;
    if (typeof text === "string") target.arguments += text;
    onDelta({ type: "tool-call", text: typeof text === "string" ? text : "" });
  }
}

function usageOf(usage: object): Usage {
  const count = (value: unknown): number => (typeof value === "number" ? value : 0);
  return {
    promptTokens: count(field(usage, "prompt_tokens")),
    completionTokens: count(field(usage, "completion_tokens")),
    reasoningTokens: count(field(field(usage, "completion_tokens_details"), "reasoning_tokens")),
  };
}

/** Whether a text is JSON, and so the answer to a schema that ended up in the wrong field. */
export function isJson(text: string): boolean {
  return parsed(text) !== undefined;
}
