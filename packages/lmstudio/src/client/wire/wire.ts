// One way to ask for an answer over HTTP: where, with what body, and how its stream is read.
import type { AnswerDelta, Usage } from "../answer.ts";
import type { ChatRequest } from "../requests.ts";

/** Under which names requests choose one; `completions` continues a text. */
export type WireName = "chat-completions" | "completions" | "responses" | "messages" | "native";

export interface Wire {
  /** From `/v1` or `/api` on. */
  readonly path: string;
  /** @throws RangeError for what cannot be said this way. */
  body(request: ChatRequest): Readonly<Record<string, unknown>>;
  /** Takes one event of the stream. @returns whether it was the last. */
  take(collected: Collector, event: string, value: unknown): boolean;
}

/** How far the host is before it answers, from 0 to 1; only its own chat says. */
export interface HostProgress {
  readonly type: "progress";
  /** `loading` the model, or `reading` the prompt. */
  readonly stage: "loading" | "reading";
  /** `undefined` where nobody knows. */
  readonly share: number | undefined;
}

/** What an answer is put together from. */
export interface Collector {
  text(text: unknown): void;
  reasoning(text: unknown): void;
  /** @param index - of the call within the answer. */
  toolCall(index: number, part: { id?: unknown; name?: unknown; arguments?: unknown }): void;
  finishReason(reason: unknown): void;
  model(name: unknown): void;
  usage(usage: Partial<Usage>): void;
  responseId(id: unknown): void;
  progress(stage: HostProgress["stage"], share: unknown): void;
  /** @throws always. */
  fail(value: unknown): never;
}

export type OnPart = (part: AnswerDelta | HostProgress) => void;
