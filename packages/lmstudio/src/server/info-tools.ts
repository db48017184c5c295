// `health_check`, `list_models` and `get_current_model`.
import type { CallToolResult } from "@modelcontextprotocol/server";
import type { HostStatus } from "../client/client.ts";
import type { ModelInfo } from "../client/models.ts";
import type { ToolContext } from "./context.ts";
import { describeError, errorOutput, resultOf } from "./results.ts";
import type { CurrentOutput, ErrorOutput, HealthOutput, ModelsOutput } from "./tool-types.ts";

interface Listing {
  readonly host: HostStatus;
  readonly models: readonly ModelInfo[];
  readonly error: ErrorOutput | undefined;
  readonly latencyMs: number;
}

/** A host that is up says what it has within this time, in milliseconds. */
const answersWithinMs = 10_000;

export async function healthCheck(context: ToolContext, signal: AbortSignal): Promise<CallToolResult> {
  const listings = await listAll(context, signal);
  const hosts: HealthOutput["hosts"] = listings.map(({ host, models, error, latencyMs }) => ({
    name: host.name,
    api: host.api,
    url: host.url,
    reachable: error === undefined,
    ...(error === undefined ? { latency_ms: Math.round(latencyMs) } : { error }),
    loaded: models.filter(({ loaded }) => loaded === true).map(({ key }) => key),
    circuit: host.circuit,
    in_flight: host.inFlight,
    waiting: host.waiting,
  }));
  const ok = hosts.every(({ reachable }) => reachable);
  const lines = hosts.map(
    ({ name, reachable, latency_ms: ms, loaded, error }) =>
      `- ${name}: ${reachable ? `running (${ms} ms), ${loaded.length === 0 ? "nothing loaded" : `loaded: ${loaded.join(", ")}`}` : error === undefined ? "not reachable" : describeError(error)}`,
  );
  const head = ok
    ? "LM Studio API is running"
    : hosts.some(({ reachable }) => reachable)
      ? "LM Studio API is running on some hosts only"
      : "LM Studio API is not reachable";
  return resultOf([head, ...lines].join("\n"), { ok, hosts } satisfies HealthOutput);
}

export async function listModelsTool(
  context: ToolContext,
  host: string | undefined,
  signal: AbortSignal,
): Promise<CallToolResult> {
  if (host !== undefined && !context.client.hosts().some(({ name }) => name === host)) {
    const names = context.client.hosts().map(({ name }) => name);
    const error = {
      code: "INVALID_ARGUMENT",
      message: `host must be one of ${names.join(", ")}, got ${host}`,
    };
    return resultOf(
      describeError(error),
      { ok: false, models: [], errors: [error] } satisfies ModelsOutput,
      true,
    );
  }
  const listings = await listAll(context, signal, host);
  const errors = listings.flatMap(({ error }) => error ?? []);
  const models: ModelsOutput["models"] = listings
    .flatMap(({ models: listed }) => listed)
    .map((model) => {
      const [instance] = model.instances;
      return {
        key: model.key,
        host: model.host,
        type: model.type,
        ...(model.loaded === undefined ? {} : { loaded: model.loaded }),
        ...(instance?.contextLength === undefined ? {} : { context_length: instance.contextLength }),
        ...(model.maxContextLength === undefined ? {} : { max_context_length: model.maxContextLength }),
        ...(instance?.parallel === undefined ? {} : { parallel: instance.parallel }),
        ...(model.vision === undefined ? {} : { vision: model.vision }),
      };
    });
  const lines = models.map(
    ({ key, host: at, type, loaded, context_length: length }) =>
      `- ${key} (${[type, loaded === true ? "loaded" : loaded === false ? "not loaded" : undefined, length === undefined ? undefined : `context ${length}`, at].filter(Boolean).join(", ")})`,
  );
  const failed = listings.length > 0 && errors.length === listings.length;
  const text = [
    models.length === 0 ? "No models" : "Available models:",
    ...lines,
    ...errors.map(describeError),
  ].join("\n");
  return resultOf(text, { ok: !failed, models, errors } satisfies ModelsOutput, failed);
}

export async function currentModel(context: ToolContext, signal: AbortSignal): Promise<CallToolResult> {
  const listings = await listAll(context, signal);
  const current = listings
    .flatMap(({ models }) => models)
    .find(({ type, loaded }) => type !== "embedding" && loaded === true);
  if (current !== undefined) {
    const [instance] = current.instances;
    return resultOf(current.key, {
      ok: true,
      model: current.key,
      host: current.host,
      ...(instance?.contextLength === undefined ? {} : { context_length: instance.contextLength }),
      ...(instance?.parallel === undefined ? {} : { parallel: instance.parallel }),
    } satisfies CurrentOutput);
  }
  const [error] = listings.flatMap((listing) => listing.error ?? []);
  if (error !== undefined)
    return resultOf(describeError(error), { ok: false, error } satisfies CurrentOutput, true);
  return resultOf("No model is loaded", { ok: true } satisfies CurrentOutput);
}

/** Hosts one beside the other; one that is down does not hold the others up. */
async function listAll(
  { client, clock }: ToolContext,
  signal: AbortSignal,
  only?: string,
): Promise<readonly Listing[]> {
  const hosts = client.hosts().filter(({ name }) => only === undefined || name === only);
  return Promise.all(
    hosts.map(async (host): Promise<Listing> => {
      const startedAt = clock.now();
      try {
        const models = await client.models.list({ host: host.name, signal, timeoutMs: answersWithinMs });
        return { host, models, error: undefined, latencyMs: clock.now() - startedAt };
      } catch (error) {
        signal.throwIfAborted();
        return { host, models: [], error: errorOutput(error), latencyMs: clock.now() - startedAt };
      }
    }),
  );
}
