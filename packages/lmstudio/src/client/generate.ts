// One attempt at an answer: look whether the prompt fits, send, read the stream, and take no empty success for an answer.
import type { Clock } from "@fairlead/core";
import { type Collected, collect, isJson } from "./answer.ts";
import { isSameModel } from "./backend.ts";
import type { Attempt } from "./caller.ts";
import { errorOfBody, parsed } from "./classify.ts";
import {
  ContextOverflowError,
  type EmptyReason,
  EmptyResponseError,
  type ErrorFacts,
  LmStudioError,
} from "./errors.ts";
import type { Host } from "./host.ts";
import type { AnswerDelta, HostProgress, OnPart, ToolCall, Usage, WireName } from "./parts.ts";
import { type ChatRequest, promptLengthOf } from "./requests.ts";
import { wires, wiresOf } from "./wire/index.ts";

/** `history-cut`: the host counted far fewer tokens than were sent. `damaged-frame`: a part of the stream could not be read. */
export type AnswerWarning = "history-cut" | "damaged-frame";

/** Where the time of an answer went, in milliseconds. */
export interface AnswerTimings {
  /** In the own queue: for a swap, a slot, the rate limit. */
  readonly queueMs: number;
  /** Until the host has loaded the model; `undefined` when it was loaded, or where nobody says. */
  readonly loadMs: number | undefined;
  /** From sending to the first part; load and prompt included. */
  readonly firstPartMs: number;
  /** From sending to the end. */
  readonly durationMs: number;
}

export interface Answer {
  readonly text: string;
  /** The text as JSON, where a schema was given. */
  readonly json?: unknown;
  /** What the model thought; empty where it does not. */
  readonly reasoning: string;
  readonly toolCalls: readonly ToolCall[];
  /** `stop`, `length`, `tool_calls`, or what else the host says. */
  readonly finishReason: string;
  /** The instance that answered. */
  readonly model: string;
  /** Name of the host. */
  readonly host: string;
  /** `undefined` where the host counts nothing. */
  readonly usage: Usage | undefined;
  /** For `previousResponseId`, where the host keeps the answer. */
  readonly responseId?: string;
  readonly timings: AnswerTimings;
  readonly attempts: number;
  readonly warnings: readonly AnswerWarning[];
}

/** A part of a streamed answer, or what the host is doing until it comes; the last event has the answer whole. */
export type AnswerEvent = AnswerDelta | HostProgress | { readonly type: "end"; readonly answer: Answer };

/** @throws LmStudioError for anything but a text or a tool call. */
export async function generate(
  request: ChatRequest,
  wireName: WireName | undefined,
  attempt: Attempt,
  clock: Clock,
  onPart: OnPart,
): Promise<Answer> {
  const { host, signal } = attempt;
  const { model, jsonSchema } = request;
  const name = wireName ?? wiresOf[host.api][0] ?? "chat-completions";
  const wire = wires[name];
  const facts: ErrorFacts = { host: host.name, model };
  const promptLength = promptLengthOf(request);
  checkRoom(model, promptLength, host, facts);
  const sentAt = clock.now();
  let loadedAt: number | undefined;
  let firstAt: number | undefined;
  // Always a stream inside: it shows that the host lives, and ends the generation when it is left.
  const sent = await host.transport.send(
    { method: "POST", path: wire.path, body: wire.body(request) },
    signal,
  );
  if (sent.status !== 200 || !sent.contentType.includes("event-stream"))
    throw errorOfBody(sent.status, await sent.text(), { ...facts, retryAfterMs: sent.retryAfterMs });
  if (name !== "native") attempt.answered();
  const isModel = (answered: string): boolean => isSameModel(host, answered, model);
  const collected = await collect(sent.pieces(), wire, isModel, facts, (part) => {
    if (part.type === "progress") {
      if (part.stage === "loading" && part.share === 1) loadedAt = clock.now();
    } else {
      firstAt ??= clock.now();
      attempt.generated();
    }
    // Its stream begins before the load does.
    if (part.type !== "progress" || part.stage === "reading") attempt.answered();
    onPart(part);
  });
  if (attempt.loads && loadedAt === undefined) loadedAt = firstAt;

  const structured = jsonSchema !== undefined;
  const { text, toolCalls } = structured ? textOfStructured(collected, jsonSchema.name) : collected;
  if (text === "" && toolCalls.length === 0)
    throw new EmptyResponseError(reasonOf(collected, model, promptLength, host), collected.reasoning, facts);
  const json = structured && toolCalls.length === 0 ? parsed(text) : undefined;
  if (structured && toolCalls.length === 0 && json === undefined)
    throw new LmStudioError(
      "INVALID_JSON",
      `The answer to the schema ${jsonSchema.name} is not JSON (finish reason ${collected.finishReason ?? "unknown"}): ${text.slice(0, 200)}`,
      facts,
    );
  const warnings: AnswerWarning[] = [];
  if (collected.usage !== undefined && isCut(promptLength, collected.usage.promptTokens))
    warnings.push("history-cut");
  if (collected.damagedFrames > 0) warnings.push("damaged-frame");
  const now = clock.now();
  return {
    text,
    ...(structured ? { json } : {}),
    reasoning: collected.reasoning,
    toolCalls,
    finishReason: collected.finishReason ?? "stop",
    model: collected.model ?? model,
    host: host.name,
    usage: collected.usage,
    ...(collected.responseId === undefined ? {} : { responseId: collected.responseId }),
    timings: {
      queueMs: attempt.queueMs,
      loadMs: loadedAt === undefined ? undefined : loadedAt - sentAt,
      firstPartMs: (firstAt ?? now) - sentAt,
      durationMs: now - sentAt,
    },
    attempts: attempt.number,
    warnings,
  };
}

/** A thinking model's answer comes in the field for reasoning, Anthropic's as the arguments of a tool. */
function textOfStructured(
  { text, reasoning, toolCalls }: Collected,
  tool: string,
): { readonly text: string; readonly toolCalls: readonly ToolCall[] } {
  const call = toolCalls.find(({ name }) => name === tool);
  if (call !== undefined) return { text: call.arguments, toolCalls: [] };
  return { text: text === "" && isJson(reasoning) ? reasoning : text, toolCalls };
}

/** Prompts of fewer characters fit into any context that is in use. */
const alwaysFits = 6_000;
/** No usual text has more characters in a token on average, so this many characters are at least one. */
const mostCharactersPerToken = 6;
const usualCharactersPerToken = 4;

function checkRoom(model: string, promptLength: number, host: Host, facts: ErrorFacts): void {
  if (promptLength < alwaysFits) return;
  const atLeast = Math.floor(promptLength / mostCharactersPerToken);
  const contextLength = contextLengthOf(model, host);
  if (contextLength === undefined || atLeast <= contextLength) return;
  const message = `The prompt has at least ${atLeast} tokens, the model is loaded with room for ${contextLength}`;
  throw new ContextOverflowError(message, atLeast, contextLength, facts);
}

/** Of the loaded instance, not what the model could have; `undefined` when it is not loaded. */
function contextLengthOf(model: string, { residency }: Host): number | undefined {
  return residency.find(model)?.instances[0]?.contextLength;
}

function reasonOf(
  { reasoning, finishReason, usage }: Collected,
  model: string,
  promptLength: number,
  host: Host,
): EmptyReason {
  if (finishReason === "length") return "length";
  if (reasoning !== "") return "reasoning-only";
  if (usage !== undefined && usage.completionTokens > 0) return "wedged";
  const contextLength = contextLengthOf(model, host);
  const overflows = contextLength !== undefined && promptLength / usualCharactersPerToken >= contextLength;
  return overflows ? "overflow" : "no-output";
}

/** Well under what the text must have: the host has left out the middle of the conversation. */
function isCut(promptLength: number, promptTokens: number): boolean {
  const expected = promptLength / usualCharactersPerToken;
  return promptTokens > 0 && expected > 256 && promptTokens < expected / 1.9;
}
