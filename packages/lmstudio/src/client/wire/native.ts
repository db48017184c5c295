// `/api/v1/chat`: LM Studio's own. It alone says how a load and the reading of a prompt go on; it takes one turn of the user, and
// no tools of the caller.
import { field } from "../classify.ts";
import type { ChatRequest } from "../requests.ts";
import { partsOf, textOf } from "./content.ts";
import { samplingOf } from "./sampling.ts";
import type { Wire } from "./wire.ts";

export const native: Wire = {
  path: "/api/v1/chat",
  body(request) {
    const why = whyNotNative(request);
    if (why !== undefined) throw new RangeError(why);
    const { messages, reasoning, previousResponseId, store = false, contextLength } = request;
    const system = messages.filter(({ role }) => role === "system").map(({ content }) => textOf(content));
    const input = messages
      .filter(({ role }) => role === "user")
      .flatMap(({ content }) =>
        partsOf(content, {
          text: (text): object => ({ type: "message", content: text }),
          image: (url): object => ({ type: "image", data_url: url }),
        }),
      );
    return {
      ...samplingOf(request, "max_output_tokens"),
      stream: true,
      store,
      input,
      ...(system.length === 0 ? {} : { system_prompt: system.join("\n") }),
      ...(reasoning === undefined ? {} : { reasoning }),
      ...(previousResponseId === undefined ? {} : { previous_response_id: previousResponseId }),
      ...(contextLength === undefined ? {} : { context_length: contextLength }),
    };
  },
  take(collected, event, value) {
    switch (field(value, "type") ?? event) {
      case "model_load.start":
        collected.progress("loading", 0);
        return false;
      case "model_load.progress":
        collected.progress("loading", field(value, "progress"));
        return false;
      case "model_load.end":
        collected.progress("loading", 1);
        return false;
      case "prompt_processing.progress":
        collected.progress("reading", field(value, "progress"));
        return false;
      case "reasoning.delta":
        collected.reasoning(field(value, "content"));
        return false;
      case "message.delta":
        collected.text(field(value, "content"));
        return false;
      case "error":
        return collected.fail(value);
      case "chat.end": {
        const result = field(value, "result");
        collected.model(field(result, "model_instance_id"));
        collected.responseId(field(result, "response_id"));
        const stats = field(result, "stats");
        collected.usage({
          promptTokens: numberOf(field(stats, "input_tokens")),
          completionTokens: numberOf(field(stats, "total_output_tokens")),
          reasoningTokens: numberOf(field(stats, "reasoning_output_tokens")),
        });
        return true;
      }
      default:
        return false;
    }
  },
};

/** `undefined` when the request can be asked this way. */
function whyNotNative({ messages, tools, jsonSchema }: ChatRequest): string | undefined {
  if (tools !== undefined) return "tools cannot be given with api: native";
  if (jsonSchema !== undefined) return "jsonSchema cannot be given with api: native";
  const turns = messages.filter(({ role }) => role !== "system");
  if (turns.length === 1 && turns[0]?.role === "user") return undefined;
  return "messages must be one of the user, and of the system, with api: native";
}

function numberOf(value: unknown): number {
  return typeof value === "number" ? value : 0;
}
