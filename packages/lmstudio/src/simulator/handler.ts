// Which path answers what, and how failures leave the host.
import type { IncomingMessage, ServerResponse } from "node:http";
import { promptOf, type Shape, writeAnswer } from "./chat.ts";
import { type Body, openEventStream, readBody, sendJson } from "./exchange.ts";
import { type FaultKind, type FaultPlan, faultKinds } from "./faults.ts";
import { configOf, openAiList, v0List, v0Model, v1List } from "./lists.ts";
import type { Memory } from "./memory.ts";
import type { Settings } from "./options.ts";
import { badResponseFormat, GenerationEnded, Refusal, required, unauthorized } from "./refusal.ts";
import { BrokenConnection, startRun } from "./run.ts";
import type { RecordedRequest } from "./simulator.ts";
import { countTokens, seededVector } from "./tokens.ts";

export interface HandlerOptions {
  readonly settings: Settings;
  readonly memory: Memory;
  readonly plan: FaultPlan;
  readonly record: (request: RecordedRequest) => void;
}

export function createHandler({
  settings,
  memory,
  plan,
  record,
}: HandlerOptions): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  let inferences = 0;

  return async function handle(request, response) {
    const left = new AbortController();
    response.once("close", () => left.abort(new Error("The client has left")));
    const { method = "GET" } = request;
    const path = new URL(request.url ?? "/", "http://localhost").pathname;
    try {
      authorize(request);
      const route = `${method} ${path}`;
      const shape = shapes[route];
      if (shape !== undefined) await infer(request, response, path, shape, left.signal);
      else {
        record({ method, path });
        sendJson(response, 200, await answerFor(route, request));
      }
    } catch (error) {
      fail(response, error, left.signal);
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
    shape: Shape,
    signal: AbortSignal,
  ): Promise<void> {
    const body = await readBody(request, settings.maxBodyBytes);
    const prompt = shape === "completion" ? textPrompt(body) : promptOf(body["messages"]);
    inferences += 1;
    const number = inferences;
    const model = text(body["model"]);
    const fault = faultOf(request) ?? plan.pick(number, model ?? "");
    record({
      method: "POST",
      path,
      number,
      ...(model === undefined ? {} : { model }),
      ...(fault === undefined ? {} : { fault }),
    });
    const stream = body["stream"] === true;
    const structured = structuredBy(body["response_format"]);
    const maxTokens = body["max_tokens"] ?? body["max_completion_tokens"];
    const run = await startRun(
      {
        number,
        model,
        prompt,
        maxTokens: typeof maxTokens === "number" && maxTokens > 0 ? maxTokens : Infinity,
        stream,
        structured,
        fault,
        signal,
      },
      memory,
      settings,
    );
    const options = body["stream_options"];
    const includeUsage =
      typeof options === "object" &&
      options !== null &&
      "include_usage" in options &&
      options.include_usage === true;
    const created = Math.floor(Date.now() / 1_000);
    await writeAnswer(response, run, { shape, stream, includeUsage, created }, settings.clock);
  }

  async function answerFor(route: string, request: IncomingMessage): Promise<unknown> {
    const instances = memory.instances();
    switch (route) {
      case "GET /lmstudio-greeting":
        return { lmstudio: true };
      case "GET /v1/models":
        return openAiList(settings, instances);
      case "GET /api/v0/models":
        return v0List(settings, instances);
      case "GET /api/v1/models":
        return v1List(settings, instances);
      case "POST /v1/embeddings":
      case "POST /api/v0/embeddings":
        return embed(await readBody(request, settings.maxBodyBytes));
      case "POST /api/v1/models/load":
        return load(await readBody(request, settings.maxBodyBytes));
      case "POST /api/v1/models/unload":
        return unload(await readBody(request, settings.maxBodyBytes));
    }
    const prefix = "GET /api/v0/models/";
    const key = route.startsWith(prefix) ? decodeURIComponent(route.slice(prefix.length)) : undefined;
    const model = settings.models.find((candidate) => candidate.key === key);
    if (model !== undefined) return v0Model(model, instances);
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
    const { instance } = await memory.resolve(text(body["model"]), "embedding");
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

  async function load(body: Body): Promise<object> {
    const key = text(body["model"]);
    if (key === undefined) throw required("model");
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

  function unload(body: Body): object {
    const id = text(body["instance_id"]);
    if (id === undefined) throw required("instance_id");
    if (!memory.unload(id))
      throw new Refusal(404, {
        error: { type: "model_not_found", message: `No model found with instance id "${id}"` },
      });
    return { instance_id: id };
  }
}

const shapes: Readonly<Record<string, Shape | undefined>> = {
  "POST /v1/chat/completions": "chat",
  "POST /api/v0/chat/completions": "chat-v0",
  "POST /v1/completions": "completion",
};

function fail(response: ServerResponse, error: unknown, left: AbortSignal): void {
  if (error instanceof BrokenConnection && response.headersSent)
    // What has been said must arrive before the connection breaks.
    response.write("\n", () => response.destroy());
  else if (error instanceof BrokenConnection || left.aborted) response.destroy();
  else if (error instanceof Refusal) sendJson(response, error.status, error.body);
  else if (error instanceof GenerationEnded && (response.headersSent || wantsStream(error))) {
    openEventStream(response).error(error.message);
    response.end();
  } else if (error instanceof GenerationEnded) sendJson(response, 400, { error: error.message });
  else sendJson(response, 500, { error: { type: "internal_error", message: String(error) } });
}

/** An overflow is told in a stream of status 200, even though nothing has been sent before. */
function wantsStream({ message }: GenerationEnded): boolean {
  return message.startsWith("Input does not fit");
}

/** The header `x-simulator-fault` asks for a fault for this request alone. */
function faultOf({ headers }: IncomingMessage): FaultKind | undefined {
  return faultKinds.find((kind) => kind === headers["x-simulator-fault"]);
}

function structuredBy(format: unknown): boolean {
  if (typeof format !== "object" || format === null || !("type" in format)) return false;
  if (format.type !== "json_schema" && format.type !== "text") throw badResponseFormat();
  return format.type === "json_schema";
}

function textPrompt(body: Body): string {
  const prompt = text(body["prompt"]);
  if (prompt === undefined) throw required("prompt");
  return prompt;
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
