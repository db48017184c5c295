import { expect, it } from "vitest";
import { errorOfBody, errorOfEvent } from "./classify.ts";
import { ContextOverflowError } from "./errors.ts";

const openAi = (message: string, code: string | null = null): string =>
  JSON.stringify({ error: { message, type: "invalid_request_error", param: "model", code } });

it.each([
  [400, openAi("No models loaded. Please load a model in the developer page."), "NO_MODEL_LOADED"],
  [404, openAi('Model "x" not found. Please specify a valid model.', "model_not_found"), "MODEL_NOT_FOUND"],
  [400, openAi('Failed to load model "k". Error: Operation canceled.'), "CONTENTION"],
  [400, openAi('Failed to load model "k". Error: Engine protocol startup was aborted'), "CONTENTION"],
  [400, openAi('Failed to load model "k". Error: insufficient system resources'), "MODEL_LOAD_FAILED"],
  [500, '{"error":{"type":"model_load_failed","message":"out of memory"}}', "MODEL_LOAD_FAILED"],
  [500, "<!DOCTYPE html><pre>Internal Server Error</pre>", "CONTENTION"],
  [400, "", "CONTENTION"],
  [400, '{"error":"Model is unloaded."}', "CONTENTION"],
  [400, '{"error":"The model has crashed without additional information. (Exit code: 6)"}', "MODEL_CRASHED"],
  [401, '{"error":{"type":"invalid_request","code":"invalid_api_key","message":"required"}}', "UNAUTHORIZED"],
  [200, '{"error":"Unexpected endpoint or method. (GET /health)"}', "UNEXPECTED_ENDPOINT"],
  [400, '{"error":"\'messages\' field is required"}', "INVALID_REQUEST"],
  [429, "{}", "RATE_LIMITED"],
  [502, "bad gateway", "SERVER_ERROR"],
  [200, "{}", "INVALID_RESPONSE"],
] as const)("%i %s is %s", (status, body, code) => {
  expect(errorOfBody(status, body, { host: "h" })).toMatchObject({ code, status, host: "h" });
});

it.each([
  ['{"error":"The number of tokens to keep (n_keep: 13055>= n_ctx: 4096)"}', 13_055, 4_096],
  [
    openAi(
      'Engine protocol predict request returned 400: {"error":{"type":"exceed_context_size_error","n_prompt_tokens":15020,"n_ctx":1024}}',
    ),
    15_020,
    1_024,
  ],
  // As llama-server itself answers.
  [
    '{"error":{"code":400,"message":"request (6023 tokens) exceeds the available context size (512 tokens), try increasing it","type":"exceed_context_size_error","n_prompt_tokens":6023,"n_ctx":512}}',
    6_023,
    512,
  ],
])("finds the counts in an overflow: %s", (body, promptTokens, contextLength) => {
  const error = errorOfBody(400, body, {});
  expect(error).toBeInstanceOf(ContextOverflowError);
  expect(error).toMatchObject({ code: "CONTEXT_OVERFLOW", promptTokens, contextLength });
});

it("reads an error that came in a stream", () => {
  const message = "Input does not fit in context length. The input has 31430 tokens, shorten it.";
  const data = JSON.stringify({ error: { message }, message });
  expect(errorOfEvent(data, {})).toMatchObject({ code: "CONTEXT_OVERFLOW", promptTokens: 31_430 });
  expect(errorOfEvent("what", {})).toMatchObject({ code: "SERVER_ERROR", message: "what" });
});
