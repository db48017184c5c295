// One inference request on its way: what was asked, which instance answers, and the pieces of the answer with the fault
// that this request meets.
import type { Body } from "./exchange.ts";
import type { FaultKind } from "./faults.ts";
import type { Instance } from "./instance.ts";
import type { LoadWish, Memory } from "./memory.ts";
import type { Model, Settings, SimulatedAnswer } from "./options.ts";
import type { Prompt } from "./prompt.ts";
import {
  emptyRefusal,
  engineError,
  GenerationEnded,
  htmlError,
  loadError,
  noVision,
  overflow400,
  overflowInStream,
} from "./refusal.ts";
import { countTokens, seededId, seededText, splitTokens } from "./tokens.ts";

/** What an endpoint has understood of a body. */
export interface Question {
  readonly model: string | undefined;
  readonly prompt: Prompt;
  readonly maxTokens: number;
  readonly stream: boolean;
  /** The answer has to follow a schema. */
  readonly structured: boolean;
  readonly wish?: LoadWish;
}

export interface Ask extends Question {
  /** The number of the inference request, from 1. */
  readonly number: number;
  readonly body: Body;
  readonly fault: FaultKind | undefined;
  readonly signal: AbortSignal;
}

/** Of an image, for want of anything better. */
const tokensPerImage = 256;

export interface Piece {
  /** `silent`: a token that never reaches the client. */
  readonly channel: "reasoning" | "content" | "silent";
  readonly text: string;
}

export interface Run {
  /** Differs from request to request, and is the same for the same seed; endpoints put their prefix before it. */
  readonly id: string;
  /** The model that the answer names. */
  readonly model: string;
  readonly instance: Instance;
  readonly promptTokens: number;
  readonly toolCalls: readonly { readonly id: string; readonly name: string; readonly arguments: string }[];
  readonly finishReason: "stop" | "length" | "tool_calls";
  /** How long this request waited for its model to load, in milliseconds. */
  readonly loadMs: number | undefined;
  readonly fault: FaultKind | undefined;
  /** A stream ends without a single chunk, and without an error. */
  readonly mute: boolean;
  pieces(): AsyncGenerator<Piece>;
}

/** The connection is to be broken off, without an answer or in the middle of one. */
export class BrokenConnection extends Error {
  override readonly name = "BrokenConnection";
}

/** @throws Refusal as a real host refuses. */
export async function startRun(ask: Ask, memory: Memory, settings: Settings): Promise<Run> {
  const { number, prompt, fault, signal } = ask;
  await refuseByFault(fault, ask.model ?? "", signal);
  const { instance, loadMs } = await memory.resolve(ask.model, "llm", ask.wish);
  signal.throwIfAborted();
  const { model, contextLength } = instance;
  if (prompt.images > 0 && !model.vision) throw noVision();

  let promptTokens = countTokens(prompt.text) + prompt.images * tokensPerImage;
  let overflowed = false;
  if (promptTokens >= contextLength && settings.overflow !== "none") {
    const { overflow } = settings;
    if (overflow === "cut-middle") promptTokens = Math.floor(contextLength / 2);
    else if (overflow === "string-400" || overflow === "engine-400")
      throw overflow400(overflow, promptTokens, contextLength);
    else if (overflow === "stream-error" && !ask.stream)
      throw overflow400("string-400", promptTokens, contextLength);
    else overflowed = true;
  }

  const answer = answerOf(model, ask, settings.seed);
  const spoken = overflowed ? [] : piecesOf(answer, model, ask);
  const room = Math.min(ask.maxTokens, Math.max(1, contextLength - promptTokens));
  const kept = spoken.slice(0, room);
  const toolCalls = overflowed
    ? []
    : (answer.toolCalls ?? []).map((call, at) => ({
        id: String(100_000_000 + ((number * 7_919 + at) % 900_000_000)),
        ...call,
      }));
  const complete = kept.length === spoken.length;
  const finishReason = !complete ? "length" : toolCalls.length > 0 ? "tool_calls" : "stop";
  return {
    id: seededId(settings.seed, number, 21),
    model: fault === "substitute" ? otherName(instance, settings) : instance.id,
    instance,
    promptTokens,
    toolCalls,
    finishReason,
    loadMs,
    fault,
    // Seen with a prompt that overflows a GGUF model (#2339).
    mute: overflowed || fault === "no-chunks",
    pieces,
  };

  async function* pieces(): AsyncGenerator<Piece> {
    if (overflowed && settings.overflow === "stream-error") throw overflowInStream(promptTokens);
    const middle = Math.floor(kept.length / 2);
    let at = 0;
    const texts = kept.map(({ text }) => text);
    for await (const text of instance.generate(promptTokens, texts, signal)) {
      if (at === middle) await disturb(fault, signal);
      const channel = kept[at]?.channel ?? "content";
      at += 1;
      yield { channel, text };
    }
  }
}

/** Faults that come instead of an answer; a request for a load meets these as well. */
export async function refuseByFault(
  fault: FaultKind | undefined,
  model: string,
  signal: AbortSignal,
  asked: "inference" | "load" = "inference",
): Promise<void> {
  if (fault === "swap-html-500") throw htmlError();
  if (fault === "empty-400") throw emptyRefusal();
  if (fault === "load-aborted" || fault === "load-failed" || fault === "engine-aborted")
    throw loadError(fault, model, asked);
  if (fault === "engine-error-500") throw engineError();
  if (fault === "reset") throw new BrokenConnection("reset before the answer");
  if (fault === "hang") await left(signal);
}

/** Faults in the middle of an answer. */
async function disturb(fault: FaultKind | undefined, signal: AbortSignal): Promise<void> {
  if (fault === "model-unloaded") throw new GenerationEnded("Model is unloaded.");
  if (fault === "crash")
    throw new GenerationEnded("The model has crashed without additional information. (Exit code: 6)");
  if (fault === "load-failed-in-stream")
    throw new GenerationEnded(
      "Failed to load model. Error: Engine protocol startup was aborted",
      "model_load_failed",
    );
  if (fault === "cut") throw new BrokenConnection("cut in the middle of the answer");
  if (fault === "stall") await left(signal);
}

/** Silence until the client has left. */
function left(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const leave = (): void => reject(signal.reason as unknown);
    if (signal.aborted) leave();
    else signal.addEventListener("abort", leave, { once: true });
  });
}

function answerOf(model: Model, { prompt, body }: Ask, seed: number): SimulatedAnswer {
  const { answer } = model;
  const said = typeof answer === "function" ? answer(prompt.text, { images: prompt.images, body }) : answer;
  if (said === undefined) return { content: seededText(seed, model.key, prompt.text) };
  return typeof said === "string" ? { content: said } : said;
}

function piecesOf(answer: SimulatedAnswer, model: Model, { structured, fault }: Ask): readonly Piece[] {
  const { content = "", reasoning = "" } = answer;
  // Answer to a JSON schema by a thinking model: valid JSON, but in the field for reasoning (seen 2026-05).
  const misplaced = fault === "reasoning-only" || (structured && model.thinks);
  if (fault === "empty" || fault === "no-chunks") return [];
  // Full count of tokens, no text, until the model is loaded anew (#2286).
  if (fault === "wedged")
    return splitTokens(content === "" ? "nothing" : content).map(() => ({ channel: "silent", text: "" }));
  return [
    ...splitTokens(reasoning).map((text) => ({ channel: "reasoning", text }) as const),
    ...splitTokens(content).map((text) => ({ channel: misplaced ? "reasoning" : "content", text }) as const),
  ];
}

function otherName(instance: Instance, { models }: Settings): string {
  return models.find(({ key }) => key !== instance.model.key)?.key ?? `${instance.model.key}-other`;
}
