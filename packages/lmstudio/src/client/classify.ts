// What a host's refusal means. Its shapes differ per version and path: bare strings, objects, HTML pages, an error with
// status 200; the words are what they have in common.
import { ContextOverflowError, type ErrorFacts, LmStudioError } from "./errors.ts";

/** An error from status and body. */
export function errorOfBody(status: number, body: string, facts: ErrorFacts): LmStudioError {
  const known = { ...facts, status };
  const { message, type, code } = wordsOf(body);
  if (status === 401 || status === 403 || code === "invalid_api_key" || code === "insufficient_quota")
    return new LmStudioError("UNAUTHORIZED", message, known);
  if (status === 429) return new LmStudioError("RATE_LIMITED", message, known);
  const byWords = errorOfWords(message, `${type} ${code}`, known);
  if (byWords !== undefined) return byWords;
  // Express's page comes up while models are swapped; so does a 400 without a word.
  if ((status === 500 && /^\s*<|<pre>/.test(body)) || (status === 400 && body.trim() === ""))
    return new LmStudioError("CONTENTION", `HTTP ${status} while models are swapped`, known);
  if (status >= 500) return new LmStudioError("SERVER_ERROR", `HTTP ${status}: ${message}`, known);
  if (status >= 400) return new LmStudioError("INVALID_REQUEST", `HTTP ${status}: ${message}`, known);
  return new LmStudioError("INVALID_RESPONSE", message, known);
}

/** An error that came as an event in a stream. */
export function errorOfEvent(data: string, facts: ErrorFacts): LmStudioError {
  const { message, type, code } = wordsOf(data);
  const byWords = errorOfWords(message, `${type} ${code}`, facts);
  if (byWords !== undefined) return byWords;
  return new LmStudioError(
    type.startsWith("invalid_request") ? "INVALID_REQUEST" : "SERVER_ERROR",
    message,
    facts,
  );
}

function errorOfWords(message: string, kind: string, facts: ErrorFacts): LmStudioError | undefined {
  if (
    /n_keep|exceed_context_size|context_length_exceeded|not fit in context|available context size|prompt is too long/.test(
      message + kind,
    )
  ) {
    const tokens = numberIn(
      message,
      /(?:n_keep: |"n_prompt_tokens":|input has |resulted in |too long: |request \()(\d+)/,
    );
    const length = numberIn(
      message,
      /(?:n_ctx: |"n_ctx":|context length is |tokens > |context size \()(\d+)/,
    );
    return new ContextOverflowError(message, tokens, length, facts);
  }
  if (/Unexpected endpoint or method/.test(message))
    return new LmStudioError("UNEXPECTED_ENDPOINT", message, facts);
  if (/No models loaded/i.test(message)) return new LmStudioError("NO_MODEL_LOADED", message, facts);
  if (/Failed to load model|model_load_failed/.test(message + kind)) {
    const aborted = /cancel|abort/i.test(message);
    return new LmStudioError(aborted ? "CONTENTION" : "MODEL_LOAD_FAILED", message, facts);
  }
  if (/Model is unloaded/i.test(message)) return new LmStudioError("CONTENTION", message, facts);
  if (/model has crashed/i.test(message)) return new LmStudioError("MODEL_CRASHED", message, facts);
  if (/model_not_found|not_found_error/.test(kind) || /^Model ".*" not found/.test(message))
    return new LmStudioError("MODEL_NOT_FOUND", message, facts);
  return undefined;
}

interface Words {
  readonly message: string;
  readonly type: string;
  readonly code: string;
}

function wordsOf(body: string): Words {
  const value = parsed(body);
  const error = field(value, "error");
  if (typeof error === "string") return { message: error, type: "", code: "" };
  const message = field(error, "message") ?? field(value, "message");
  return {
    message: typeof message === "string" ? message : body.slice(0, 500),
    type: textOr(field(error, "type")),
    code: textOr(field(error, "code")),
  };
}

/** The field of whatever it is. */
export function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

/** `undefined` for what is not JSON. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function textOr(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function numberIn(text: string, pattern: RegExp): number | undefined {
  const [, digits] = pattern.exec(text.replaceAll('\\"', '"')) ?? [];
  return digits === undefined ? undefined : Number(digits);
}
