// Tool results: text for people and models, and the same as data.
import type { CallToolResult } from "@modelcontextprotocol/server";
import { LmStudioError } from "../client/errors.ts";
import { MultiAgentError } from "../multi-agent/result.ts";
import type { ErrorOutput } from "./tool-types.ts";

export function resultOf(
  text: string,
  structured: Readonly<Record<string, unknown>>,
  isError = false,
): CallToolResult {
  return {
    content: [{ type: "text", text }],
    structuredContent: structured,
    ...(isError ? { isError: true } : {}),
  };
}

/** @throws the error itself when it is none that a caller can do anything about. */
export function errorOutput(error: unknown): ErrorOutput {
  if (error instanceof LmStudioError)
    return {
      code: error.code,
      message: error.message,
      attempts: error.attempts,
      ...(error.host === undefined ? {} : { host: error.host }),
      ...(error.model === undefined ? {} : { model: error.model }),
      ...(error.retryAfterMs === undefined ? {} : { retry_after_ms: error.retryAfterMs }),
    };
  if (error instanceof MultiAgentError) return { code: error.code, message: error.message };
  if (error instanceof RangeError) return { code: "INVALID_ARGUMENT", message: error.message };
  throw error;
}

/** What went wrong, where, and what to do about it. */
export function describeError({
  code,
  message,
  host,
  model,
  retry_after_ms: retryAfterMs,
}: ErrorOutput): string {
  const where = [model, host].filter((part) => part !== undefined).join(" at ");
  const advice =
    advices[code] ?? (retryAfterMs === undefined ? "" : `Try again in ${Math.ceil(retryAfterMs / 1_000)} s.`);
  return `${code}${where === "" ? "" : ` (${where})`}: ${message}${advice === "" ? "" : `\n${advice}`}`;
}

const advices: Readonly<Record<string, string>> = {
  CONNECTION_FAILED: "Is LM Studio running, with its server switched on? Check LMSTUDIO_API_BASE.",
  CONNECT_TIMEOUT: "Is LM Studio running, with its server switched on? Check LMSTUDIO_API_BASE.",
  UNAUTHORIZED: "Set LMSTUDIO_API_TOKEN to a token of this host.",
  NO_MODEL_LOADED: "Load a model in LM Studio, or name one; list_models shows what is there.",
  MODEL_NOT_FOUND: "list_models shows the names that are known.",
  MODEL_LOAD_FAILED: "Free memory by unloading a model, or choose a smaller one.",
  MODEL_SUBSTITUTED: "The model is not there under this name; list_models shows the names that are known.",
  CONTEXT_OVERFLOW: "Shorten the prompt, or load the model with a larger context.",
  EMPTY_RESPONSE: "Raise max_tokens if the model thinks long; load it anew if this stays.",
  DEADLINE_EXCEEDED: "Give more time with timeout_seconds, or ask a faster model.",
  ATTEMPT_TIMEOUT: "Raise HTTP_READ_TIMEOUT_SIMPLE or HTTP_READ_TIMEOUT_COMPLEX, or ask a faster model.",
  UNEXPECTED_ENDPOINT: "Is this LM Studio, and new enough? Check LMSTUDIO_API_BASE.",
  JUDGE_REQUIRED: "Name a judge that is not on the panel.",
};
