// What a host has and holds: the list from the newest of its three surfaces.
import { errorOfBody, field, parsed } from "./classify.ts";
import { LmStudioError } from "./errors.ts";
import type { HttpRequest, Transport } from "./transport.ts";
import type { Backend } from "./wire/index.ts";

/** What is needed of a host to ask it for its models. */
interface ListingHost {
  readonly name: string;
  readonly api: Backend;
  readonly transport: Transport;
}

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

/** A question to a host that is no inference. */
export async function ask(
  { transport }: Pick<ListingHost, "transport">,
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
