// `/v1/chat/completions`, `/api/v0/chat/completions` and `/v1/completions`: one answer in three shapes.
import type { ServerResponse } from "node:http";
import type { Clock } from "@fairlead/core";
import { openEventStream, sendJson } from "./exchange.ts";
import { Refusal } from "./refusal.ts";
import type { Piece, Run } from "./run.ts";

export type Shape = "chat" | "chat-v0" | "completion";

export interface Reply {
  readonly shape: Shape;
  readonly stream: boolean;
  readonly includeUsage: boolean;
  readonly created: number;
}

/** Runs it and writes the answer. @throws GenerationEnded, BrokenConnection, or the signal's reason. */
export async function writeAnswer(
  response: ServerResponse,
  run: Run,
  reply: Reply,
  clock: Clock,
): Promise<void> {
  const startedAt = clock.now();
  await (reply.stream ? streamed(response, run, reply) : whole(response, run, reply, startedAt, clock));
}

async function whole(
  response: ServerResponse,
  run: Run,
  reply: Reply,
  startedAt: number,
  clock: Clock,
): Promise<void> {
  const texts = { content: "", reasoning: "", silent: "" };
  const counted = { all: 0, reasoning: 0 };
  let firstAt = startedAt;
  for await (const { channel, text } of run.pieces()) {
    if (counted.all === 0) firstAt = clock.now();
    count(counted, channel);
    texts[channel] += text;
  }
  const { instance, model, finishReason } = run;
  const choice =
    reply.shape === "completion"
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
  const seconds = (clock.now() - firstAt) / 1_000;
  const v0 = {
    stats: {
      tokens_per_second: seconds > 0 ? counted.all / seconds : 0,
      time_to_first_token: (firstAt - startedAt) / 1_000,
      generation_time: seconds,
      stop_reason: stopReasons[finishReason],
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
    id: run.id,
    object: reply.shape === "completion" ? "text_completion" : "chat.completion",
    created: reply.created,
    model,
    choices: [choice],
    usage: usage(run, counted),
    ...(reply.shape === "chat-v0" ? v0 : { stats: {} }),
    system_fingerprint: model,
  });
}

async function streamed(response: ServerResponse, run: Run, reply: Reply): Promise<void> {
  const stream = openEventStream(response);
  const counted = { all: 0, reasoning: 0 };
  let begun = false;
  let held: unknown;
  for await (const piece of run.pieces()) {
    count(counted, piece.channel);
    if (piece.channel === "silent") continue;
    const frame = chunk(run, reply, choiceOf(piece, run, reply, !begun), null);
    begun = true;
    // The second frame starts in the middle of the first one's line.
    if (run.fault === "corrupt-frame" && held === undefined) held = frame;
    else if (run.fault === "corrupt-frame" && counted.all === 2) stream.spliced(held, frame);
    else stream.data(frame);
  }
  for (const [index, call] of run.toolCalls.entries())
    for (const delta of toolDeltas(call, index)) {
      stream.data(chunk(run, reply, { delta: withRole(delta, !begun) }, null));
      begun = true;
    }
  if (run.mute) {
    stream.end();
    return;
  }
  const last = reply.shape === "completion" ? { text: "" } : { delta: withRole({}, !begun) };
  stream.data(chunk(run, reply, last, run.finishReason));
  if (reply.includeUsage) stream.data({ ...frameOf(run, reply), choices: [], usage: usage(run, counted) });
  stream.end();
}

function choiceOf({ channel, text }: Piece, run: Run, reply: Reply, first: boolean): object {
  if (reply.shape === "completion") return { text: channel === "content" ? text : "" };
  const field = channel === "reasoning" ? run.instance.model.reasoningField : "content";
  return { delta: withRole({ [field]: text }, first) };
}

/** The first frame of a chat says who speaks. */
function withRole(delta: object, first: boolean): object {
  return first ? { role: "assistant", ...delta } : delta;
}

function chunk(run: Run, reply: Reply, choice: object, finishReason: string | null): object {
  return {
    ...frameOf(run, reply),
    choices: [{ index: 0, ...choice, logprobs: null, finish_reason: finishReason }],
  };
}

function frameOf({ id, model }: Run, { shape, created }: Reply): object {
  const object = shape === "completion" ? "text_completion" : "chat.completion.chunk";
  return { id, object, created, model, system_fingerprint: model };
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

/** The text of a chat as the model reads it. @throws {@link Refusal} when there is none. */
export function promptOf(messages: unknown): string {
  if (!Array.isArray(messages)) throw new Refusal(400, { error: "'messages' field is required" });
  return messages.map((message: unknown) => textOf(message)).join("\n");
}

function textOf(message: unknown): string {
  if (typeof message !== "object" || message === null || !("role" in message))
    throw new Refusal(400, { error: "Cannot read properties of null (reading 'role')" });
  const content: unknown = "content" in message ? message.content : "";
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content
    .map((part: unknown) =>
      typeof part === "object" && part !== null && "text" in part && typeof part.text === "string"
        ? part.text
        : "",
    )
    .join("");
}
