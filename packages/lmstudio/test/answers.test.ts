// What the client makes of good answers.
import { createFakeClock } from "@fairlead/core/testing";
import { describe, expect, it } from "vitest";
import type { AnswerEvent } from "../src/index.ts";
import { ask, inferences, model, models, startPair } from "./client.ts";
import { quick, until } from "./host.ts";

describe("chat", () => {
  it("answers with text, counts, model and host", async () => {
    await using pair = await startPair({ models: [{ ...models[0], key: model, loaded: true }] });
    expect(await pair.client.chat(ask)).toEqual({
      text: "Two and two is four.",
      reasoning: "",
      toolCalls: [],
      finishReason: "stop",
      model,
      host: new URL(pair.url).host,
      usage: { promptTokens: 5, completionTokens: 5, reasoningTokens: 0 },
      timings: {
        queueMs: expect.any(Number) as number,
        loadMs: undefined,
        firstPartMs: expect.any(Number) as number,
        durationMs: expect.any(Number) as number,
      },
      attempts: 1,
      warnings: [],
    });
  });

  it("streams parts, then the whole", async () => {
    await using pair = await startPair({
      models: [{ ...models[0], key: model, answer: () => ({ reasoning: "Hm.", content: "Yes, it is." }) }],
    });
    await pair.client.chat(ask);
    const events: AnswerEvent[] = [];
    for await (const event of pair.client.streamChat(ask)) events.push(event);
    expect(events.slice(0, -1)).toEqual([
      { type: "reasoning", text: "Hm." },
      { type: "text", text: "Yes," },
      { type: "text", text: " it" },
      { type: "text", text: " is." },
    ]);
    expect(events.at(-1)).toMatchObject({ type: "end", answer: { text: "Yes, it is.", reasoning: "Hm." } });
  });

  it("reads thinking from the field that gpt-oss uses", async () => {
    const answer = (): object => ({ reasoning: "Hm.", content: "Yes." });
    await using pair = await startPair({
      models: [{ ...models[0], key: model, answer, reasoningField: "reasoning" }],
    });
    expect(await pair.client.chat(ask)).toMatchObject({ text: "Yes.", reasoning: "Hm." });
  });

  it("ends the generation when the reader of a stream leaves", async () => {
    await using pair = await startPair({
      models: [{ key: model, answer: "word ".repeat(10_000), loaded: true, tokensPerSecond: 1_000 }],
    });
    for await (const event of pair.client.streamChat(ask)) {
      expect(event.type).toBe("text");
      break;
    }
    await until(() => pair.simulator.instances()[0]?.busy === 0);
    expect(pair.client.hosts()).toMatchObject([{ circuit: "closed" }]);
  });

  it("puts tool calls together", async () => {
    const call = { name: "add", arguments: '{"a":2,"b":2}' };
    await using pair = await startPair({
      models: [{ ...models[0], key: model, answer: () => ({ toolCalls: [call, { ...call, name: "sub" }] }) }],
    });
    const { toolCalls, text, finishReason } = await pair.client.chat(ask);
    expect([text, finishReason]).toEqual(["", "tool_calls"]);
    expect(toolCalls).toMatchObject([call, { ...call, name: "sub" }]);
  });

  it("finds a thinking model's answer to a schema in the field for reasoning", async () => {
    await using pair = await startPair({
      models: [{ ...models[0], key: model, answer: '{"sum":4}', thinks: true }],
    });
    const jsonSchema = { name: "sum", schema: { type: "object" } };
    expect(await pair.client.chat({ ...ask, jsonSchema })).toMatchObject({ text: '{"sum":4}' });
  });

  it("takes an instance or a variant of the model for the model", async () => {
    await using pair = await startPair({ models: [{ ...models[0], key: model, loaded: true }] });
    await pair.simulator.load(model);
    const [second, variant] = await Promise.all([
      pair.client.chat({ ...ask, model: `${model}:2` }),
      pair.client.chat({ ...ask, model: `${model}@q4_k_m` }),
    ]);
    expect([second.model, variant.model]).toEqual([`${model}:2`, model]);
  });

  it("says when a part of the stream could not be read", async () => {
    await using pair = await startPair({ faults: [{ kind: "corrupt-frame" }] });
    expect(await pair.client.chat(ask)).toMatchObject({
      text: " and two is four.",
      warnings: ["damaged-frame"],
    });
  });

  it("says when the host has cut the conversation", async () => {
    await using pair = await startPair({
      models: [{ ...models[0], key: model, maxContextLength: 1_024 }],
      overflow: "cut-middle",
    });
    const messages = [{ role: "user", content: "word ".repeat(1_000) }] as const;
    expect(await pair.client.chat({ model, messages })).toMatchObject({ warnings: ["history-cut"] });
  });

  it("passes on the limit of tokens and whatever else is given", async () => {
    await using pair = await startPair();
    expect(
      await pair.client.chat({ ...ask, maxTokens: 2, temperature: 0, extra: { seed: 1 } }),
    ).toMatchObject({
      text: "Two and",
      finishReason: "length",
    });
  });
});

it("continues a text, whole and in parts", async () => {
  await using pair = await startPair();
  const request = { model, prompt: "Two and two" };
  expect(await pair.client.complete(request)).toMatchObject({ text: "Two and two is four." });
  const types: string[] = [];
  for await (const { type } of pair.client.streamCompletion(request)) types.push(type);
  expect(types).toEqual(["text", "text", "text", "text", "text", "end"]);
});

it("embeds in batches and keeps the order", async () => {
  const embedder = { key: "nomic", type: "embedding" as const, dimensions: 4, ...quick };
  await using pair = await startPair({ models: [embedder] });
  const input = ["a", "b", "c", "d", "e", "a"];
  const vectors = await pair.client.embed({ model: "nomic", input, batchSize: 2 });
  const [alone] = await pair.client.embed({ model: "nomic", input: ["d"] });
  expect(vectors).toHaveLength(6);
  expect([vectors[3], vectors[5]]).toEqual([alone, vectors[0]]);
  const posts = pair.simulator.requests().filter(({ path }) => path === "/v1/embeddings");
  expect(posts).toHaveLength(4);
  expect(inferences(pair)).toBe(0);
});

describe("models", () => {
  const two = [
    { key: "a/one", loaded: true, contextLength: 4_096, ...quick },
    { key: "b/two", ...quick },
    { key: "nomic", type: "embedding" as const, ...quick },
  ];

  it("are listed with their instances", async () => {
    await using pair = await startPair({ models: two });
    expect(await pair.client.models.list()).toMatchObject([
      { key: "a/one", type: "llm", loaded: true, instances: [{ contextLength: 4_096, parallel: 4 }] },
      { key: "b/two", loaded: false, instances: [], maxContextLength: 131_072 },
      { key: "nomic", type: "embedding" },
    ]);
    expect(await pair.client.models.current()).toMatchObject({ key: "a/one" });
  });

  it("are loaded once, however many ask, and not again", async () => {
    await using pair = await startPair({ models: two });
    const { models: of } = pair.client;
    const loads = await Promise.all([1, 2, 3].map(() => of.load({ model: "b/two", contextLength: 2_048 })));
    expect(loads.map(({ instanceId }) => instanceId)).toEqual(["b/two", "b/two", "b/two"]);
    expect(await of.load({ model: "b/two" })).toMatchObject({ instanceId: "b/two", alreadyLoaded: true });
    const posts = pair.simulator.requests().filter(({ path }) => path === "/api/v1/models/load");
    expect(posts).toHaveLength(1);
    await of.unload("b/two");
    expect(pair.simulator.instances().map(({ id }) => id)).toEqual(["a/one"]);
  });

  it("are loaded one after the other", async () => {
    const clock = createFakeClock();
    await using pair = await startPair({
      clock,
      models: two.map((entry) => ({ ...entry, loaded: false, loadMs: 1_000 })),
    });
    const begun = (): readonly (string | undefined)[] =>
      pair.simulator.requests().flatMap(({ path, model: name }) => (path.endsWith("/load") ? [name] : []));
    const loads = Promise.all(["a/one", "b/two"].map((key) => pair.client.models.load({ model: key })));
    await until(() => clock.pending === 1);
    expect(begun()).toEqual(["a/one"]);
    await clock.advance(1_000);
    await until(() => begun().length === 2 && clock.pending === 1);
    await clock.advance(1_000);
    expect((await loads).map(({ instanceId }) => instanceId)).toEqual(["a/one", "b/two"]);
  });

  it("that are unknown cannot be loaded or unloaded", async () => {
    await using pair = await startPair({ models: two });
    const { models: of } = pair.client;
    await expect(of.load({ model: "x" })).rejects.toMatchObject({ code: "MODEL_NOT_FOUND", attempts: 1 });
    await expect(of.unload("x")).rejects.toMatchObject({ code: "MODEL_NOT_FOUND" });
  });
});
