// One attempt at an answer: look whether the prompt fits, send, read the stream, and take no empty success for an answer.
import { type AnswerDelta, type Collected, collect, isJson, type ToolCall, type Usage } from "./answer.ts";
import type { Attempt } from "./caller.ts";
import { errorOfBody } from "./classify.ts";
import { ContextOverflowError, type EmptyReason, EmptyResponseError, type ErrorFacts } from "./errors.ts";
import type { Host } from "./host.ts";
import { listModels, sameModel } from "./models.ts";

/** `history-cut`: the host counted far fewer tokens than were sent. `damaged-frame`: a part of the stream could not be read. */
export type AnswerWarning = "history-cut" | "damaged-frame";

export interface Answer {
  readonly text: string;
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
  readonly attempts: number;
  readonly warnings: readonly AnswerWarning[];
}

export interface Generation {
  readonly path: "/v1/chat/completions" | "/v1/completions";
  readonly body: Readonly<Record<string, unknown>>;
  readonly model: string;
  /** Characters of the prompt. */
  readonly promptLength: number;
  /** Its beginning, the same for all calls of a conversation. */
  readonly prefix: string;
  /** The answer must be JSON. */
  readonly structured: boolean;
}

/** @throws LmStudioError for anything but a text or a tool call. */
export async function generate(
  generation: Generation,
  attempt: Attempt,
  onDelta: (delta: AnswerDelta) => void,
): Promise<Answer> {
  const { path, model, promptLength, structured } = generation;
  const { host, signal } = attempt;
  const facts: ErrorFacts = { host: host.name, model };
  await checkRoom(generation, host, signal, facts);
  // Always a stream inside: it shows that the host lives, and ends the generation when it is left.
  const body = { ...generation.body, stream: true, stream_options: { include_usage: true } };
  const answer = await host.transport.send({ method: "POST", path, body }, signal);
  if (answer.status !== 200 || !answer.contentType.includes("event-stream"))
    throw errorOfBody(answer.status, await answer.text(), { ...facts, retryAfterMs: answer.retryAfterMs });
  const collected = await collect(answer.pieces(), model, facts, (delta) => {
    attempt.generated();
    onDelta(delta);
  });

  let { text } = collected;
  // A thinking model's answer to a schema comes in the field for reasoning.
  if (text === "" && structured && isJson(collected.reasoning)) text = collected.reasoning;
  if (text === "" && collected.toolCalls.length === 0) {
    const reason = await reasonOf(collected, generation, host, signal);
    throw new EmptyResponseError(reason, collected.reasoning, facts);
  }
  const warnings: AnswerWarning[] = [];
  if (collected.usage !== undefined && isCut(promptLength, collected.usage.promptTokens))
    warnings.push("history-cut");
  if (collected.damagedFrames > 0) warnings.push("damaged-frame");
  return {
    text,
    reasoning: collected.reasoning,
    toolCalls: collected.toolCalls,
    finishReason: collected.finishReason ?? "stop",
    model: collected.model ?? model,
    host: host.name,
    usage: collected.usage,
    attempts: attempt.number,
    warnings,
  };
}

/** Prompts of fewer characters fit into any context that is in use. */
const alwaysFits = 6_000;
/** No usual text has more characters in a token on average, so this many characters are at least one. */
const mostCharactersPerToken = 6;
const usualCharactersPerToken = 4;

async function checkRoom(
  { model, promptLength }: Generation,
  host: Host,
  signal: AbortSignal,
  facts: ErrorFacts,
): Promise<void> {
  if (promptLength < alwaysFits) return;
  const atLeast = Math.floor(promptLength / mostCharactersPerToken);
  const contextLength = await contextLengthOf(model, host, signal);
  if (contextLength === undefined || atLeast <= contextLength) return;
  const message = `The prompt has at least ${atLeast} tokens, the model is loaded with room for ${contextLength}`;
  throw new ContextOverflowError(message, atLeast, contextLength, facts);
}

/** Of the loaded instance, not what the model could have; `undefined` when that cannot be found out. */
async function contextLengthOf(model: string, host: Host, signal: AbortSignal): Promise<number | undefined> {
  try {
    const models = await listModels(host, signal);
    return models.find(({ key }) => sameModel(key, model))?.instances[0]?.contextLength;
  } catch (error) {
    // The question is only asked to spare the host a prompt; the request itself will show what is wrong.
    if (signal.aborted) throw error;
    return undefined;
  }
}

async function reasonOf(
  { reasoning, finishReason, usage }: Collected,
  { model, promptLength }: Generation,
  host: Host,
  signal: AbortSignal,
): Promise<EmptyReason> {
  if (finishReason === "length") return "length";
  if (reasoning !== "") return "reasoning-only";
  if (usage !== undefined && usage.completionTokens > 0) return "wedged";
  const contextLength = await contextLengthOf(model, host, signal);
  const overflows = contextLength !== undefined && promptLength / usualCharactersPerToken >= contextLength;
  return overflows ? "overflow" : "no-output";
}

/** Well under what the text must have: the host has left out the middle of the conversation. */
function isCut(promptLength: number, promptTokens: number): boolean {
  const expected = promptLength / usualCharactersPerToken;
  return promptTokens > 0 && expected > 256 && promptTokens < expected / 1.9;
}
