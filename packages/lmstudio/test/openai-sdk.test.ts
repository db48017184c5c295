// A stranger at the simulator: OpenAI's own client reads its answers, streams, tool calls, vectors and errors.
import OpenAI, { APIConnectionError, APIError } from "openai";
import { describe, expect, it } from "vitest";
import type { SimulatorOptions } from "../src/simulator/index.ts";
import { ask, model, models } from "./client.ts";
import { quick, startHost } from "./host.ts";

interface Stranger extends AsyncDisposable {
  readonly openai: OpenAI;
}

async function startStranger(options: Partial<SimulatorOptions> = {}, apiKey = "none"): Promise<Stranger> {
  const host = await startHost({ models, ...options });
  const openai = new OpenAI({ baseURL: `${host.url}/v1`, apiKey, maxRetries: 0 });
  return { openai, [Symbol.asyncDispose]: host.simulator.close };
}

const request = { model: ask.model, messages: [{ role: "user" as const, content: "What is two and two?" }] };

describe("OpenAI's client", () => {
  it("reads an answer", async () => {
    await using stranger = await startStranger();
    const { choices, usage } = await stranger.openai.chat.completions.create(request);
    expect(choices[0]?.message.content).toBe("Two and two is four.");
    expect(usage?.total_tokens).toBe(10);
  });

  it("puts a stream together, its usage included", async () => {
    await using stranger = await startStranger();
    const runner = stranger.openai.chat.completions.stream({
      ...request,
      stream_options: { include_usage: true },
    });
    const completion = await runner.finalChatCompletion();
    expect(completion.choices[0]?.message.content).toBe("Two and two is four.");
    expect(completion.choices[0]?.finish_reason).toBe("stop");
    expect(completion.usage?.completion_tokens).toBe(5);
  });

  it("puts a streamed tool call together", async () => {
    const call = { name: "add", arguments: '{"a":2,"b":2}' };
    await using stranger = await startStranger({
      models: [{ key: model, answer: () => ({ toolCalls: [call] }), ...quick }],
    });
    const completion = await stranger.openai.chat.completions.stream(request).finalChatCompletion();
    expect(completion.choices[0]?.message.tool_calls?.[0]).toMatchObject({
      type: "function",
      function: call,
    });
  });

  it("continues a text, lists models and reads vectors", async () => {
    const embedder = { key: "nomic", type: "embedding" as const, dimensions: 4, ...quick };
    await using stranger = await startStranger({ models: [...models, embedder] });
    const { openai } = stranger;
    const completion = await openai.completions.create({ model, prompt: "Two and two" });
    expect(completion.choices[0]?.text).toBe("Two and two is four.");
    const ids: string[] = [];
    for await (const { id } of openai.models.list()) ids.push(id);
    expect(ids).toEqual([model, "nomic"]);
    const input = ["one", "two"];
    const { data } = await openai.embeddings.create({ model: "nomic", input, encoding_format: "float" });
    expect(data.map(({ embedding }) => embedding.length)).toEqual([4, 4]);
  });

  it("reads vectors that it has asked for as base64, though they come as numbers", async () => {
    const embedder = { key: "nomic", type: "embedding" as const, dimensions: 4, ...quick };
    await using stranger = await startStranger({ models: [embedder] });
    const { openai } = stranger;
    const [plain, encoded] = await Promise.all([
      openai.embeddings.create({ model: "nomic", input: "one", encoding_format: "float" }),
      openai.embeddings.create({ model: "nomic", input: "one" }),
    ]);
    const [expected, got] = [plain, encoded].map(({ data }) => data[0]?.embedding ?? []);
    expect(got).toHaveLength(4);
    for (const [at, value] of (got ?? []).entries())
      expect(value).toBeCloseTo(expected?.[at] ?? Number.NaN, 5);
  });

  it("reads a response and puts a streamed one together, tool calls included", async () => {
    const answer = (): object => ({
      reasoning: "Hm.",
      content: "Four.",
      toolCalls: [{ name: "add", arguments: '{"a":2}' }],
    });
    await using stranger = await startStranger({ models: [{ key: model, answer, ...quick }] });
    const { openai } = stranger;
    const whole = await openai.responses.create({ model, input: "Two and two?" });
    expect(whole.output_text).toBe("Four.");
    const streamed = await openai.responses.stream({ model, input: "Two and two?" }).finalResponse();
    for (const { output, usage, status } of [whole, streamed]) {
      expect(output.map(({ type }) => type)).toEqual(["reasoning", "message", "function_call"]);
      expect(output.at(-1)).toMatchObject({ name: "add", arguments: '{"a":2}' });
      expect([usage?.output_tokens, status]).toEqual([2, "completed"]);
    }
  });

  it("goes on with a response that the host has kept", async () => {
    const answer = (prompt: string): string => `I was asked: ${prompt.trim().replaceAll(/\s+/g, " ")}`;
    await using stranger = await startStranger({ models: [{ key: model, answer, ...quick }] });
    const { responses } = stranger.openai;
    const first = await responses.create({ model, input: "One?" });
    const second = await responses.create({ model, input: "Two?", previous_response_id: first.id });
    expect(second.output_text).toBe("I was asked: One? I was asked: One? Two?");
    const refused = responses.create({ model, input: "Three?", previous_response_id: "resp_x" });
    await expect(refused).rejects.toMatchObject({ status: 400, code: "previous_response_not_found" });
  });

  it("makes errors of the host's refusals", async () => {
    await using locked = await startStranger({ apiToken: "sk-lm-1:2" });
    await using open = await startStranger({ apiToken: "sk-lm-1:2" }, "sk-lm-1:2");
    await using empty = await startStranger({ justInTime: false });
    await using broken = await startStranger({ faults: [{ kind: "reset" }] });
    const failed = (stranger: Stranger): Promise<unknown> =>
      stranger.openai.chat.completions.create(request).catch((error: unknown) => error);
    const [unauthorized, refused, gone] = await Promise.all([failed(locked), failed(empty), failed(broken)]);
    expect(unauthorized).toMatchObject({ status: 401, code: "invalid_api_key" });
    expect(refused).toBeInstanceOf(APIError);
    expect(refused).toMatchObject({ status: 400, type: "invalid_request_error", param: "model" });
    expect(gone).toBeInstanceOf(APIConnectionError);
    expect(await failed(open)).toMatchObject({ object: "chat.completion" });
  });
});
