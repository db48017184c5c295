// What an answer is put together from: the events of a stream, whatever the endpoint.
import { errorOfEvent, field, parsed } from "./classify.ts";
import { type ErrorFacts, LmStudioError, ModelSubstitutedError } from "./errors.ts";
import type { OnPart, ToolCall, Usage } from "./parts.ts";
import { parseFrame, readEvents } from "./sse.ts";
import type { Collector, Wire } from "./wire/wire.ts";

export interface Collected {
  text: string;
  reasoning: string;
  toolCalls: ToolCall[];
  finishReason: string | undefined;
  model: string | undefined;
  usage: Usage | undefined;
  responseId: string | undefined;
  /** Frames that could not be read. */
  damagedFrames: number;
}

/** Calls in one answer, and so the parts that a damaged index can make. */
const maxToolCalls = 1_000;

/**
 * Reads a stream to its end.
 *
 * @param isModel - whether a name is that of the model that was asked for.
 * @throws {@link LmStudioError} for an error in the stream, another model than asked for, or a stream that just stops.
 */
export async function collect(
  pieces: AsyncIterable<string>,
  wire: Wire,
  isModel: (name: string) => boolean,
  facts: ErrorFacts,
  onPart: OnPart,
): Promise<Collected> {
  const collected: Collected = {
    text: "",
    reasoning: "",
    toolCalls: [],
    finishReason: undefined,
    model: undefined,
    usage: undefined,
    responseId: undefined,
    damagedFrames: 0,
  };
  const calls = new Map<number, { id: string; name: string; arguments: string }>();
  const collector = createCollector();
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
    const error = field(value, "error");
    if (error !== undefined && error !== null) throw errorOfEvent(JSON.stringify(value), facts);
    if (wire.take(collector, event, value)) ended = true;
  }
  if (!ended && collected.finishReason === undefined)
    throw new LmStudioError("CONNECTION_FAILED", "The stream stopped before its end", facts);
  collected.toolCalls = [...calls.values()];
  return collected;

  function createCollector(): Collector {
    return {
      text: (text) => take("text", text),
      reasoning: (text) => take("reasoning", text),
      toolCall(index, part) {
        if (!(index >= 0 && index < maxToolCalls)) return;
        const call = calls.get(index) ?? { id: "", name: "", arguments: "" };
        calls.set(index, call);
        if (typeof part.id === "string") call.id = part.id;
        if (typeof part.name === "string") call.name += part.name;
        const text = typeof part.arguments === "string" ? part.arguments : "";
        call.arguments += text;
        onPart({ type: "tool-call", text });
      },
      finishReason(reason) {
        if (typeof reason === "string") collected.finishReason = reason;
      },
      model(name) {
        if (typeof name !== "string" || name === "") return;
        if (!isModel(name)) throw new ModelSubstitutedError(name, facts);
        collected.model = name;
      },
      usage(usage) {
        const none = { promptTokens: 0, completionTokens: 0, reasoningTokens: 0 };
        collected.usage = { ...none, ...collected.usage, ...usage };
      },
      responseId(id) {
        if (typeof id === "string") collected.responseId = id;
      },
      progress: (stage, share) =>
        onPart({ type: "progress", stage, share: typeof share === "number" ? share : undefined }),
      fail(value) {
        throw errorOfEvent(JSON.stringify(value), facts);
      },
    };
  }

  function take(type: "text" | "reasoning", text: unknown): void {
    if (typeof text !== "string" || text === "") return;
    collected[type] += text;
    onPart({ type, text });
  }
}

/** Whether a text is JSON, and so the answer to a schema that ended up in the wrong field. */
export function isJson(text: string): boolean {
  return parsed(text) !== undefined;
}
