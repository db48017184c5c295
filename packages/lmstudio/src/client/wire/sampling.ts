import type { ChatRequest } from "../requests.ts";

/** What every body has; the limit of tokens has a name of its own at each endpoint. */
export function samplingOf(
  { model, temperature, maxTokens, extra }: ChatRequest,
  limit: "max_tokens" | "max_output_tokens",
): Record<string, unknown> {
  return {
    ...extra,
    model,
    ...(temperature === undefined ? {} : { temperature }),
    ...(maxTokens === undefined ? {} : { [limit]: maxTokens }),
  };
}
