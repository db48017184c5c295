// Which path answers what, and how failures leave the host.
import type { IncomingMessage, ServerResponse } from "node:http";
import { chatSurface, completionSurface, v0ChatSurface } from "./chat.ts";
import { createControl } from "./control.ts";
import { createDownloads } from "./downloads.ts";
import { type Body, readBody, sendFrame, sendJson, textOf } from "./exchange.ts";
import { type FaultKind, type FaultPlan, type FaultTarget, faultKinds } from "./faults.ts";
import { configOf, openAiList, v0List, v0Model, v1List } from "./lists.ts";
import type { Memory } from "./memory.ts";
import { messagesSurface } from "./messages.ts";
import { nativeChatSurface } from "./native-chat.ts";
import { overflowBehaviours, type Settings, type SimulatorPatch } from "./options.ts";
import type { RecordedRequest } from "./recorded.ts";
import { GenerationEnded, Refusal, required, unauthorized } from "./refusal.ts";
import { responsesSurface } from "./responses.ts";
import { BrokenConnection, refuseByFault, startRun } from "./run.ts";
import type { Surface } from "./surface.ts";
import { countTokens, seededVector } from "./tokens.ts";

export interface HandlerOptions {
  readonly settings: Settings;
  readonly memory: Memory;
  readonly plan: FaultPlan;
  readonly record: (request: RecordedRequest) => void;
  readonly recorded: () => readonly RecordedRequest[];
  readonly configure: (patch: SimulatorPatch) => void;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** Conversations that the host keeps. */
const maxConversations = 1_000;

export function createHandler({
  settings,
  memory,
  plan,
  record,
  recorded,
  configure,
}: HandlerOptions): Handler {
  const counted: Record<FaultTarget, number> = { inference: 0, load: 0 };
  const conversations = new Map<string, string>();
  const conversationOf = (id: string): string | undefined => conversations.get(id);
  const downloads = createDownloads(settings, memory);
  const control = createControl({ plan, memory, requests: recorded, configure });
  const surfaces: Readonly<Record<string, Surface | undefined>> = {
    "POST /v1/chat/completions": chatSurface,
    "POST /api/v0/chat/completions": v0ChatSurface,
    "POST /v1/completions": completionSurface,
    "POST /api/v0/completions": completionSurface,
    "POST /v1/responses": responsesSurface(conversationOf),
    "POST /v1/messages": messagesSurface(() => settings.messagesSystem),
    "POST /api/v1/chat": nativeChatSurface(conversationOf),
  };

  return async function handle(request, response) {
    const left = new AbortController();
    response.once("close", () => left.abort(new Error("The client has left")));
    const { method = "GET" } = request;
    const path = new URL(request.url ?? "/", "http://localhost").pathname;
    const route = `${method} ${path}`;
    const surface = surfaces[route];
    try {
      const controlled = await control.answer(route, () => readBody(request, settings.maxBodyBytes));
      if (controlled !== undefined) return sendJson(response, 200, controlled);
      authorize(request);
      if (surface !== undefined) await infer(request, response, path, surface, left.signal);
      else if (route === "POST /api/v1/models/load")
        sendJson(response, 200, await load(request, path, left.signal));
      else {
        record({ method, path });
        sendJson(response, 200, await answerFor(route, request));
      }
    } catch (error) {
      fail(response, error, left.signal, surface);
    }
  };

  function authorize({ headers }: IncomingMessage): void {
    if (settings.apiToken === "") return;
    const given = headers.authorization?.replace(/^Bearer /i, "") ?? headers["x-api-key"];
    if (given !== settings.apiToken) throw unauthorized(typeof given === "string" ? given : undefined);
  }

  async function infer(
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    surface: Surface,
    signal: AbortSignal,
  ): Promise<void> {
    const body = await readBody(request, settings.maxBodyBytes);
    const question = surface.read(body);
    const { model } = question;
    const { number, fault } = arrived("inference", request, path, model);
    const loadMs = memory.loadMsOf(model);
    const instanceId = memory.instances().find(({ id }) => id === model)?.id ?? model ?? "";
    const known = fault === undefined && (loadMs !== undefined || memory.instances().length > 0);
    const { clock } = settings;
    const stop = known
      ? surface.waiting?.(response, question, { clock, loadMs, instanceId, signal })
      : undefined;
    const ask = { ...question, number, body, fault, signal };
    const run = await startRun(ask, memory, { ...settings, ...overflowFor(request) }).finally(stop);
    const created = Math.floor(Date.now() / 1_000);
    await surface.answer(response, run, { body, question, clock, created, remember });
  }

  function arrived(
    target: FaultTarget,
    request: IncomingMessage,
    path: string,
    model: string | undefined,
  ): { readonly number: number; readonly fault: FaultKind | undefined } {
    counted[target] += 1;
    const number = counted[target];
    const fault = faultOf(request) ?? plan.pick(number, model ?? "", target);
    record({
      method: "POST",
      path,
      ...(target === "inference" ? { number } : {}),
      ...(model === undefined ? {} : { model }),
      ...(fault === undefined ? {} : { fault }),
    });
    return { number, fault };
  }

  function remember(id: string, conversation: string): void {
    conversations.set(id, conversation);
    for (const oldest of conversations.keys())
      if (conversations.size > maxConversations) conversations.delete(oldest);
  }

  async function load(request: IncomingMessage, path: string, signal: AbortSignal): Promise<object> {
    const body = await readBody(request, settings.maxBodyBytes);
    const key = textOf(body["model"]);
    const { fault } = arrived("load", request, path, key);
    if (key === undefined) throw required("model");
    await refuseByFault(fault, key, signal, "load");
    const length = body["context_length"];
    const { instance, loadMs = 0 } = await memory.load(key, typeof length === "number" ? length : undefined);
    return {
      type: instance.model.type,
      instance_id: instance.id,
      load_time_seconds: loadMs / 1_000,
      status: "loaded",
      ...(body["echo_load_config"] === true ? { load_config: configOf(instance) } : {}),
    };
  }

  async function answerFor(route: string, request: IncomingMessage): Promise<unknown> {
    const instances = memory.instances();
    const models = memory.models();
    const old = instances.filter(({ loadedAt }) => settings.clock.now() - loadedAt >= settings.v0LagMs);
    const body = (): Promise<Body> => readBody(request, settings.maxBodyBytes);
    switch (route) {
      case "GET /lmstudio-greeting":
        return { lmstudio: true };
      case "GET /v1/models":
        return openAiList(models, settings.justInTime, instances);
      case "GET /api/v0/models":
        return v0List(models, old);
      case "GET /api/v1/models":
        return v1List(models, instances);
      case "POST /v1/embeddings":
      case "POST /api/v0/embeddings":
        return embed(await body());
      case "POST /api/v1/models/unload":
        return unload(await body());
      case "POST /api/v1/models/download":
        return downloads.start(modelOf(await body()));
    }
    const [job, key] = ["GET /api/v1/models/download/status/", "GET /api/v0/models/"].map((prefix) =>
      route.startsWith(prefix) ? decodeURIComponent(route.slice(prefix.length)) : undefined,
    );
    if (job !== undefined) return downloads.status(job);
    const model = models.find((candidate) => candidate.key === key);
    if (model !== undefined) return v0Model(model, old);
    // Any other path is answered with 200 (#618); one report has 404.
    throw new Refusal(settings.unknownPathStatus, {
      error: `Unexpected endpoint or method. (${route})`,
    });
  }

  async function embed(body: Body): Promise<object> {
    const { input } = body;
    const inputs = typeof input === "string" ? [input] : input;
    if (!Array.isArray(inputs) || !inputs.every((value) => typeof value === "string"))
      throw required("input");
    const { instance } = await memory.resolve(textOf(body["model"]), "embedding");
    const tokens = inputs.reduce((sum, value) => sum + countTokens(value), 0);
    return {
      object: "list",
      data: inputs.map((value, index) => ({
        object: "embedding",
        embedding: seededVector(settings.seed, value, instance.model.dimensions),
        index,
      })),
      model: instance.id,
      usage: { prompt_tokens: tokens, total_tokens: tokens },
    };
  }

  function unload(body: Body): object {
    const id = textOf(body["instance_id"]);
    if (id === undefined) throw required("instance_id");
    if (!memory.unload(id))
      throw new Refusal(404, {
        error: { type: "model_not_found", message: `No model found with instance id "${id}"` },
      });
    return { instance_id: id };
  }
}

function fail(
  response: ServerResponse,
  error: unknown,
  left: AbortSignal,
  surface: Surface | undefined,
): void {
  const shaped = error instanceof Refusal ? (surface?.refusal?.(error) ?? error) : error;
  if (error instanceof BrokenConnection && response.headersSent)
    // What has been said must arrive before the connection breaks.
    response.write("\n", () => response.destroy());
  else if (error instanceof BrokenConnection || left.aborted) response.destroy();
  else if (shaped instanceof Refusal && !response.headersSent) sendJson(response, shaped.status, shaped.body);
  else if (surface !== undefined && (response.headersSent || wantsStream(error))) {
    const { message, type } = shaped instanceof Refusal ? wordsOf(shaped) : brokenBy(shaped);
    for (const frame of surface.broken(message, type)) sendFrame(response, frame);
    response.end();
  } else if (error instanceof GenerationEnded) {
    const refusal = new Refusal(400, { error: error.message });
    const { status, body } = surface?.refusal?.(refusal) ?? refusal;
    sendJson(response, status, body);
  } else sendJson(response, 500, { error: { type: "internal_error", message: String(error) } });
}

interface Words {
  readonly message: string;
  readonly type: string | undefined;
}

function brokenBy(error: unknown): Words {
  return error instanceof GenerationEnded ? error : { message: String(error), type: undefined };
}

/** An overflow is told in a stream of status 200, even though nothing has been sent before. */
function wantsStream(error: unknown): boolean {
  return error instanceof GenerationEnded && error.message.startsWith("Input does not fit");
}

/** A refusal that comes when a stream has begun. */
function wordsOf({ body, message }: Refusal): Words {
  const { error } = body as { error?: { message?: string; type?: string } | string };
  if (typeof error === "string") return { message: error, type: undefined };
  return { message: error?.message ?? message, type: error?.type };
}

/** The header `x-simulator-fault` asks for a fault for this request alone. */
function faultOf({ headers }: IncomingMessage): FaultKind | undefined {
  return faultKinds.find((kind) => kind === headers["x-simulator-fault"]);
}

/** The header `x-simulator-overflow` asks for a behaviour for this request alone. */
function overflowFor({ headers }: IncomingMessage): Pick<SimulatorPatch, "overflow"> {
  const overflow = overflowBehaviours.find((behaviour) => behaviour === headers["x-simulator-overflow"]);
  return overflow === undefined ? {} : { overflow };
}

function modelOf(body: Body): string {
  const key = textOf(body["model"]);
  if (key === undefined) throw required("model");
  return key;
}
