// What a host has and holds: the list from the newest of its three surfaces, and loads that add no second copy.
import {
  type Clock,
  compose,
  createBulkhead,
  createSingleFlight,
  type Pipeline,
  type Policy,
} from "@fairlead/core";
import { errorOfBody, field, parsed } from "./classify.ts";
import { LmStudioError } from "./errors.ts";
import type { Host } from "./host.ts";
import type { HttpRequest } from "./transport.ts";

/** What is needed of a host to ask it for its models. */
export type ListingHost = Pick<Host, "name" | "api" | "transport">;

export interface LoadedInstance {
  /** What `unload` takes. */
  readonly id: string;
  /** In tokens; `undefined` where the host does not say. */
  readonly contextLength: number | undefined;
  /** Requests that it takes at a time; only `/api/v1` says. */
  readonly parallel: number | undefined;
}

export interface ModelInfo {
  readonly host: string;
  readonly key: string;
  /** `unknown` where only `/v1/models` is there. */
  readonly type: "llm" | "embedding" | "unknown";
  /** `undefined` where the host does not say. */
  readonly loaded: boolean | undefined;
  readonly instances: readonly LoadedInstance[];
  readonly maxContextLength: number | undefined;
  /** Takes images; `undefined` where the host does not say. */
  readonly vision: boolean | undefined;
}

export interface LoadResult {
  readonly host: string;
  readonly instanceId: string;
  /** It was loaded before; nothing was done. */
  readonly alreadyLoaded: boolean;
}

/** Asks `/api/v1`, then `/api/v0`, then `/v1`: a status of 200 proves nothing, only the expected array does. */
export async function listModels(host: ListingHost, signal: AbortSignal): Promise<readonly ModelInfo[]> {
  let refusal: LmStudioError | undefined;
  // Only LM Studio has the other two.
  for (const { path, array, read } of host.api === "lmstudio" ? surfaces : surfaces.slice(-1)) {
    const { status, text } = await ask(host, { method: "GET", path }, signal);
    const entries = field(parsed(text), array);
    if (status === 200 && Array.isArray(entries))
      return entries.map((entry: unknown) => read(entry, host.name));
    refusal = errorOfBody(status, text, { host: host.name });
    if (refusal.code === "UNAUTHORIZED") throw refusal;
  }
  throw refusal ?? new LmStudioError("INVALID_RESPONSE", `${host.name} lists no models`, { host: host.name });
}

export interface LoadRequest {
  readonly model: string;
  /** In tokens. @defaultValue the host's own */
  readonly contextLength?: number;
  /** Told every second how long it takes, in milliseconds; a host does not say how far it is. */
  readonly onProgress?: (elapsedMs: number) => void;
}

export interface Loader {
  /** @throws LmStudioError as the host refuses. */
  load(request: LoadRequest, signal: AbortSignal): Promise<LoadResult>;
}

const tellEveryMs = 1_000;

/** Callers of one model share a load, and loads of different models go one after the other: a host aborts the one or the other. */
export function createLoader(host: Host, clock: Clock): Loader {
  const oneAtATime = createBulkhead({ limit: 1, maxQueue: 1_000, clock });
  const flight: Policy = createSingleFlight().policy;
  const loads: Pipeline = compose(flight, oneAtATime.policy);

  return {
    async load({ model, contextLength, onProgress }, signal) {
      const done = new AbortController();
      if (onProgress !== undefined) void tell(onProgress, AbortSignal.any([signal, done.signal]));
      try {
        return await loadOnce(model, contextLength, signal);
      } finally {
        done.abort(new Error("loaded"));
      }
    },
  };

  async function tell(onProgress: (elapsedMs: number) => void, signal: AbortSignal): Promise<void> {
    const since = clock.now();
    try {
      for (;;) {
        await clock.sleep(tellEveryMs, signal);
        onProgress(clock.now() - since);
      }
    } catch {
      // The load is over.
    }
  }

  function loadOnce(
    model: string,
    contextLength: number | undefined,
    signal: AbortSignal,
  ): Promise<LoadResult> {
    return loads.execute(
      async (context): Promise<LoadResult> => {
        const models = await listModels(host, context.signal);
        const [instance] = models.find(({ key }) => sameModel(key, model))?.instances ?? [];
        if (instance !== undefined) return { host: host.name, instanceId: instance.id, alreadyLoaded: true };
        const body = { model, ...(contextLength === undefined ? {} : { context_length: contextLength }) };
        const request: HttpRequest = { method: "POST", path: "/api/v1/models/load", body };
        const { status, text } = await ask(host, request, context.signal).catch(begun);
        const instanceId = field(parsed(text), "instance_id");
        if (status !== 200 || typeof instanceId !== "string")
          throw loadError(errorOfBody(status, text, { host: host.name, model }));
        host.residency.stale();
        return { host: host.name, instanceId, alreadyLoaded: false };
      },
      { key: `${model} ${contextLength ?? ""}`, signal },
    );
  }
}

/** Another attempt might load a second copy, unless the host has given the load up itself. */
function loadError(error: LmStudioError): LmStudioError {
  if (error.code !== "CONTENTION") error.generated = true;
  return error;
}

function begun(error: unknown): never {
  throw error instanceof LmStudioError ? loadError(error) : error;
}

export async function unloadInstance(host: Host, instanceId: string, signal: AbortSignal): Promise<void> {
  const body = { instance_id: instanceId };
  const { status, text } = await ask(host, { method: "POST", path: "/api/v1/models/unload", body }, signal);
  if (status !== 200 || field(parsed(text), "instance_id") === undefined)
    throw errorOfBody(status, text, { host: host.name, model: instanceId });
  host.residency.stale();
}

/** Whether two names mean one model: `key`, `key:2` (an instance), `key@variant`, with or without the publisher. */
export function sameModel(a: string, b: string): boolean {
  const [left, right] = [canonicalName(a), canonicalName(b)];
  return left === right || left.endsWith(`/${right}`) || right.endsWith(`/${left}`);
}

/** The name of the model itself: neither an instance nor a variant. */
export function canonicalName(name: string): string {
  return name
    .toLowerCase()
    .replace(/:\d+$/, "")
    .replace(/@[^/]*$/, "");
}

async function ask(
  { transport }: ListingHost,
  request: HttpRequest,
  signal: AbortSignal,
): Promise<{ status: number; text: string }> {
  const answer = await transport.send(request, signal);
  return { status: answer.status, text: await answer.text() };
}

interface Surface {
  readonly path: string;
  readonly array: string;
  readonly read: (entry: unknown, host: string) => ModelInfo;
}

const surfaces: readonly Surface[] = [
  {
    path: "/api/v1/models",
    array: "models",
    read: (entry, host) => {
      const given = field(entry, "loaded_instances");
      const instances = (Array.isArray(given) ? given : []).map((instance: unknown) => ({
        id: textOf(field(instance, "id")),
        contextLength: numberOf(field(field(instance, "config"), "context_length")),
        parallel: numberOf(field(field(instance, "config"), "parallel")),
      }));
      return {
        host,
        key: textOf(field(entry, "key")),
        type: typeOf(field(entry, "type")),
        loaded: instances.length > 0,
        instances,
        maxContextLength: numberOf(field(entry, "max_context_length")),
        vision: booleanOf(field(field(entry, "capabilities"), "vision")),
      };
    },
  },
  {
    path: "/api/v0/models",
    array: "data",
    read: (entry, host) => {
      const key = textOf(field(entry, "id"));
      const loaded = field(entry, "state") === "loaded";
      const contextLength = numberOf(field(entry, "loaded_context_length"));
      return {
        host,
        key,
        type: typeOf(field(entry, "type")),
        loaded,
        instances: loaded ? [{ id: key, contextLength, parallel: undefined }] : [],
        maxContextLength: numberOf(field(entry, "max_context_length")),
        vision: field(entry, "type") === "vlm",
      };
    },
  },
  {
    path: "/v1/models",
    array: "data",
    read: (entry, host) => ({
      host,
      key: textOf(field(entry, "id")),
      type: "unknown",
      loaded: undefined,
      instances: [],
      maxContextLength: undefined,
      vision: undefined,
    }),
  },
];

function typeOf(value: unknown): ModelInfo["type"] {
  if (value === "llm" || value === "vlm") return "llm";
  return value === "embedding" || value === "embeddings" ? "embedding" : "unknown";
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function booleanOf(value: unknown): boolean | undefined {
  return typeof value === "boolean" ? value : undefined;
}

function numberOf(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}
