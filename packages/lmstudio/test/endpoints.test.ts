// The same questions over each of the host's endpoints: the answers are the same, whatever the wire looks like.
import { createFakeClock } from "@fairlead/core/testing";
import { describe, expect, it } from "vitest";
import type { AnswerEvent, ChatRequest } from "../src/index.ts";
import type { FaultKind, SimulatorModel } from "../src/simulator/index.ts";
import { ask, errorOf, model, startPair } from "./client.ts";
import { quick, until } from "./host.ts";

type Api = NonNullable<ChatRequest["api"]>;
const apis: readonly Api[] = ["chat-completions", "responses", "messages", "native"];
const stateful: readonly Api[] = ["responses", "native"];
const withTools: readonly Api[] = ["chat-completions", "responses", "messages"];

/** Says what it was sent. */
const echo: SimulatorModel = {
  key: model,
  answer: (_, { body, images }) => JSON.stringify({ body, images }),
  vision: true,
  loaded: true,
  ...quick,
};

describe.each(apis)("%s", (api) => {
  it("answers with text, thinking and counts", async () => {
    const answer = (): object => ({ reasoning: "Hm.", content: "Two and two is four." });
    await using pair = await startPair({ models: [{ key: model, answer, ...quick }] });
    expect(await pair.client.chat({ ...ask, api })).toMatchObject({
      text: "Two and two is four.",
      reasoning: "Hm.",
      model,
      finishReason: "stop",
      usage: { promptTokens: expect.any(Number) as number, completionTokens: 6 },
      warnings: [],
    });
  });

  it("streams parts, then the whole", async () => {
    await using pair = await startPair({
      models: [{ key: model, answer: "Yes, it is.", loaded: true, ...quick }],
    });
    const events: AnswerEvent[] = [];
    for await (const event of pair.client.streamChat({ ...ask, api })) events.push(event);
    expect(events.filter(({ type }) => type === "text")).toEqual([
      { type: "text", text: "Yes," },
      { type: "text", text: " it" },
      { type: "text", text: " is." },
    ]);
    expect(events.at(-1)).toMatchObject({ type: "end", answer: { text: "Yes, it is." } });
  });

  it.each<[FaultKind, string]>([
    ["empty", "EMPTY_RESPONSE"],
    ["wedged", "EMPTY_RESPONSE"],
    ["reasoning-only", "EMPTY_RESPONSE"],
    ["swap-html-500", "CONTENTION"],
    ["empty-400", "CONTENTION"],
    ["load-aborted", "CONTENTION"],
    ["engine-aborted", "CONTENTION"],
    ["load-failed", "MODEL_LOAD_FAILED"],
    ["engine-error-500", "SERVER_ERROR"],
    ["model-unloaded", "CONTENTION"],
    ["crash", "MODEL_CRASHED"],
    ["load-failed-in-stream", "CONTENTION"],
    ["reset", "CONNECTION_FAILED"],
    ["cut", "CONNECTION_FAILED"],
    ["substitute", "MODEL_SUBSTITUTED"],
  ])("takes %s for %s", async (kind, code) => {
    await using pair = await startPair({ faults: [{ kind }] }, { maxRetries: 0 });
    expect(await errorOf(pair.client.chat({ ...ask, api }))).toMatchObject({ code, attempts: 1 });
  });

  it("has the system's words, the limit of tokens, temperature and images in its own shape", async () => {
    await using pair = await startPair({ models: [echo] });
    const request: ChatRequest = {
      model,
      api,
      temperature: 0.5,
      maxTokens: 5_000,
      messages: [
        { role: "system", content: "Be brief." },
        {
          role: "user",
          content: [
            { type: "text", text: "What is this?" },
            { type: "image_url", image_url: { url: "data:image/png;base64,iVBORw0KGgo=" } },
          ],
        },
      ],
    };
    const { text } = await pair.client.chat(request);
    const { body, images } = JSON.parse(text) as { body: Record<string, unknown>; images: number };
    expect(images).toBe(1);
    expect(body).toMatchObject({ temperature: 0.5, stream: true });
    expect(body["max_tokens"] ?? body["max_output_tokens"]).toBe(5_000);
    expect(JSON.stringify(body)).toContain("Be brief.");
    expect(JSON.stringify(body)).toContain("iVBORw0KGgo=");
  });

  it("says when an image goes to a model that sees nothing", async () => {
    await using pair = await startPair();
    const content = [{ type: "image_url", image_url: { url: "data:image/png;base64,AA==" } }];
    const error = await errorOf(pair.client.chat({ model, api, messages: [{ role: "user", content }] }));
    expect(error).toMatchObject({ code: "INVALID_REQUEST" });
    expect(error.message).toContain("Vision add-on");
  });
});

describe.each(withTools)("tools over %s", (api) => {
  const call = { name: "add", arguments: '{"a":2,"b":2}' };

  it("are called, several at a time", async () => {
    const answer = (): object => ({ content: "I add.", toolCalls: [call, { ...call, name: "sub" }] });
    await using pair = await startPair({ models: [{ key: model, answer, ...quick }] });
    const { toolCalls, text, finishReason } = await pair.client.chat({ ...ask, api });
    expect([text, finishReason]).toEqual(["I add.", "tool_calls"]);
    expect(toolCalls).toMatchObject([call, { ...call, name: "sub" }]);
    expect(toolCalls.every(({ id }) => id !== "")).toBe(true);
  });

  it("and their results are sent in its own shape", async () => {
    await using pair = await startPair({ models: [echo] });
    const tool = {
      type: "function",
      function: { name: "add", description: "Adds", parameters: { type: "object" } },
    };
    const { text } = await pair.client.chat({
      model,
      api,
      tools: [tool],
      messages: [
        { role: "user", content: "2+2?" },
        { role: "assistant", content: "", toolCalls: [{ id: "7", type: "function", function: call }] },
        { role: "tool", content: "four", toolCallId: "7" },
      ],
    });
    const { body } = JSON.parse(text) as { body: { tools: unknown[] } };
    const sent = JSON.stringify(body);
    for (const part of ['"add"', '"Adds"', "four", '"7"']) expect(sent).toContain(part);
    expect(body.tools).toHaveLength(1);
  });

  it("and an answer by a schema is JSON, wherever the host puts it", async () => {
    const jsonSchema = { name: "sum", schema: { type: "object" } };
    const answer =
      api === "messages" ? () => ({ toolCalls: [{ name: "sum", arguments: '{"sum":4}' }] }) : '{"sum":4}';
    await using pair = await startPair({ models: [{ key: model, answer, ...quick }] });
    expect(await pair.client.chat({ ...ask, api, jsonSchema })).toMatchObject({
      text: '{"sum":4}',
      json: { sum: 4 },
      toolCalls: [],
    });
  });

  it("and an answer by a schema that is no JSON is INVALID_JSON", async () => {
    await using pair = await startPair({ models: [{ key: model, answer: "Four!", ...quick }] });
    const jsonSchema = { name: "sum", schema: { type: "object" } };
    const error = await errorOf(pair.client.chat({ ...ask, api, jsonSchema }));
    expect(error).toMatchObject({ code: "INVALID_JSON", attempts: 1 });
    expect(pair.client.hosts()).toMatchObject([{ circuit: "closed" }]);
  });
});

describe.each(stateful)("conversations over %s", (api) => {
  it("go on from an answer that the host has kept", async () => {
    const answer = (prompt: string): string => `I know: ${prompt.trim().replaceAll(/\s+/g, " ")}`;
    await using pair = await startPair({ models: [{ key: model, answer, ...quick }] });
    const one = await pair.client.chat({
      model,
      api,
      store: true,
      messages: [{ role: "user", content: "One" }],
    });
    expect(one.responseId).toMatch(/^resp_/);
    const { responseId = "" } = one;
    const next = { model, api, messages: [{ role: "user", content: "Two" }] } as const;
    const two = await pair.client.chat({ ...next, previousResponseId: responseId });
    expect(two.text).toContain("I know: One");
    const unknown = errorOf(pair.client.chat({ ...next, previousResponseId: "resp_x" }));
    expect(await unknown).toMatchObject({ code: "INVALID_REQUEST" });
  });
});

describe("native", () => {
  it("says how the load and the prompt go on, and how long the load took", async () => {
    const clock = createFakeClock();
    await using pair = await startPair({ clock, models: [{ key: model, answer: "Yes.", loadMs: 4_000 }] });
    const seen: AnswerEvent[] = [];
    let done = false;
    const run = (async () => {
      for await (const event of pair.client.streamChat({ ...ask, api: "native" })) seen.push(event);
    })().finally(() => {
      done = true;
    });
    await until(() => clock.pending > 0);
    for (let turns = 0; !done && turns < 10_000; turns += 1) await clock.advance(50);
    await run;
    const progress = seen.filter((event) => event.type === "progress");
    expect(progress.map(({ stage, share }) => [stage, share])).toEqual([
      ["loading", undefined],
      ["loading", 0],
      ["loading", 0.25],
      ["loading", 0.5],
      ["loading", 0.75],
      ["loading", 1],
      ["reading", 0],
      ["reading", 1],
    ]);
    const end = seen.at(-1);
    expect(end).toMatchObject({
      type: "end",
      answer: { text: "Yes.", timings: { loadMs: expect.any(Number) as number } },
    });
  });

  it.each<[Partial<ChatRequest>, string]>([
    [{ tools: [] }, "tools"],
    [{ jsonSchema: { name: "x", schema: {} } }, "jsonSchema"],
    [{ messages: [...ask.messages, { role: "assistant", content: "Four." }] }, "messages"],
  ])("takes one turn and no tools: %j", async (more, word) => {
    await using pair = await startPair();
    await expect(pair.client.chat({ ...ask, api: "native", ...more })).rejects.toThrow(RangeError);
    await expect(pair.client.chat({ ...ask, api: "native", ...more })).rejects.toThrow(word);
  });
});

it("thinking is asked for in the words of each endpoint", async () => {
  await using pair = await startPair({ models: [echo] });
  const words: unknown[] = [];
  for (const api of apis) {
    const { text } = await pair.client.chat({ ...ask, api, reasoning: "low", maxTokens: 10_000 });
    const { body } = JSON.parse(text) as { body: Record<string, unknown> };
    words.push(body["reasoning_effort"] ?? body["reasoning"] ?? body["thinking"]);
  }
  expect(words).toEqual(["low", { effort: "low" }, { type: "enabled", budget_tokens: 2_000 }, "low"]);
});

describe("downloads", () => {
  const rare: SimulatorModel = {
    key: "rare/model",
    downloaded: false,
    sizeBytes: 3_500,
    answer: "Here.",
    ...quick,
  };

  it("tell how far they are, and then the model is there", async () => {
    const clock = createFakeClock();
    await using pair = await startPair({ clock, models: [rare], downloadBytesPerSecond: 1_000 }, { clock });
    const seen: (readonly [number, number | undefined])[] = [];
    let done = false;
    const job = pair.client.models
      .download({
        model: "rare/model",
        onProgress: ({ downloadedBytes, totalBytes }) => seen.push([downloadedBytes, totalBytes]),
      })
      .finally(() => {
        done = true;
      });
    for (let turns = 0; !done && turns < 100; turns += 1) {
      const before = seen.length;
      await until(() => seen.length > before || done || turns === 0);
      await until(() => seen.length > 0);
      await clock.advance(1_000);
    }
    expect(await job).toEqual({ host: new URL(pair.url).host, status: "completed" });
    expect(seen).toEqual([
      [0, 3_500],
      [1_000, 3_500],
      [2_000, 3_500],
      [3_000, 3_500],
      [3_500, 3_500],
    ]);
    expect(await pair.client.models.download({ model: "rare/model" })).toMatchObject({
      status: "already-downloaded",
    });
  });

  it("of what nobody has are MODEL_NOT_FOUND, and one that is left ends", async () => {
    const clock = createFakeClock();
    await using pair = await startPair({ clock, models: [rare] }, { clock });
    expect(await errorOf(pair.client.models.download({ model: "x" }))).toMatchObject({
      code: "MODEL_NOT_FOUND",
    });
    const caller = new AbortController();
    const job = pair.client.models
      .download({ model: "rare/model", onProgress: () => caller.abort("enough") }, { signal: caller.signal })
      .catch((reason: unknown) => reason);
    expect(await job).toBe("enough");
    const late = errorOf(pair.client.models.download({ model: "rare/model" }, { timeoutMs: 500 }));
    await until(
      () => pair.simulator.requests().filter(({ path }) => path.endsWith("/download")).length === 3,
    );
    await until(() => clock.pending >= 3);
    await clock.advance(500);
    expect(await late).toMatchObject({ code: "DEADLINE_EXCEEDED", timeoutMs: 500 });
  });
});

it("a load says how long it takes", async () => {
  const clock = createFakeClock();
  await using pair = await startPair({ clock, models: [{ key: model, loadMs: 3_500 }] }, { clock });
  const seen: number[] = [];
  const load = pair.client.models.load({ model, onProgress: (elapsedMs) => seen.push(elapsedMs) });
  await until(
    () => pair.simulator.requests().some(({ path }) => path.endsWith("/load")) && clock.pending >= 2,
  );
  await clock.advance(3_500);
  expect(await load).toMatchObject({ instanceId: model, alreadyLoaded: false });
  expect(seen).toEqual([1_000, 2_000, 3_000]);
});

describe("makeLlmRequestWithRetry", () => {
  it("asks the model that is loaded, with what goes before", async () => {
    await using pair = await startPair({ models: [{ key: "other", ...quick }, echo] });
    const { text, model: answered } = await pair.client.makeLlmRequestWithRetry("Simple question", {
      system: "Be brief.",
    });
    expect(answered).toBe(model);
    const { body } = JSON.parse(text) as { body: { messages: unknown } };
    expect(body.messages).toEqual([
      { role: "system", content: "Be brief." },
      { role: "user", content: "Simple question" },
    ]);
  });

  it("tries again, and says so when nothing is loaded", async () => {
    await using pair = await startPair({ faults: [{ kind: "swap-html-500", requests: [1, 2] }] });
    expect(await pair.client.makeLlmRequestWithRetry("Two and two?", { model })).toMatchObject({
      attempts: 3,
    });
    await using empty = await startPair();
    expect(await errorOf(empty.client.makeLlmRequestWithRetry("Two?"))).toMatchObject({
      code: "NO_MODEL_LOADED",
    });
  });

  it.each([
    ["Simple question", {}, 60_000],
    ["Analyze this complex data...".repeat(100), {}, 180_000],
    ["Simple question", { intent: "analysis", role: "analyst" }, 180_000],
  ])("%.20s with %j has %i ms", async (prompt, options, timeoutMs) => {
    const clock = createFakeClock();
    const frozen = createFakeClock();
    await using pair = await startPair(
      { clock: frozen, models: [{ key: model, loaded: true }] },
      { clock, headersTimeoutMs: 500_000, maxRetries: 0 },
    );
    const call = errorOf(pair.client.makeLlmRequestWithRetry(prompt, { model, ...options }));
    await until(() => frozen.pending > 0);
    await clock.advance(timeoutMs + 100);
    expect(await call).toMatchObject({ code: "ATTEMPT_TIMEOUT", timeoutMs });
  });
});
