// Real inference by llama.cpp, LM Studio's own engine: FAIRLEAD_LLAMA_SERVER is the path of a llama-server (build 11669 was the one
// this was written with). Its models are made here, a few megabytes each, and say one sentence; no weights are fetched.
import { describe, expect, it } from "vitest";
import {
  type AnswerEvent,
  createLmStudioClient,
  type LmStudioClient,
  multiAgentQuery,
} from "../../src/index.ts";
import { errorOf } from "../client.ts";
import { type LlamaServer, startLlamaServer } from "./llama-server.ts";
import { type TinyModel, tinyGguf } from "./tiny-gguf.ts";

const program = process.env["FAIRLEAD_LLAMA_SERVER"] ?? "";
const says42: TinyModel = { name: "says-42", say: "The answer is 42." };
const ask = (model: string, content = "What is six times seven?") => ({
  model,
  messages: [{ role: "user" as const, content }],
});

interface Real extends AsyncDisposable {
  readonly client: LmStudioClient;
  readonly servers: readonly LlamaServer[];
}

async function start(...models: readonly TinyModel[]): Promise<Real> {
  const servers: LlamaServer[] = [];
  for (const model of models) servers.push(await startLlamaServer(program, model, 1_024));
  const client = createLmStudioClient({
    hosts: servers.map(({ url }, at) => {
      const name = models[at]?.name ?? "";
      return { url, name, api: "openai-compatible", models: [name] };
    }),
    backoffBaseMs: 1,
  });
  return {
    client,
    servers,
    [Symbol.asyncDispose]: async () => {
      await client.close();
      for (const server of servers) await server[Symbol.asyncDispose]();
    },
  };
}

describe.skipIf(program === "")("real inference", () => {
  it("answers, whole and in parts, over two endpoints", async () => {
    await using real = await start(says42);
    const answer = await real.client.chat(ask("says-42"));
    expect(answer.text.trim()).toBe("The answer is 42.");
    expect(answer).toMatchObject({
      model: "says-42",
      finishReason: "stop",
      usage: { completionTokens: expect.any(Number) as number },
    });
    const events: AnswerEvent[] = [];
    for await (const event of real.client.streamChat(ask("says-42"))) events.push(event);
    expect(events.filter(({ type }) => type === "text").length).toBeGreaterThanOrEqual(4);
    expect((await real.client.chat({ ...ask("says-42"), api: "responses" })).text.trim()).toBe(
      "The answer is 42.",
    );
    expect(await real.client.models.list()).toMatchObject([{ key: "says-42" }]);
  });

  it("is ended by a caller that leaves: the slot is free again", async () => {
    await using real = await start({ name: "loops", say: "on and over", loops: true });
    const [server] = real.servers;
    for await (const event of real.client.streamChat({ ...ask("loops"), maxTokens: 100_000 })) {
      if (event.type !== "text") continue;
      expect(await server?.busySlots()).toBe(1);
      break;
    }
    for (let looks = 0; (await server?.busySlots()) !== 0; looks += 1) {
      expect(looks).toBeLessThan(300);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  });

  it("stops at the limit of tokens", async () => {
    await using real = await start({ name: "loops", say: "on and over", loops: true });
    expect(await real.client.chat({ ...ask("loops"), maxTokens: 3 })).toMatchObject({
      finishReason: "length",
    });
  });

  it("of a prompt that is too long is CONTEXT_OVERFLOW with the engine's counts", async () => {
    await using real = await start(says42);
    const error = await errorOf(real.client.chat(ask("says-42", "x ".repeat(3_000))));
    expect(error).toMatchObject({
      code: "CONTEXT_OVERFLOW",
      attempts: 1,
      contextLength: expect.any(Number) as number,
    });
    expect((error as { promptTokens?: number }).promptTokens).toBeGreaterThan(1_000);
  });

  it("by three models is a vote of two to one", async () => {
    await using real = await start(
      says42,
      { name: "says-42-b", say: "I make it 42" },
      { name: "says-41", say: "It must be 41" },
    );
    const result = await multiAgentQuery(real.client, {
      prompt: "What is six times seven?",
      models: ["says-42", "says-42-b", "says-41"],
      strategy: "majority",
      extractor: { kind: "last-number" },
    });
    expect(result).toMatchObject({ answer: "42", tied: false, totals: { succeeded: 3 } });
    expect(result.agreement).toBeCloseTo(2 / 3, 10);
  });

  it("by an LM Studio host's rules is checked for the model's name", async () => {
    await using real = await start(says42);
    const url = real.servers[0]?.url ?? "";
    await using client = createLmStudioClient({ hosts: [url] });
    expect((await client.chat(ask("says-42"))).text.trim()).toBe("The answer is 42.");
    const error = await errorOf(client.chat(ask("another")));
    expect(["MODEL_SUBSTITUTED", "MODEL_NOT_FOUND", "INVALID_REQUEST"]).toContain(error.code);
  });
});

it("the tiny model is a GGUF file of version 3", () => {
  const file = tinyGguf(says42);
  expect([file.toString("latin1", 0, 4), file.readUInt32LE(4)]).toEqual(["GGUF", 3]);
  expect(() =>
    tinyGguf({ name: "x", say: Array.from({ length: 400 }, (_, at) => `w${at}`).join(" ") }),
  ).toThrow(RangeError);
});
