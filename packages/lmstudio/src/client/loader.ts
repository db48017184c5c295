// Loads that add no second copy, and unloads.
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
import { sameModel } from "./model-names.ts";
import { ask, listModels } from "./models.ts";
import type { HttpRequest } from "./transport.ts";

export interface LoadResult {
  readonly host: string;
  readonly instanceId: string;
  /** It was loaded before; nothing was done. */
  readonly alreadyLoaded: boolean;
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
