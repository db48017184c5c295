// `/v1/messages`: Anthropic's shape, its blocks and its errors.
import type { ServerResponse } from "node:http";
import { type Body, countOf, type Frame, sendFrame, sendJson, textOf } from "./exchange.ts";
import { contentOf, joined, promptOf } from "./prompt.ts";
import { Refusal } from "./refusal.ts";
import type { Piece, Run } from "./run.ts";
import type { Surface } from "./surface.ts";

/** @param takesSystem - one headless build failed on the `system` field (#2204). */
export function messagesSurface(takesSystem: () => boolean): Surface {
  return {
    read(body) {
      if (!takesSystem() && "system" in body)
        throw new Refusal(400, errorBody("invalid_request_error", "Unexpected message role."));
      return {
        model: textOf(body["model"]),
        prompt: joined([contentOf(body["system"]), promptOf(body["messages"])]),
        maxTokens: countOf(body["max_tokens"]) ?? Infinity,
        stream: body["stream"] === true,
        structured: false,
      };
    },
    answer: (response, run, context) =>
      context.question.stream ? streamed(response, run) : whole(response, run),
    // What the engine refuses with 400 comes up as 500 here (#2220).
    refusal: (refusal) => {
      const { status, message, body } = refusal;
      // Express's own page has no shape.
      if (typeof body === "string") return refusal;
      const fromEngine = status === 400 && message.includes("Engine protocol");
      const type =
        status >= 500 || fromEngine ? "api_error" : (errorTypes[status] ?? "invalid_request_error");
      return new Refusal(fromEngine ? 500 : status, errorBody(type, messageOf(body)));
    },
    broken: (message) => [{ event: "error", data: errorBody("api_error", message) }],
  };
}

async function whole(response: ServerResponse, run: Run): Promise<void> {
  const texts = { content: "", reasoning: "", silent: "" };
  let tokens = 0;
  for await (const { channel, text } of run.pieces()) {
    tokens += 1;
    texts[channel] += text;
  }
  const content = [
    ...(texts.reasoning === "" ? [] : [{ type: "thinking", thinking: texts.reasoning, signature: "" }]),
    ...(texts.content === "" ? [] : [{ type: "text", text: texts.content }]),
    ...run.toolCalls.map(({ id, name, arguments: text }) => ({
      type: "tool_use",
      id,
      name,
      input: JSON.parse(text) as unknown,
    })),
  ];
  const usage = { input_tokens: run.promptTokens, output_tokens: tokens };
  sendJson(response, 200, { ...head(run), content, stop_reason: stopReasons[run.finishReason], usage });
}

async function streamed(response: ServerResponse, run: Run): Promise<void> {
  let open: Piece["channel"] | undefined;
  let index = -1;
  let tokens = 0;
  const usage = { input_tokens: run.promptTokens, output_tokens: 0 };
  let begun = false;
  for await (const { channel, text } of run.pieces()) {
    begin();
    tokens += 1;
    if (channel === "silent") continue;
    if (channel !== open) {
      close();
      start(
        channel === "reasoning"
          ? { type: "thinking", thinking: "", signature: "" }
          : { type: "text", text: "" },
      );
      open = channel;
    }
    delta(
      channel === "reasoning" ? { type: "thinking_delta", thinking: text } : { type: "text_delta", text },
    );
  }
  begin();
  close();
  for (const { id, name, arguments: json } of run.toolCalls) {
    start({ type: "tool_use", id, name, input: {} });
    const middle = Math.ceil(json.length / 2);
    for (const partial of [json.slice(0, middle), json.slice(middle)])
      delta({ type: "input_json_delta", partial_json: partial });
    open = "content";
    close();
  }
  if (!run.mute) {
    const stop = { stop_reason: stopReasons[run.finishReason], stop_sequence: null };
    send({ type: "message_delta", delta: stop, usage: { output_tokens: tokens } });
    send({ type: "message_stop" });
  }
  response.end();

  function begin(): void {
    if (begun || run.mute) return;
    begun = true;
    send({ type: "message_start", message: { ...head(run), content: [], stop_reason: null, usage } });
  }

  function start(block: object): void {
    index += 1;
    send({ type: "content_block_start", index, content_block: block });
  }

  function delta(part: object): void {
    send({ type: "content_block_delta", index, delta: part });
  }

  function close(): void {
    if (open !== undefined) send({ type: "content_block_stop", index });
    open = undefined;
  }

  function send(data: { readonly type: string } & Readonly<Record<string, unknown>>): void {
    const frame: Frame = { event: data.type, data };
    sendFrame(response, frame);
  }
}

function head({ id, model }: Run): object {
  return { id: `msg_${id}`, type: "message", role: "assistant", model, stop_sequence: null };
}

const stopReasons = { stop: "end_turn", length: "max_tokens", tool_calls: "tool_use" } as const;

const errorTypes: Readonly<Record<number, string>> = { 401: "authentication_error", 404: "not_found_error" };

function errorBody(type: string, message: string): object {
  return { type: "error", error: { type, message } };
}

function messageOf(body: unknown): string {
  const error = (body as Body)["error"];
  if (typeof error === "string") return error;
  const message = (error as Body | undefined)?.["message"];
  return typeof message === "string" ? message : JSON.stringify(body);
}
