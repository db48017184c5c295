// What the simulated host answers instead of a result. The shapes differ per case, as they do on a real host.
import type { OverflowBehaviour } from "./options.ts";

/** Ends a request with this status and body. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly status: number;
  /** A string is sent as HTML, anything else as JSON. */
  readonly body: unknown;

  constructor(status: number, body: unknown) {
    super(typeof body === "string" ? body : JSON.stringify(body));
    this.status = status;
    this.body = body;
  }
}

/** A generation that ends while its answer may already be on the way. */
export class GenerationEnded extends Error {
  override readonly name = "GenerationEnded";
  /** Type of the error, where it has one. */
  readonly type: string | undefined;

  constructor(message: string, type?: string) {
    super(message);
    this.type = type;
  }
}

function invalidRequest(message: string, param: string | null, code: string | null): unknown {
  return { error: { message, type: "invalid_request_error", param, code } };
}

/** 400 since 0.4 (bug-tracker#1730), 404 with a code before. */
export function noModelLoaded(status: 400 | 404): Refusal {
  const message =
    "No models loaded. Please load a model in the developer page or use the 'lms load' command.";
  return new Refusal(status, invalidRequest(message, "model", status === 404 ? "model_not_found" : null));
}

/** With two or more models loaded (gitbutler#8706). */
export function modelNotFound(model: string, loaded: readonly string[]): Refusal {
  const message = `Model "${model}" not found. Please specify a valid model.\n\nYour models:\n\n${loaded.join("\n")}`;
  return new Refusal(404, invalidRequest(message, "model", "model_not_found"));
}

/** Why a load did not come about; out of memory is not told apart from other causes (bug-tracker#2295, lore-weave#286). */
const loadErrors = {
  "load-aborted": "Operation canceled.",
  "load-failed": "insufficient system resources",
  "engine-aborted": "Engine protocol startup was aborted",
} as const;

export type LoadError = keyof typeof loadErrors;

/** A request for an answer gets 400, one to load gets 500. */
export function loadError(
  kind: LoadError,
  model: string,
  asked: "inference" | "load" = "inference",
): Refusal {
  const message = `Failed to load model "${model}". Error: ${loadErrors[kind]}`;
  if (asked === "load") return new Refusal(500, { error: { type: "model_load_failed", message } });
  return new Refusal(400, invalidRequest(message, "model", null));
}

/** A 400 without a word, seen during swaps (llama-swap#635). */
export function emptyRefusal(): Refusal {
  return new Refusal(400, "");
}

/** Images to a model that takes none. */
export function noVision(): Refusal {
  const message = "Vision add-on is not loaded, but images were provided for processing";
  return new Refusal(400, { error: message });
}

/** `/v1/responses` is strict about missing fields (#1576). */
export function missingParameter(param: string): Refusal {
  const type = "invalid_request_error";
  return new Refusal(400, {
    error: { message: "Required", type, param, code: "missing_required_parameter" },
  });
}

/** The errors of `/api/v1/chat` and downloads have types. */
export function nativeError(status: number, type: string, message: string): Refusal {
  return new Refusal(status, { error: { type, message } });
}

/** Express's own page, seen during swaps (lore-weave#295). */
export function htmlError(): Refusal {
  return new Refusal(500, "<!DOCTYPE html><html><body><pre>Internal Server Error</pre></body></html>");
}

/** The engine protocol's failures surface as 500. */
export function engineError(): Refusal {
  return new Refusal(500, { error: { type: "internal_error", message: "Engine protocol request failed" } });
}

/** Validation without a code, as a bare string. */
export function required(field: string): Refusal {
  return new Refusal(400, { error: `'${field}' field is required` });
}

/** `json_object` is refused: only `json_schema` and `text` exist. */
export function badResponseFormat(): Refusal {
  const message = "'response_format.type' must be 'json_schema' or 'text'";
  return new Refusal(400, { error: message });
}

/** Authentication switched on, no token or a wrong one. */
export function unauthorized(token: string | undefined): Refusal {
  const message =
    token === undefined
      ? "An LM Studio API token is required to make requests to this server."
      : `Malformed LM Studio API token provided: ${token.slice(0, 4)}…`;
  return new Refusal(401, { error: { type: "invalid_request", code: "invalid_api_key", message } });
}

/** Case (a) is a bare string, case (d) the engine's body wrapped in a string. */
export function overflow400(
  behaviour: Extract<OverflowBehaviour, "string-400" | "engine-400">,
  tokens: number,
  contextLength: number,
): Refusal {
  if (behaviour === "string-400")
    return new Refusal(400, {
      error: `The number of tokens to keep from the initial prompt is greater than the context length (n_keep: ${tokens}>= n_ctx: ${contextLength}). Try to load the model with a larger context length, or provide a shorter input.`,
    });
  const inner = JSON.stringify({
    error: {
      code: 400,
      message: `request (${tokens} tokens) exceeds the available context size (${contextLength} tokens), try increasing it`,
      type: "exceed_context_size_error",
      n_prompt_tokens: tokens,
      n_ctx: contextLength,
    },
  });
  const message = `Engine protocol predict request returned 400: ${inner}`;
  return new Refusal(400, invalidRequest(message, null, null));
}

/** Case (b): told inside a stream that has begun with status 200 (goose#11318). */
export function overflowInStream(tokens: number): GenerationEnded {
  return new GenerationEnded(
    `Input does not fit in context length. The input has ${tokens} tokens, shorten it or load the model with a larger context.`,
  );
}
