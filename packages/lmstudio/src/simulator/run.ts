// One inference request on its way: what was asked, which instance answers, and the pieces of the answer with the fault
// that this request meets.
import type { FaultKind } from "./faults.ts";
import type { Instance } from "./instance.ts";
import type { Memory } from "./memory.ts";
import type { Model, Settings, SimulatedAnswer } from "./options.ts";
import {
  engineError,
  GenerationEnded,
  htmlError,
  loadAborted,
  loadFailed,
  overflow400,
  overflowInStream,
} from "./refusal.ts";
import { countTokens, seededId, seededText, splitTokens } from "./tokens.ts";

export interface Ask {
  /** The number of the inference request, from 1. */
  readonly number: number;
  readonly model: string | undefined;
  readonly prompt: string;
  readonly maxTokens: number;
  readonly stream: boolean;
  /** The answer has to follow a schema. */
  readonly structured: boolean;
  readonly fault: FaultKind | undefined;
  readonly signal: AbortSignal;
}

export interface Piece {
  /** `silent`: a token that never reaches the client. */
  readonly channel: "reasoning" | "content" | "silent";
  readonly text: string;
}

export interface Run {
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
  refuseByFault(fault, ask.model ?? "");
  const { instance, loadMs } = await memory.resolve(ask.model, "llm");
  signal.throwIfAborted();
  const { model, contextLength } = instance;

  let promptTokens = countTokens(prompt);
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
    id: `chatcmpl-${seededId(settings.seed, number, 21)}`,
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

/** Faults that come instead of an answer. */
function refuseByFault(fault: FaultKind | undefined, model: string): void {
  if (fault === "swap-html-500") throw htmlError();
  if (fault === "load-aborted") throw loadAborted(model);
  if (fault === "load-failed") throw loadFailed(model);
  if (fault === "engine-error-500") throw engineError();
  if (fault === "reset") throw new BrokenConnection("reset before the answer");
}

/** Faults in the middle of an answer. */
async function disturb(fault: FaultKind | undefined, signal: AbortSignal): Promise<void> {
  if (fault === "model-unloaded") throw new GenerationEnded("Model is unloaded.");
  if (fault === "crash")
    throw new GenerationEnded("The model has crashed without additional information. (Exit code: 6)");
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

function answerOf(model: Model, { prompt }: Ask, seed: number): SimulatedAnswer {
  const said = typeof model.answer === "function" ? model.answer(prompt) : model.answer;
  if (said === undefined) return { content: seededText(seed, model.key, prompt) };
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
