// One way to ask for an answer over HTTP: where, with what body, and how its stream is read.
import type { HostProgress, Usage } from "../parts.ts";
import type { ChatRequest } from "../requests.ts";

export interface Wire {
  /** From `/v1` or `/api` on. */
  readonly path: string;
  /** @throws RangeError for what cannot be said this way. */
  body(request: ChatRequest): Readonly<Record<string, unknown>>;
  /** Takes one event of the stream. @returns whether it was the last. */
  take(collected: Collector, event: string, value: unknown): boolean;
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
