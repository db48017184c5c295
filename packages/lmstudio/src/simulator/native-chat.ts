// `/api/v1/chat`: the host's own chat. It alone reports how a load and the reading of a prompt go on, and keeps
// conversations; it takes neither an assistant's messages nor tools of the caller.
import type { ServerResponse } from "node:http";
import { ttlOf } from "./chat.ts";
import { type Body, countOf, isBody, sendFrame, sendJson, textOf } from "./exchange.ts";
import { contentOf, joined, type Prompt } from "./prompt.ts";
import { nativeError, Refusal } from "./refusal.ts";
import type { Run } from "./run.ts";
import { type Speed, speedOf } from "./stats.ts";
import type { AnswerContext, Surface, Wait } from "./surface.ts";

/** @param conversationOf - what was said under an earlier answer's id. */
export function nativeChatSurface(conversationOf: (id: string) => string | undefined): Surface {
  return {
    read(body) {
      const unknown = ["messages", "tools"].find((name) => name in body);
      if (unknown !== undefined)
        throw nativeError(400, "invalid_request", `Unrecognized key(s) in object: '${unknown}'`);
      return {
        model: textOf(body["model"]),
        prompt: joined([
          earlier(body),
          { text: textOf(body["system_prompt"]) ?? "", images: 0 },
          inputOf(body),
        ]),
        maxTokens: countOf(body["max_output_tokens"]) ?? Infinity,
        stream: body["stream"] === true,
        structured: false,
        wish: { contextLength: countOf(body["context_length"]), ttlMs: ttlOf(body) },
      };
    },
    waiting: (response, { stream }, wait) => (stream ? reportLoad(response, wait) : () => {}),
    answer: async (response, run, context) => {
      const speed = speedOf(context.clock);
      const said = await (context.question.stream ? streamed : whole)(response, run, context, speed);
      if (context.body["store"] !== false)
        context.remember(`resp_${run.id}`, `${context.question.prompt.text}\n${said}`);
    },
    refusal: (refusal) => {
      const { status, body } = refusal;
      // Express's own page has no shape.
      if (typeof body === "string") return refusal;
      const error = isBody(body) ? body["error"] : undefined;
      if (isBody(error) && typeof error["type"] === "string" && !("param" in error))
        return new Refusal(status, body);
      const message = (isBody(error) ? textOf(error["message"]) : textOf(error)) ?? String(body);
      const type = status === 404 ? "model_not_found" : status >= 500 ? "internal_error" : "invalid_request";
      return new Refusal(status, { error: { type, message } });
    },
    broken: (message, type = "internal_error") => [
      { event: "error", data: { type: "error", error: { type, message } } },
      { event: "chat.end", data: { type: "chat.end", result: null } },
    ],
  };

  function earlier(body: Body): Prompt {
    const id = textOf(body["previous_response_id"]);
    if (id === undefined) return { text: "", images: 0 };
    const text = conversationOf(id);
    if (text === undefined) throw nativeError(400, "invalid_request", `No stored response with id '${id}'`);
    return { text, images: 0 };
  }
}

function inputOf({ input }: Body): Prompt {
  if (typeof input === "string") return { text: input, images: 0 };
  if (!Array.isArray(input)) throw nativeError(400, "invalid_request", "'input' is required");
  // The documentation has `message`, its example of an image `text`.
  return contentOf(
    input.map((item: unknown) => {
      const type = isBody(item) ? item["type"] : undefined;
      if (type !== "message" && type !== "text" && type !== "image")
        throw nativeError(400, "invalid_request", `Invalid input type: ${String(type)}`);
      return item;
    }),
  );
}

/** Quarters of the load, as time passes. */
function reportLoad(response: ServerResponse, { clock, loadMs, instanceId, signal }: Wait): () => void {
  send(response, "chat.start", { model_instance_id: instanceId });
  if (loadMs === undefined) return () => {};
  send(response, "model_load.start", { model_instance_id: instanceId });
  const done = new AbortController();
  const either = AbortSignal.any([signal, done.signal]);
  void (async () => {
    for (let part = 1; part < 4; part += 1) {
      await clock.sleep(loadMs / 4, either);
      send(response, "model_load.progress", { model_instance_id: instanceId, progress: part / 4 });
    }
  })().catch(() => {});
  return () => done.abort(new Error("loaded"));
}

async function whole(
  response: ServerResponse,
  run: Run,
  context: AnswerContext,
  speed: Speed,
): Promise<string> {
  const said = await collect(run, speed, () => {});
  sendJson(response, 200, resultOf(run, context, speed, said));
  return said.content;
}

async function streamed(
  response: ServerResponse,
  run: Run,
  context: AnswerContext,
  speed: Speed,
): Promise<string> {
  const instance = { model_instance_id: run.instance.id };
  if (run.loadMs !== undefined)
    send(response, "model_load.end", { ...instance, load_time_seconds: run.loadMs / 1_000 });
  send(response, "prompt_processing.start", {});
  send(response, "prompt_processing.progress", { progress: 0 });
  let open: "message" | "reasoning" | undefined;
  let reading = true;
  const said = await collect(run, speed, (channel, text) => {
    if (reading) {
      reading = false;
      send(response, "prompt_processing.progress", { progress: 1 });
      send(response, "prompt_processing.end", {});
    }
    const kind = channel === "content" ? "message" : "reasoning";
    if (open !== kind) {
      if (open !== undefined) send(response, `${open}.end`, {});
      send(response, `${kind}.start`, {});
      open = kind;
    }
    send(response, `${kind}.delta`, { content: text });
  });
  if (open !== undefined) send(response, `${open}.end`, {});
  for (const call of toolItems(run)) {
    send(response, "tool_call.start", { tool: call.tool, provider_info: call.provider_info });
    send(response, "tool_call.arguments", { tool: call.tool, arguments: call.arguments });
    send(response, "tool_call.success", { ...call, type: "tool_call.success" });
  }
  if (!run.mute) send(response, "chat.end", { result: resultOf(run, context, speed, said) });
  response.end();
  return said.content;
}

interface Said {
  readonly content: string;
  readonly reasoning: string;
  readonly tokens: number;
  readonly reasoningTokens: number;
}

async function collect(
  run: Run,
  speed: Speed,
  onPiece: (channel: "content" | "reasoning", text: string) => void,
): Promise<Said> {
  const texts = { content: "", reasoning: "", silent: "" };
  let tokens = 0;
  let reasoningTokens = 0;
  for await (const { channel, text } of run.pieces()) {
    speed.token();
    tokens += 1;
    if (channel === "reasoning") reasoningTokens += 1;
    texts[channel] += text;
    if (channel !== "silent") onPiece(channel, text);
  }
  return { content: texts.content, reasoning: texts.reasoning, tokens, reasoningTokens };
}

function resultOf(run: Run, { body }: AnswerContext, speed: Speed, said: Said): object {
  const { tokensPerSecond, firstTokenSeconds } = speed.read();
  return {
    model_instance_id: run.model,
    output: [
      ...(said.reasoning === "" ? [] : [{ type: "reasoning", content: said.reasoning }]),
      ...toolItems(run),
      ...(said.content === "" ? [] : [{ type: "message", content: said.content }]),
    ],
    stats: {
      input_tokens: run.promptTokens,
      total_output_tokens: said.tokens,
      reasoning_output_tokens: said.reasoningTokens,
      tokens_per_second: tokensPerSecond,
      time_to_first_token_seconds: firstTokenSeconds,
      ...(run.loadMs === undefined ? {} : { model_load_time_seconds: run.loadMs / 1_000 }),
    },
    ...(body["store"] === false ? {} : { response_id: `resp_${run.id}` }),
  };
}

/** The host calls its tools itself; here they answer nothing. */
function toolItems(run: Run) {
  return run.toolCalls.map(({ name, arguments: text }) => ({
    type: "tool_call",
    tool: name,
    arguments: JSON.parse(text) as unknown,
    output: "",
    provider_info: { type: "ephemeral_mcp", server_label: "simulated" },
  }));
}

function send(response: ServerResponse, type: string, data: object): void {
  sendFrame(response, { event: type, data: { type, ...data } });
}
