// `/v1/chat/completions`, `/api/v0/chat/completions` and `/v1/completions`: one answer in three shapes.
import type { ServerResponse } from "node:http";
import { type Body, countOf, isBody, sendFrame, sendJson, sendSpliced, textOf } from "./exchange.ts";
import { promptOf } from "./prompt.ts";
import { badResponseFormat, required } from "./refusal.ts";
import type { Piece, Run } from "./run.ts";
import { speedOf } from "./stats.ts";
import type { AnswerContext, Surface } from "./surface.ts";

type Shape = "chat" | "chat-v0" | "completion";

export const chatSurface: Surface = surfaceOf("chat");
export const v0ChatSurface: Surface = surfaceOf("chat-v0");
export const completionSurface: Surface = surfaceOf("completion");

function surfaceOf(shape: Shape): Surface {
  return {
    read: (body) => ({
      model: textOf(body["model"]),
      prompt: shape === "completion" ? { text: textPrompt(body), images: 0 } : promptOf(body["messages"]),
      maxTokens: countOf(body["max_tokens"]) ?? countOf(body["max_completion_tokens"]) ?? Infinity,
      stream: body["stream"] === true,
      structured: structuredBy(body["response_format"]),
      wish: { ttlMs: ttlOf(body) },
    }),
    answer: (response, run, context) =>
      context.question.stream
        ? streamed(response, run, shape, context)
        : whole(response, run, shape, context),
    broken: (message, type) => [
      { event: "error", data: { error: { ...(type === undefined ? {} : { type }), message }, message } },
    ],
  };
}

/** In seconds, as `ttl`. */
export function ttlOf(body: Body): number | undefined {
  const ttl = countOf(body["ttl"]);
  return ttl === undefined ? undefined : ttl * 1_000;
}

async function whole(
  response: ServerResponse,
  run: Run,
  shape: Shape,
  context: AnswerContext,
): Promise<void> {
  const texts = { content: "", reasoning: "", silent: "" };
  const counted = { all: 0, reasoning: 0 };
  const speed = speedOf(context.clock);
  for await (const { channel, text } of run.pieces()) {
    speed.token();
    count(counted, channel);
    texts[channel] += text;
  }
  const { instance, model, finishReason } = run;
  const choice =
    shape === "completion"
      ? { index: 0, text: texts.content, logprobs: null, finish_reason: finishReason }
      : {
          index: 0,
          message: {
            role: "assistant",
            content: texts.content,
            [instance.model.reasoningField]: texts.reasoning,
            tool_calls: run.toolCalls.map(toolCall),
          },
          logprobs: null,
          finish_reason: finishReason,
        };
  const { tokensPerSecond, firstTokenSeconds, generationSeconds } = speed.read();
  const v0 = {
    stats: {
      tokens_per_second: tokensPerSecond,
      time_to_first_token: firstTokenSeconds,
      generation_time: generationSeconds,
      stop_reason: stopReasons[finishReason],
      ...draftOf(context.body, counted.all),
    },
    model_info: {
      arch: "simulated",
      quant: "Q4_K_M",
      format: "gguf",
      context_length: instance.contextLength,
    },
    runtime: { name: "llama.cpp-simulated", version: "1.0.0", supported_formats: ["gguf"] },
  };
  sendJson(response, 200, {
    id: idOf(run, shape),
    object: shape === "completion" ? "text_completion" : "chat.completion",
    created: context.created,
    model,
    choices: [choice],
    usage: usage(run, counted),
    ...(shape === "chat-v0" ? v0 : { stats: {} }),
    system_fingerprint: model,
  });
}

/** Speculative decoding: four of five drafted tokens are taken. */
function draftOf(body: Body, tokens: number): object {
  const draft = textOf(body["draft_model"]);
  if (draft === undefined) return {};
  const accepted = Math.floor(tokens * 0.8);
  return {
    draft_model: draft,
    total_draft_tokens_count: tokens,
    accepted_draft_tokens_count: accepted,
    rejected_draft_tokens_count: tokens - accepted,
    ignored_draft_tokens_count: 0,
  };
}

async function streamed(
  response: ServerResponse,
  run: Run,
  shape: Shape,
  { body, created }: AnswerContext,
): Promise<void> {
  const counted = { all: 0, reasoning: 0 };
  const frame = (choice: object, finishReason: string | null): object => ({
    ...head(),
    choices: [{ index: 0, ...choice, logprobs: null, finish_reason: finishReason }],
  });
  let begun = false;
  let held: unknown;
  for await (const piece of run.pieces()) {
    count(counted, piece.channel);
    if (piece.channel === "silent") continue;
    const data = frame(choiceOf(piece, run, shape, !begun), null);
    begun = true;
    // The second frame starts in the middle of the first one's line.
    if (run.fault === "corrupt-frame" && held === undefined) held = data;
    else if (run.fault === "corrupt-frame" && counted.all === 2) sendSpliced(response, held, data);
    else sendFrame(response, { data });
  }
  for (const [index, call] of run.toolCalls.entries())
    for (const delta of toolDeltas(call, index)) {
      sendFrame(response, { data: frame({ delta: withRole(delta, !begun) }, null) });
      begun = true;
    }
  if (!run.mute) {
    const last = shape === "completion" ? { text: "" } : { delta: withRole({}, !begun) };
    sendFrame(response, { data: frame(last, run.finishReason) });
    if (includesUsage(body))
      sendFrame(response, { data: { ...head(), choices: [], usage: usage(run, counted) } });
  }
  sendFrame(response, { data: "[DONE]" });
  response.end();

  function head(): object {
    const object = shape === "completion" ? "text_completion" : "chat.completion.chunk";
    return { id: idOf(run, shape), object, created, model: run.model, system_fingerprint: run.model };
  }
}

function choiceOf({ channel, text }: Piece, run: Run, shape: Shape, first: boolean): object {
  if (shape === "completion") return { text: channel === "content" ? text : "" };
  const field = channel === "reasoning" ? run.instance.model.reasoningField : "content";
  return { delta: withRole({ [field]: text }, first) };
}

/** The first frame of a chat says who speaks. */
function withRole(delta: object, first: boolean): object {
  return first ? { role: "assistant", ...delta } : delta;
}

function idOf({ id }: Run, shape: Shape): string {
  return `${shape === "completion" ? "cmpl" : "chatcmpl"}-${id}`;
}

function toolCall({ id, name, arguments: text }: Run["toolCalls"][number]): object {
  return { type: "function", id, function: { name, arguments: text } };
}

/** The name first, then the arguments in pieces. */
function toolDeltas(
  { id, name, arguments: text }: Run["toolCalls"][number],
  index: number,
): readonly object[] {
  const middle = Math.ceil(text.length / 2);
  return [
    { tool_calls: [{ index, id, type: "function", function: { name, arguments: "" } }] },
    { tool_calls: [{ index, function: { arguments: text.slice(0, middle) } }] },
    { tool_calls: [{ index, function: { arguments: text.slice(middle) } }] },
  ];
}

function count(counted: { all: number; reasoning: number }, channel: Piece["channel"]): void {
  counted.all += 1;
  if (channel === "reasoning") counted.reasoning += 1;
}

function usage(run: Run, { all, reasoning }: { all: number; reasoning: number }): object {
  return {
    prompt_tokens: run.promptTokens,
    completion_tokens: all,
    total_tokens: run.promptTokens + all,
    completion_tokens_details: { reasoning_tokens: reasoning },
  };
}

const stopReasons = {
  stop: "eosFound",
  length: "maxPredictedTokensReached",
  tool_calls: "toolCalls",
} as const;

function includesUsage(body: Body): boolean {
  const options = body["stream_options"];
  return isBody(options) && options["include_usage"] === true;
}

function structuredBy(format: unknown): boolean {
  if (!isBody(format) || !("type" in format)) return false;
  const { type } = format;
  if (type !== "json_schema" && type !== "text") throw badResponseFormat();
  return type === "json_schema";
}

function textPrompt(body: Body): string {
  const prompt = textOf(body["prompt"]);
  if (prompt === undefined) throw required("prompt");
  return prompt;
}
