// The three lists of models. Only the newest says what is loaded, and how many requests an instance takes at a time.
import type { Instance } from "./instance.ts";
import type { Model } from "./options.ts";

/** `GET /v1/models`: ids alone; with loading on demand everything downloaded, else what is loaded (#2139). */
export function openAiList(
  models: readonly Model[],
  justInTime: boolean,
  instances: readonly Instance[],
): object {
  const ids = justInTime ? models.map(({ key }) => key) : instances.map(({ id }) => id);
  return {
    data: ids.map((id) => ({ id, object: "model", owned_by: "organization_owner" })),
    object: "list",
  };
}

/** `GET /api/v0/models`. */
export function v0List(models: readonly Model[], instances: readonly Instance[]): object {
  return { object: "list", data: models.map((model) => v0Model(model, instances)) };
}

/** `GET /api/v0/models/{id}`. */
export function v0Model(model: Model, instances: readonly Instance[]): object {
  const instance = instances.find((candidate) => candidate.model === model);
  return {
    id: model.key,
    object: "model",
    type: model.type === "embedding" ? "embeddings" : model.vision ? "vlm" : "llm",
    publisher: publisherOf(model),
    arch: "simulated",
    compatibility_type: "gguf",
    quantization: "Q4_K_M",
    state: instance === undefined ? "not-loaded" : "loaded",
    ...(model.type === "llm" ? { capabilities: ["tool_use"] } : {}),
    max_context_length: model.maxContextLength,
    ...(instance === undefined ? {} : { loaded_context_length: instance.contextLength }),
  };
}

/** `GET /api/v1/models`. */
export function v1List(models: readonly Model[], instances: readonly Instance[]): object {
  return {
    models: models.map((model) => ({
      type: model.type,
      publisher: publisherOf(model),
      key: model.key,
      display_name: model.key,
      quantization: { name: "Q4_K_M", bits_per_weight: 4 },
      size_bytes: model.sizeBytes,
      params_string: "1B",
      loaded_instances: instances
        .filter((instance) => instance.model === model)
        .map((instance) => ({ id: instance.id, config: configOf(instance) })),
      max_context_length: model.maxContextLength,
      format: "gguf",
      ...(model.type === "llm"
        ? {
            architecture: "simulated",
            capabilities: {
              vision: model.vision,
              trained_for_tool_use: true,
              ...(model.thinks ? { reasoning: { allowed_options: ["off", "on"], default: "on" } } : {}),
            },
            description: null,
          }
        : {}),
    })),
  };
}

export function configOf({ contextLength, model }: Instance): object {
  return {
    context_length: contextLength,
    eval_batch_size: 512,
    parallel: model.parallel,
    flash_attention: true,
    offload_kv_cache_to_gpu: true,
  };
}

function publisherOf({ key }: Model): string {
  return key.includes("/") ? (key.split("/", 1)[0] ?? "") : "simulated";
}
