// A stranger at the simulator: Anthropic's own client reads its messages, streams, tool calls and errors.
import Anthropic, { APIError } from "@anthropic-ai/sdk";
import { describe, expect, it } from "vitest";
import type { SimulatorOptions } from "../src/simulator/index.ts";
import { model, models } from "./client.ts";
import { quick, startHost } from "./host.ts";

interface Stranger extends AsyncDisposable {
  readonly anthropic: Anthropic;
}

async function startStranger(options: Partial<SimulatorOptions> = {}, apiKey = "none"): Promise<Stranger> {
  const host = await startHost({ models, ...options });
  const anthropic = new Anthropic({ baseURL: host.url, apiKey, maxRetries: 0 });
  return { anthropic, [Symbol.asyncDispose]: host.simulator.close };
}

const request = {
  model,
  max_tokens: 100,
  messages: [{ role: "user" as const, content: "What is two and two?" }],
};

describe("Anthropic's client", () => {
  it("reads a message", async () => {
    await using stranger = await startStranger();
    const message = await stranger.anthropic.messages.create({ ...request, system: "Be brief." });
    expect(message).toMatchObject({
      type: "message",
      role: "assistant",
      model,
      content: [{ type: "text", text: "Two and two is four." }],
      stop_reason: "end_turn",
      usage: { output_tokens: 5 },
    });
  });

  it("puts a stream together, thinking and tool calls included", async () => {
    const answer = (): object => ({
      reasoning: "Let me see.",
      content: "I add.",
      toolCalls: [{ name: "add", arguments: '{"a":2,"b":2}' }],
    });
    await using stranger = await startStranger({ models: [{ key: model, answer, ...quick }] });
    const stream = stranger.anthropic.messages.stream(request);
    const texts: string[] = [];
    stream.on("text", (text) => texts.push(text));
    const message = await stream.finalMessage();
    expect(texts.join("")).toBe("I add.");
    expect(message.stop_reason).toBe("tool_use");
    expect(message.content).toMatchObject([
      { type: "thinking", thinking: "Let me see." },
      { type: "text", text: "I add." },
      { type: "tool_use", name: "add", input: { a: 2, b: 2 } },
    ]);
    expect(message.usage.output_tokens).toBe(5);
  });

  it("makes errors of the host's refusals, which have Anthropic's shape here", async () => {
    await using locked = await startStranger({ apiToken: "sk-lm-1:2" });
    await using open = await startStranger({ apiToken: "sk-lm-1:2" }, "sk-lm-1:2");
    await using empty = await startStranger({ justInTime: false });
    await using small = await startStranger({ models: [{ key: model, maxContextLength: 4, ...quick }] });
    await using systemless = await startStranger({ messagesSystem: false });
    const failed = (stranger: Stranger, more: object = {}): Promise<unknown> =>
      stranger.anthropic.messages.create({ ...request, ...more }).catch((error: unknown) => error);
    expect(await failed(locked)).toMatchObject({
      status: 401,
      error: { error: { type: "authentication_error" } },
    });
    expect(await failed(open)).toMatchObject({ type: "message" });
    const refused = await failed(empty);
    expect(refused).toBeInstanceOf(APIError);
    expect(refused).toMatchObject({ status: 400, error: { error: { type: "invalid_request_error" } } });
    // The engine's 400 comes up as 500.
    expect(await failed(small)).toMatchObject({ status: 500, error: { error: { type: "api_error" } } });
    expect(await failed(systemless, { system: "Be brief." })).toMatchObject({ status: 400 });
    expect(await failed(systemless)).toMatchObject({ type: "message" });
  });

  it("sees a crash in the middle of a stream", async () => {
    await using stranger = await startStranger({ faults: [{ kind: "crash" }] });
    const error: unknown = await stranger.anthropic.messages
      .stream(request)
      .finalMessage()
      .catch((reason: unknown) => reason);
    expect(String(error)).toContain("The model has crashed");
  });
});
