// All ways to ask, by name, and which back end has which.

import type { WireName } from "../parts.ts";
import { chatCompletions, completions } from "./chat-completions.ts";
import { messages } from "./messages.ts";
import { native } from "./native.ts";
import { responses } from "./responses.ts";
import type { Wire } from "./wire.ts";

export const wires: Readonly<Record<WireName, Wire>> = {
  "chat-completions": chatCompletions,
  completions,
  responses,
  messages,
  native,
};

/** What a host speaks. */
export type Backend = "lmstudio" | "openai-compatible" | "openai" | "anthropic";

const openAi: readonly WireName[] = ["chat-completions", "completions", "responses"];

/** The first is the one for chats that name none. */
export const wiresOf: Readonly<Record<Backend, readonly WireName[]>> = {
  lmstudio: [...openAi, "messages", "native"],
  "openai-compatible": openAi,
  openai: openAi,
  anthropic: ["messages"],
};
