// The reliability document's one function: a prompt, what it is for, and as whom.
import type { CallSettings } from "./caller.ts";
import { LmStudioError } from "./errors.ts";
import type { Answer } from "./generate.ts";
import type { ModelInfo } from "./models.ts";
import type { ChatRequest } from "./requests.ts";

/** Of a client, what such a request needs. */
interface Asked {
  chat(request: ChatRequest, settings?: CallSettings): Promise<Answer>;
  readonly models: { current(settings?: CallSettings): Promise<ModelInfo | undefined> };
}

/** What a request may say beside its prompt. */
export interface LlmRequestOptions
  extends CallSettings,
    Partial<Pick<ChatRequest, "model" | "temperature" | "maxTokens" | "jsonSchema" | "reasoning" | "extra">> {
  /** Goes before the prompt. */
  readonly system?: string;
}

/** @throws LmStudioError `NO_MODEL_LOADED` when no model is given and none is loaded. */
export async function llmRequest(
  client: Asked,
  prompt: string,
  options: LlmRequestOptions = {},
): Promise<Answer> {
  const { signal, timeoutMs, immediate, intent, role, host, system, model, ...request } = options;
  const settings: CallSettings = {
    ...(signal === undefined ? {} : { signal }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(immediate === undefined ? {} : { immediate }),
    ...(intent === undefined ? {} : { intent }),
    ...(role === undefined ? {} : { role }),
    ...(host === undefined ? {} : { host }),
  };
  const asked = model ?? (await client.models.current(settings))?.key;
  if (asked === undefined)
    throw new LmStudioError("NO_MODEL_LOADED", "No model is given and none is loaded", { host });
  const messages = [
    ...(system === undefined ? [] : [{ role: "system" as const, content: system }]),
    { role: "user" as const, content: prompt },
  ];
  return client.chat({ ...request, model: asked, messages }, settings);
}
