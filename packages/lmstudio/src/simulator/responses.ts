// `/v1/responses`: items, numbered events, and conversations that the host keeps.
import type { ServerResponse } from "node:http";
import { type Body, countOf, isBody, sendFrame, sendJson, textOf } from "./exchange.ts";
import { contentOf, joined, type Prompt } from "./prompt.ts";
import { badResponseFormat, missingParameter, Refusal } from "./refusal.ts";
import type { Run } from "./run.ts";
import type { AnswerContext, Surface } from "./surface.ts";

/** @param conversationOf - what was said under an earlier answer's id. */
export function responsesSurface(conversationOf: (id: string) => string | undefined): Surface {
  return {
    read(body) {
      return {
        model: textOf(body["model"]),
        prompt: joined([
          earlier(body),
          { text: textOf(body["instructions"]) ?? "", images: 0 },
          inputOf(body),
        ]),
        maxTokens: countOf(body["max_output_tokens"]) ?? Infinity,
        stream: body["stream"] === true,
        structured: structuredBy(body),
      };
    },
    answer: async (response, run, context) => {
      const said = await (context.question.stream ? streamed : whole)(response, run, context);
      if (context.body["store"] !== false)
        context.remember(`resp_${run.id}`, `${context.question.prompt.text}\n${said}`);
    },
    broken: (message, type = "server_error") => [
      { event: "error", data: { type: "error", code: type, message, param: null } },
    ],
  };

  function earlier(body: Body): Prompt {
    const id = textOf(body["previous_response_id"]);
    if (id === undefined) return { text: "", images: 0 };
    const text = conversationOf(id);
    const message = `Previous response with id '${id}' not found.`;
    if (text === undefined)
      throw new Refusal(400, {
        error: {
          message,
          type: "invalid_request_error",
          param: "previous_response_id",
          code: "previous_response_not_found",
        },
      });
    return { text, images: 0 };
  }
}

function inputOf({ input }: Body): Prompt {
  if (typeof input === "string") return { text: input, images: 0 };
  if (!Array.isArray(input)) throw missingParameter("input");
  return joined(
    input.map((item: unknown) => contentOf(isBody(item) ? (item["content"] ?? item["output"]) : undefined)),
  );
}

function structuredBy({ text }: Body): boolean {
  if (!isBody(text)) return false;
  const { format } = text;
  if (!isBody(format)) throw missingParameter("text.format");
  if (format["type"] !== "json_schema" && format["type"] !== "text") throw badResponseFormat();
  return format["type"] === "json_schema";
}

async function whole(response: ServerResponse, run: Run, context: AnswerContext): Promise<string> {
  const texts = { content: "", reasoning: "", silent: "" };
  const counted = { all: 0, reasoning: 0 };
  for await (const { channel, text } of run.pieces()) {
    counted.all += 1;
    if (channel === "reasoning") counted.reasoning += 1;
    texts[channel] += text;
  }
  sendJson(response, 200, bodyOf(run, context, itemsOf(run, texts), counted));
  return texts.content;
}

async function streamed(response: ServerResponse, run: Run, context: AnswerContext): Promise<string> {
  const texts = { content: "", reasoning: "", silent: "" };
  const counted = { all: 0, reasoning: 0 };
  let sequence = 0;
  let index = -1;
  let open: "content" | "reasoning" | undefined;
  if (!run.mute) {
    const started = { ...bodyOf(run, context, [], counted), status: "in_progress", usage: null };
    send("response.created", { response: started });
    send("response.in_progress", { response: started });
  }
  for await (const { channel, text } of run.pieces()) {
    counted.all += 1;
    if (channel === "silent") continue;
    if (channel === "reasoning") counted.reasoning += 1;
    if (channel !== open) {
      close();
      start(channel);
    }
    texts[channel] += text;
    send(`response.${kinds[channel].part}.delta`, { ...at(), delta: text, ...logprobs(channel) });
  }
  close();
  const items = itemsOf(run, texts);
  for (const item of items.filter(({ type }) => type === "function_call")) {
    index += 1;
    send("response.output_item.added", { output_index: index, item: { ...item, arguments: "" } });
    const place = { item_id: item.id, output_index: index };
    send("response.function_call_arguments.delta", { ...place, delta: item["arguments"] });
    send("response.function_call_arguments.done", {
      ...place,
      arguments: item["arguments"],
      name: item["name"],
    });
    send("response.output_item.done", { output_index: index, item });
  }
  if (!run.mute) {
    const kind = run.finishReason === "length" ? "response.incomplete" : "response.completed";
    send(kind, { response: bodyOf(run, context, items, counted) });
  }
  response.end();
  return texts.content;

  function at(): object {
    return { item_id: itemId(run, open ?? "content"), output_index: index, content_index: 0 };
  }

  function start(channel: "content" | "reasoning"): void {
    open = channel;
    index += 1;
    const item = { ...itemOf(run, channel, ""), status: "in_progress", content: [] };
    send("response.output_item.added", { output_index: index, item });
    send("response.content_part.added", { ...at(), part: partOf(channel, "") });
  }

  function close(): void {
    if (open === undefined) return;
    const text = texts[open];
    send(`response.${kinds[open].part}.done`, { ...at(), text, ...logprobs(open) });
    send("response.content_part.done", { ...at(), part: partOf(open, text) });
    send("response.output_item.done", { output_index: index, item: itemOf(run, open, text) });
    open = undefined;
  }

  function send(type: string, data: object): void {
    sendFrame(response, { event: type, data: { type, sequence_number: sequence, ...data } });
    sequence += 1;
  }
}

const kinds = {
  content: { item: "message", prefix: "msg", part: "output_text" },
  reasoning: { item: "reasoning", prefix: "rs", part: "reasoning_text" },
} as const;

type Item = { readonly type: string; readonly id: string } & Readonly<Record<string, unknown>>;

function itemsOf(run: Run, { content, reasoning }: { content: string; reasoning: string }): readonly Item[] {
  return [
    ...(reasoning === "" ? [] : [itemOf(run, "reasoning", reasoning)]),
    ...(content === "" ? [] : [itemOf(run, "content", content)]),
    ...run.toolCalls.map(({ id, name, arguments: text }) => ({
      type: "function_call",
      id: `fc_${id}`,
      call_id: id,
      name,
      arguments: text,
      status: "completed",
    })),
  ];
}

function itemOf(run: Run, channel: "content" | "reasoning", text: string): Item {
  const own = channel === "content" ? { role: "assistant" } : { summary: [] };
  const id = itemId(run, channel);
  return { id, type: kinds[channel].item, status: "completed", ...own, content: [partOf(channel, text)] };
}

function partOf(channel: "content" | "reasoning", text: string): object {
  return {
    type: kinds[channel].part,
    text,
    ...(channel === "content" ? { annotations: [], logprobs: [] } : {}),
  };
}

function logprobs(channel: "content" | "reasoning"): object {
  return channel === "content" ? { logprobs: [] } : {};
}

function itemId({ id }: Run, channel: "content" | "reasoning"): string {
  return `${kinds[channel].prefix}_${id}`;
}

function bodyOf(
  run: Run,
  { body, created }: AnswerContext,
  output: readonly Item[],
  { all, reasoning }: { all: number; reasoning: number },
): object {
  const cut = run.finishReason === "length";
  return {
    id: `resp_${run.id}`,
    object: "response",
    created_at: created,
    status: cut ? "incomplete" : "completed",
    error: null,
    incomplete_details: cut ? { reason: "max_output_tokens" } : null,
    instructions: body["instructions"] ?? null,
    model: run.model,
    output,
    previous_response_id: body["previous_response_id"] ?? null,
    parallel_tool_calls: true,
    tool_choice: "auto",
    tools: [],
    metadata: {},
    temperature: 1,
    top_p: 1,
    usage: {
      input_tokens: run.promptTokens,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: all,
      output_tokens_details: { reasoning_tokens: reasoning },
      total_tokens: run.promptTokens + all,
    },
  };
}
