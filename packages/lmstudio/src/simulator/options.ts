// What a simulated host can be told, checked once and completed with defaults.
import { type Clock, systemClock } from "@fairlead/core";
import type { Fault } from "./faults.ts";

export interface SimulatedAnswer {
  readonly content?: string;
  /** Thinking; where it is put on the wire says the model's `reasoningField`. */
  readonly reasoning?: string;
  readonly toolCalls?: readonly { readonly name: string; readonly arguments: string }[];
}

/** What a model is asked, for answers that depend on it. */
export interface SimulatedRequest {
  readonly images: number;
  /** The body as it came. */
  readonly body: Readonly<Record<string, unknown>>;
}

export interface SimulatorModel {
  /** As in `GET /api/v1/models`, for example `qwen/qwen3.5-9b`. */
  readonly key: string;
  /** @defaultValue "llm" */
  readonly type?: "llm" | "embedding";
  /** What it says to a prompt. @defaultValue words drawn by the seed and the prompt */
  readonly answer?: string | ((prompt: string, request: SimulatedRequest) => string | SimulatedAnswer);
  /** Where thinking goes; `reasoning` is what gpt-oss does. @defaultValue "reasoning_content" */
  readonly reasoningField?: "reasoning_content" | "reasoning";
  /** A thinking model puts the answer to a JSON schema into its reasoning field. @defaultValue false */
  readonly thinks?: boolean;
  /** In milliseconds, from 0. @defaultValue 2_000 */
  readonly loadMs?: number;
  /** Of one generation alone, above 0. @defaultValue 84.6 */
  readonly tokensPerSecond?: number;
  /** Above 0. @defaultValue 2_000 */
  readonly prefillTokensPerSecond?: number;
  /** Generations at a time per instance, from 1. @defaultValue 4 */
  readonly parallel?: number;
  /** In tokens. @defaultValue 131_072 */
  readonly maxContextLength?: number;
  /** Of an instance that a chat request loads, in tokens. @defaultValue `maxContextLength` */
  readonly contextLength?: number;
  /** Of an embedding. @defaultValue 768 */
  readonly dimensions?: number;
  /** Loaded by a person, before anything else: it is never evicted. @defaultValue false */
  readonly loaded?: boolean;
  /** Takes images. @defaultValue false */
  readonly vision?: boolean;
  /** On the host's disk; otherwise it has to be downloaded first. @defaultValue true */
  readonly downloaded?: boolean;
  /** Of the download, above 0. @defaultValue 1_000_000_000 */
  readonly sizeBytes?: number;
}

/** How a prompt that does not fit is answered. */
export const overflowBehaviours = [
  "string-400",
  "stream-error",
  "empty-200",
  "engine-400",
  "cut-middle",
  "none",
] as const;

export type OverflowBehaviour = (typeof overflowBehaviours)[number];

export interface SimulatorOptions {
  /** At least one. */
  readonly models: readonly SimulatorModel[];
  /** Of answers and of faults by rate. @defaultValue 1 */
  readonly seed?: number;
  /** Chat requests load what is not loaded. @defaultValue true */
  readonly justInTime?: boolean;
  /** Idle time after which a model loaded by a request is unloaded, in milliseconds. @defaultValue 3_600_000 */
  readonly idleTtlMs?: number;
  /** At most one model loaded by requests. @defaultValue true */
  readonly autoEvict?: boolean;
  /** Requests for one cold model at the same time load an instance each. @defaultValue false */
  readonly duplicateLoads?: boolean;
  /** What happens to a request that needs another model while one is being loaded. @defaultValue "html-500" */
  readonly swapContention?: "html-500" | "aborted-400" | "wait";
  /** One loaded model answers for any unknown name. @defaultValue true */
  readonly substitutes?: boolean;
  /** @defaultValue "engine-400" */
  readonly overflow?: OverflowBehaviour;
  /** Status for a path that does not exist. @defaultValue 200 */
  readonly unknownPathStatus?: 200 | 404;
  /** Status when nothing is loaded and nothing may be: 400 since 0.4, 404 before. @defaultValue 400 */
  readonly noModelStatus?: 400 | 404;
  /** How long `/api/v0/models` goes on with the state from before a load, in milliseconds. @defaultValue 0 */
  readonly v0LagMs?: number;
  /** `/v1/messages` takes a `system` field; a headless build of 2026 did not (#2204). @defaultValue true */
  readonly messagesSystem?: boolean;
  /** Of a download, above 0. @defaultValue 100_000_000 */
  readonly downloadBytesPerSecond?: number;
  /** Demanded of every request. @defaultValue none */
  readonly apiToken?: string;
  /** Faults from the start; `inject` adds more. @defaultValue [] */
  readonly faults?: readonly Fault[];
  /** Larger request bodies are refused with 413, in bytes. @defaultValue 33_554_432 */
  readonly maxBodyBytes?: number;
  /** @defaultValue systemClock */
  readonly clock?: Clock;
}

/** What can be changed while the host runs. */
export type SimulatorPatch = Omit<
  SimulatorOptions,
  "models" | "seed" | "faults" | "clock" | "maxBodyBytes" | "downloadBytesPerSecond"
>;

export type Model = Required<Omit<SimulatorModel, "answer">> & Pick<SimulatorModel, "answer">;
export type Settings = Required<Omit<SimulatorOptions, "models">> & { readonly models: readonly Model[] };

/** @throws RangeError when an option is out of range. */
export function settingsOf(options: SimulatorOptions): Settings {
  const models = options.models.map(modelOf);
  if (models.length === 0) throw new RangeError("models must not be empty, got []");
  const keys = models.map(({ key }) => key);
  const twice = keys.find((key, at) => keys.indexOf(key) !== at);
  if (twice !== undefined) throw new RangeError(`models must have keys of their own, got ${twice} twice`);
  const settings: Settings = {
    seed: 1,
    justInTime: true,
    idleTtlMs: 3_600_000,
    autoEvict: true,
    duplicateLoads: false,
    swapContention: "html-500",
    substitutes: true,
    overflow: "engine-400",
    unknownPathStatus: 200,
    noModelStatus: 400,
    v0LagMs: 0,
    messagesSystem: true,
    downloadBytesPerSecond: 100_000_000,
    apiToken: "",
    faults: [],
    maxBodyBytes: 32 * 1024 * 1024,
    clock: systemClock,
    ...options,
    models,
  };
  if (!overflowBehaviours.includes(settings.overflow))
    throw new RangeError(
      `overflow must be one of ${overflowBehaviours.join(", ")}, got ${settings.overflow}`,
    );
  atLeast("idleTtlMs", settings.idleTtlMs, 1);
  atLeast("maxBodyBytes", settings.maxBodyBytes, 1);
  atLeast("v0LagMs", settings.v0LagMs, 0);
  atLeast("downloadBytesPerSecond", settings.downloadBytesPerSecond, 1);
  if (!Number.isSafeInteger(settings.seed))
    throw new RangeError(`seed must be an integer, got ${settings.seed}`);
  return settings;
}

/** @throws RangeError when an option is out of range, or cannot be changed. */
export function patchSettings(settings: Settings, patch: SimulatorPatch): void {
  const fixed = Object.keys(patch).find((key) => !changeable.has(key));
  if (fixed !== undefined)
    throw new RangeError(`only ${[...changeable].join(", ")} can be changed while it runs, got ${fixed}`);
  Object.assign(settings, settingsOf({ ...settings, ...patch }), { models: settings.models });
}

const changeable: ReadonlySet<string> = /* @__PURE__ */ new Set<keyof SimulatorPatch>([
  "justInTime",
  "idleTtlMs",
  "autoEvict",
  "duplicateLoads",
  "swapContention",
  "substitutes",
  "overflow",
  "unknownPathStatus",
  "noModelStatus",
  "v0LagMs",
  "messagesSystem",
  "apiToken",
]);

function modelOf(model: SimulatorModel): Model {
  const maxContextLength = model.maxContextLength ?? 131_072;
  const complete: Model = {
    type: "llm",
    reasoningField: "reasoning_content",
    thinks: false,
    loadMs: 2_000,
    // Gemma 4 26B-A4B on an M3 Ultra, one generation alone (vllm-mlx#256).
    tokensPerSecond: 84.6,
    prefillTokensPerSecond: 2_000,
    // llama.cpp engine of LM Studio 0.4 and later.
    parallel: 4,
    // A load by a chat request takes the model's maximum (seen on 1.1.7).
    contextLength: maxContextLength,
    dimensions: 768,
    loaded: false,
    vision: false,
    downloaded: true,
    sizeBytes: 1_000_000_000,
    ...model,
    maxContextLength,
  };
  if (complete.key === "") throw new RangeError('models[].key must not be empty, got ""');
  atLeast("models[].loadMs", complete.loadMs, 0);
  atLeast("models[].tokensPerSecond", complete.tokensPerSecond, Number.MIN_VALUE);
  atLeast("models[].prefillTokensPerSecond", complete.prefillTokensPerSecond, Number.MIN_VALUE);
  atLeast("models[].sizeBytes", complete.sizeBytes, 1);
  for (const option of ["parallel", "maxContextLength", "contextLength", "dimensions"] as const) {
    atLeast(`models[].${option}`, complete[option], 1);
    if (!Number.isInteger(complete[option]))
      throw new RangeError(`models[].${option} must be an integer, got ${complete[option]}`);
  }
  return complete;
}

function atLeast(option: string, value: number, minimum: number): void {
  if (!(value >= minimum)) throw new RangeError(`${option} must be at least ${minimum}, got ${value}`);
}
