// Servers of other kinds beside LM Studio: whom a model's prompt goes to, in which words, and that one's trouble is not the other's.
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { LLMock } from "@copilotkit/aimock";
import { describe, expect, it } from "vitest";
import { createLmStudioClient, type LmStudioClientOptions, optionsFromEnvironment } from "../src/index.ts";
import { errorOf, startPair } from "./client.ts";

const say = (model: string, content = "hello") => ({ model, messages: [{ role: "user" as const, content }] });

interface Recorder extends AsyncDisposable {
  readonly url: string;
  readonly seen: { path: string; headers: IncomingHttpHeaders; body: unknown }[];
}

/** Answers every path with one status and body, and remembers what it was asked. */
async function record(status: number, body: string, type = "application/json"): Promise<Recorder> {
  const seen: Recorder["seen"] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const text = Buffer.concat(chunks).toString();
      seen.push({
        path: request.url ?? "",
        headers: request.headers,
        body: text === "" ? undefined : JSON.parse(text),
      });
      response.writeHead(status, { "content-type": type });
      response.end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  return {
    seen,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function withMock<T>(
  action: (client: ReturnType<typeof createLmStudioClient>, mock: LLMock) => Promise<T>,
  options: Partial<LmStudioClientOptions> = {},
): Promise<T> {
  const mock = new LLMock({ port: 0 });
  mock.onMessage("hello", { content: "Hi from the mock." });
  mock.onMessage("tool", { toolCalls: [{ name: "add", arguments: '{"a":1}' }] });
  await mock.start();
  const client = createLmStudioClient({
    hosts: [
      { name: "openai", api: "openai", url: `${mock.url}/v1`, apiToken: "sk-1" },
      { name: "anthropic", api: "anthropic", url: `${mock.url}/v1`, apiToken: "sk-ant-1" },
    ],
    backoffBaseMs: 1,
    ...options,
  });
  try {
    return await action(client, mock);
  } finally {
    await client.close();
    await mock.stop();
  }
}

describe("somebody else's mock of OpenAI and Anthropic", () => {
  it("is asked for the models that are theirs, over the endpoints that are theirs", async () => {
    await withMock(async (client, mock) => {
      expect(await client.chat(say("gpt-4o"))).toMatchObject({ text: "Hi from the mock.", host: "openai" });
      expect(await client.chat(say("claude-sonnet-4-5"))).toMatchObject({
        text: "Hi from the mock.",
        host: "anthropic",
      });
      expect(await client.chat({ ...say("gpt-4o"), api: "responses" })).toMatchObject({
        text: "Hi from the mock.",
      });
      expect(mock.getRequests().map(({ path }) => path)).toEqual([
        "/v1/chat/completions",
        "/v1/messages",
        "/v1/responses",
      ]);
    });
  });

  it("calls tools over all three", async () => {
    await withMock(async (client) => {
      const requests = [
        say("gpt-4o", "tool"),
        { ...say("gpt-4o", "tool"), api: "responses" as const },
        say("claude-sonnet-4-5", "tool"),
      ];
      for (const request of requests)
        expect((await client.chat(request)).toolCalls).toMatchObject([{ name: "add", arguments: '{"a":1}' }]);
    });
  });

  it("has vectors", async () => {
    await withMock(async (client) => {
      const vectors = await client.embed({ model: "text-embedding-3-small", input: ["hello", "tool"] });
      expect(vectors).toHaveLength(2);
      expect(vectors[0]?.length).toBeGreaterThan(0);
    });
  });

  it("that does not know an answer says so once, and one that is overrun is asked again", async () => {
    await withMock(async (client, mock) => {
      expect(await errorOf(client.chat(say("gpt-4o", "nothing")))).toMatchObject({
        attempts: 1,
        status: 404,
      });
      mock.setChaos({ rateLimitRate: 1 });
      const error = await errorOf(client.chat(say("claude-sonnet-4-5"), { timeoutMs: 200 }));
      expect(["RATE_LIMITED", "DEADLINE_EXCEEDED"]).toContain(error.code);
      expect(client.hosts().map(({ circuit }) => circuit)).toEqual(["closed", "closed"]);
      mock.clearChaos();
      expect(await client.chat(say("claude-sonnet-4-5"))).toMatchObject({ text: "Hi from the mock." });
    });
  });

  it("that falls ill at one name keeps answering at the other", async () => {
    await using sick = await record(500, '{"error":{"message":"overloaded"}}');
    const mock = new LLMock({ port: 0 });
    mock.onMessage("hello", { content: "Hi." });
    await mock.start();
    await using client = createLmStudioClient({
      hosts: [
        { name: "openai", api: "openai", url: `${sick.url}/v1` },
        { name: "anthropic", api: "anthropic", url: `${mock.url}/v1` },
      ],
      maxRetries: 0,
    });
    for (let call = 0; call < 5; call += 1) await errorOf(client.chat(say("gpt-4o")));
    expect(await errorOf(client.chat(say("gpt-4o")))).toMatchObject({ code: "CIRCUIT_OPEN" });
    expect(client.hosts().map(({ circuit }) => circuit)).toEqual(["open", "closed"]);
    expect(await client.chat(say("claude-sonnet-4-5"))).toMatchObject({ text: "Hi." });
    await mock.stop();
  });
});

describe("a prompt", () => {
  it("goes to LM Studio unless its model is listed elsewhere, and never elsewhere unasked", async () => {
    await using pair = await startPair();
    await using cloud = await record(500, "{}");
    const hosts = [
      { name: "home", url: pair.url },
      { name: "openai", api: "openai" as const, url: `${cloud.url}/v1` },
      { name: "work", api: "openai-compatible" as const, url: `${cloud.url}/v1`, models: ["llama-*"] },
    ];
    await using client = createLmStudioClient({ hosts, maxRetries: 0 });
    expect(await client.chat(say("qwen/qwen3.5-9b"))).toMatchObject({ host: "home" });
    expect(await errorOf(client.chat(say("gpt-oss-20b")))).toMatchObject({ host: "home" });
    expect(cloud.seen).toEqual([]);
    expect(await errorOf(client.chat(say("gpt-5-mini")))).toMatchObject({ host: "openai" });
    expect(await errorOf(client.chat(say("llama-3")))).toMatchObject({ host: "work" });
    expect(cloud.seen).toHaveLength(2);
  });

  it("for which no host is there is MODEL_NOT_FOUND, over an endpoint that the host lacks INVALID_REQUEST", async () => {
    await using cloud = await record(500, "{}");
    await using client = createLmStudioClient({ hosts: [{ api: "anthropic", url: cloud.url }] });
    expect(await errorOf(client.chat(say("qwen")))).toMatchObject({ code: "MODEL_NOT_FOUND" });
    expect(await errorOf(client.chat({ ...say("claude-x"), api: "native" }))).toMatchObject({
      code: "INVALID_REQUEST",
    });
    expect(await errorOf(client.complete({ model: "claude-x", prompt: "x" }))).toMatchObject({
      code: "INVALID_REQUEST",
    });
    expect(cloud.seen).toEqual([]);
  });

  it("carries the token of its own server alone", async () => {
    await using openai = await record(401, "{}");
    await using anthropic = await record(401, "{}");
    await using client = createLmStudioClient({
      apiToken: "sk-lm-1:2",
      hosts: [
        { name: "o", api: "openai", url: openai.url, apiToken: "sk-o" },
        { name: "a", api: "anthropic", url: `${anthropic.url}/v1`, apiToken: "sk-a" },
        { name: "c", api: "openai-compatible", url: `${openai.url}/api/v3`, models: ["c"] },
      ],
    });
    for (const model of ["gpt-4o", "claude-x", "c"])
      expect(await errorOf(client.chat(say(model)))).toMatchObject({ code: "UNAUTHORIZED", attempts: 1 });
    const [first, second] = openai.seen;
    expect([first?.path, first?.headers.authorization]).toEqual(["/v1/chat/completions", "Bearer sk-o"]);
    expect([second?.path, second?.headers.authorization]).toEqual(["/api/v3/chat/completions", undefined]);
    const headers: IncomingHttpHeaders = anthropic.seen[0]?.headers ?? {};
    const path = anthropic.seen[0]?.path;
    expect([path, headers["x-api-key"], headers["anthropic-version"], headers.authorization]).toEqual([
      "/v1/messages",
      "sk-a",
      "2023-06-01",
      undefined,
    ]);
  });
});

describe("an answer", () => {
  const stream = (model: string): string =>
    `data: {"model":"${model}","choices":[{"delta":{"content":"Hi"}}]}\n\ndata: {"model":"${model}","choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n`;

  it("under the dated name of its model is that model's, under another it is not", async () => {
    await using dated = await record(200, stream("gpt-4o-2024-08-06"), "text/event-stream");
    await using client = createLmStudioClient({ hosts: [{ api: "openai", url: dated.url }] });
    expect(await client.chat(say("gpt-4o"))).toMatchObject({ text: "Hi", model: "gpt-4o-2024-08-06" });
    expect(await errorOf(client.chat(say("gpt-5")))).toMatchObject({ code: "MODEL_SUBSTITUTED" });
  });

  it.each([
    [
      400,
      '{"error":{"message":"This model\'s maximum context length is 128000 tokens. However, your messages resulted in 130000 tokens.","code":"context_length_exceeded"}}',
      { code: "CONTEXT_OVERFLOW", promptTokens: 130_000, contextLength: 128_000 },
    ],
    [
      400,
      '{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 212000 tokens > 200000 maximum"}}',
      { code: "CONTEXT_OVERFLOW", promptTokens: 212_000, contextLength: 200_000 },
    ],
    [
      404,
      '{"type":"error","error":{"type":"not_found_error","message":"model: claude-x"}}',
      { code: "MODEL_NOT_FOUND" },
    ],
    [
      404,
      '{"error":{"message":"The model `gpt-9` does not exist","code":"model_not_found"}}',
      { code: "MODEL_NOT_FOUND" },
    ],
    [
      429,
      '{"error":{"message":"You exceeded your current quota","code":"insufficient_quota"}}',
      { code: "UNAUTHORIZED", attempts: 1 },
    ],
    [
      529,
      '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}',
      { code: "SERVER_ERROR", attempts: 2 },
    ],
  ])("%i %s is understood", async (status, body, expected) => {
    await using server = await record(status, body);
    await using client = createLmStudioClient({
      hosts: [{ api: "openai-compatible", url: server.url }],
      maxRetries: 1,
      backoffBaseMs: 1,
    });
    expect(await errorOf(client.chat(say("m")))).toMatchObject(expected);
  });
});

describe("the environment", () => {
  it("adds OpenAI and Anthropic only when told to", () => {
    const keys = { OPENAI_API_KEY: "sk-o", ANTHROPIC_API_KEY: "sk-a", ANTHROPIC_BASE_URL: "http://proxy/v1" };
    expect(optionsFromEnvironment(keys).hosts).toHaveLength(1);
    expect(optionsFromEnvironment({ ...keys, LMSTUDIO_BACKENDS: "openai, anthropic" }).hosts).toEqual([
      "http://localhost:1234/v1",
      { name: "openai", api: "openai", url: "https://api.openai.com/v1", apiToken: "sk-o" },
      { name: "anthropic", api: "anthropic", url: "http://proxy/v1", apiToken: "sk-a" },
    ]);
    expect(() => optionsFromEnvironment({ LMSTUDIO_BACKENDS: "openai" })).toThrow(
      "OPENAI_API_KEY must be set",
    );
    expect(() => optionsFromEnvironment({ LMSTUDIO_BACKENDS: "bedrock" })).toThrow("got bedrock");
  });

  it("names a wrong host", () => {
    const create = (host: object) => () => createLmStudioClient({ hosts: [{ url: "http://a", ...host }] });
    expect(create({ api: "bedrock" })).toThrow(
      "hosts[].api must be one of lmstudio, openai-compatible, openai, anthropic",
    );
  });
});
