// The words that requests and answers share, whatever the endpoint.

/** Under which names requests choose one; `completions` continues a text. */
export type WireName = "chat-completions" | "completions" | "responses" | "messages" | "native";

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

/** How far the host is before it answers, from 0 to 1; only its own chat says. */
export interface HostProgress {
  readonly type: "progress";
  /** `loading` the model, or `reading` the prompt. */
  readonly stage: "loading" | "reading";
  /** `undefined` where nobody knows. */
  readonly share: number | undefined;
}

export type OnPart = (part: AnswerDelta | HostProgress) => void;
