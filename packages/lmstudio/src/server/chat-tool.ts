// `chat_completion`: one question to one model. What has come when the time is up comes back, marked as partial.
import type { CallToolResult } from "@modelcontextprotocol/server";
import type { CallSettings } from "../client/caller.ts";
import { LmStudioError } from "../client/errors.ts";
import type { Answer, AnswerEvent } from "../client/generate.ts";
import type { ChatRequest } from "../client/requests.ts";
import { routeTask } from "../multi-agent/task-routes.ts";
import type { ToolContext } from "./context.ts";
import type { Progress } from "./progress.ts";
import { describeError, errorOutput, resultOf } from "./results.ts";
import type { ChatInput, ChatOutput } from "./tool-types.ts";

/** What has come so far. */
interface SoFar {
  text: string;
  reasoning: string;
}

export async function chatCompletion(
  context: ToolContext,
  input: ChatInput,
  progress: Progress,
  signal: AbortSignal,
): Promise<CallToolResult> {
  const { client, clock } = context;
  const timeoutMs =
    input.timeout_seconds === undefined ? context.toolTimeoutMs : input.timeout_seconds * 1_000;
  const until = clock.now() + timeoutMs;
  const soFar: SoFar = { text: "", reasoning: "" };
  let model: string | undefined;
  try {
    model = await modelFor(context, input, signal);
    const request = requestOf(input, model);
    const host = input.host === undefined ? {} : { host: input.host };
    const settings = (): CallSettings => ({ ...host, signal, timeoutMs: Math.max(1, until - clock.now()) });
    const answer = await follow(request);
    return answerResult(answer);

    async function follow(asked: ChatRequest): Promise<Answer> {
      try {
        return await read(client.streamChat(asked, settings()), asked.model, soFar, progress);
      } catch (error) {
        // An older host has no chat of its own.
        const missing = error instanceof LmStudioError && error.code === "UNEXPECTED_ENDPOINT";
        if (asked.api !== "native" || !missing) throw error;
        return read(
          client.streamChat({ ...asked, api: "chat-completions" }, settings()),
          asked.model,
          soFar,
          progress,
        );
      }
    }
  } catch (error) {
    signal.throwIfAborted();
    const known = errorOutput(error);
    const partial = known.code === "DEADLINE_EXCEEDED" && soFar.text !== "";
    const output = {
      ok: partial,
      partial,
      text: soFar.text,
      ...(soFar.reasoning === "" ? {} : { reasoning: soFar.reasoning }),
      ...(model === undefined ? {} : { model }),
      error: known,
    } satisfies ChatOutput;
    const text = partial
      ? `${soFar.text}\n\n[cut off after ${timeoutMs / 1_000} s; more time with timeout_seconds]`
      : describeError(known);
    return resultOf(text, output, !partial);
  }

  function requestOf(given: ChatInput, asked: string): ChatRequest {
    const {
      prompt,
      system,
      images = [],
      temperature,
      max_tokens: maxTokens,
      json_schema: schema,
      reasoning,
    } = given;
    const content =
      images.length === 0
        ? prompt
        : [
            { type: "text", text: prompt },
            ...images.map((url) => ({ type: "image_url", image_url: { url } })),
          ];
    // Only the host's own chat says how a load goes on, and only somebody who listens wants to know.
    const isHome = client
      .hostsFor(asked)
      .every((name) => client.hosts().find((host) => host.name === name)?.api === "lmstudio");
    const native = progress.wanted && schema === undefined && isHome;
    return {
      model: asked,
      messages: [
        ...(system === undefined ? [] : [{ role: "system" as const, content: system }]),
        { role: "user", content },
      ],
      ...(native ? { api: "native" as const } : {}),
      ...(temperature === undefined ? {} : { temperature }),
      ...(maxTokens === undefined ? {} : { maxTokens }),
      ...(reasoning === undefined ? {} : { reasoning }),
      ...(schema === undefined ? {} : { jsonSchema: { name: "answer", schema } }),
    };
  }
}

async function modelFor(
  { client, taskRoutes }: ToolContext,
  input: ChatInput,
  signal: AbortSignal,
): Promise<string> {
  const { model, prompt, task, host } = input;
  if (model !== undefined) return model;
  const settings = { signal, ...(host === undefined ? {} : { host }) };
  const route = routeTask(taskRoutes, { prompt, task });
  if (route === undefined && task !== undefined)
    throw new RangeError(
      `task must be one of ${taskRoutes.map((known) => known.task).join(", ") || "none"}, got ${task}`,
    );
  if (route !== undefined && route.models.length === 1) return route.models[0] ?? "";
  const models = await client.models.list(settings);
  const loaded = models
    .filter((known) => known.type !== "embedding" && known.loaded === true)
    .map(({ key }) => key);
  const found =
    route === undefined ? loaded[0] : (route.models.find((name) => loaded.includes(name)) ?? route.models[0]);
  if (found === undefined)
    throw new LmStudioError("NO_MODEL_LOADED", "No model is given and none is loaded", { host });
  return found;
}

async function read(
  events: AsyncGenerator<AnswerEvent, void, undefined>,
  model: string,
  soFar: SoFar,
  progress: Progress,
): Promise<Answer> {
  progress.tell(`asking ${model}`);
  let words = 0;
  let thoughts = 0;
  for await (const event of events)
    switch (event.type) {
      case "end":
        return event.answer;
      case "progress": {
        const share = event.share === undefined ? "" : ` ${Math.round(event.share * 100)} %`;
        progress.tell(event.stage === "loading" ? `loading ${model}${share}` : `reading the prompt${share}`);
        break;
      }
      case "text":
        soFar.text += event.text;
        words += 1;
        progress.tell(`answering: ${words} tokens`);
        break;
      case "reasoning":
        soFar.reasoning += event.text;
        thoughts += 1;
        progress.tell(`thinking: ${thoughts} tokens`);
        break;
      case "tool-call":
        break;
    }
  throw new LmStudioError("CONNECTION_FAILED", "The answer has no end", { model });
}

function answerResult(answer: Answer): CallToolResult {
  const { text, usage, timings, reasoning, warnings } = answer;
  const structured = {
    ok: true,
    partial: false,
    text,
    ...("json" in answer ? { json: answer.json } : {}),
    ...(reasoning === "" ? {} : { reasoning }),
    model: answer.model,
    host: answer.host,
    finish_reason: answer.finishReason,
    ...(usage === undefined
      ? {}
      : {
          usage: {
            prompt_tokens: usage.promptTokens,
            completion_tokens: usage.completionTokens,
            reasoning_tokens: usage.reasoningTokens,
          },
        }),
    queue_ms: Math.round(timings.queueMs),
    ...(timings.loadMs === undefined ? {} : { load_ms: Math.round(timings.loadMs) }),
    duration_ms: Math.round(timings.durationMs),
    attempts: answer.attempts,
    warnings: [...warnings],
  } satisfies ChatOutput;
  const notes = [
    answer.finishReason === "length" ? "[cut off by the limit of tokens]" : "",
    warnings.includes("history-cut") ? "[the host has left out the middle of the prompt]" : "",
  ].filter((note) => note !== "");
  return resultOf([text, ...notes].join("\n\n"), structured);
}
