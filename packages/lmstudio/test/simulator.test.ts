// The simulated host over HTTP, asked with plain fetch: shapes and faults as the README's table has them.
import { createFakeClock } from "@fairlead/core/testing";
import { describe, expect, it } from "vitest";
import type { Fault, SimulatorOptions } from "../src/simulator/index.ts";
import { quick, startHost, until } from "./host.ts";

const model = "qwen/qwen3.5-9b";
const four = [{ key: model, answer: "Two and two is four.", ...quick }];
const ask = { model, messages: [{ role: "user", content: "What is two and two?" }] };

function post(
  url: string,
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(url + path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
}

/** Status and parsed body of one chat request to a host of its own. */
async function chat(
  options: Partial<SimulatorOptions>,
  body: object = ask,
): Promise<{ status: number; json: unknown; text: string }> {
  await using host = await startHost({ models: four, ...options });
  const response = await post(host.url, "/v1/chat/completions", body);
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.includes("json") === true;
  return { status: response.status, json: isJson ? (JSON.parse(text) as unknown) : undefined, text };
}

function frames(text: string): readonly unknown[] {
  return [...text.matchAll(/^data: (\{.*)$/gm)].map(([, json = ""]) => JSON.parse(json) as unknown);
}

describe("chat", () => {
  it("answers in the shape of /v1", async () => {
    const { json } = await chat({});
    expect(json).toMatchObject({
      object: "chat.completion",
      model,
      choices: [
        {
          index: 0,
          message: {
            role: "assistant",
            content: "Two and two is four.",
            reasoning_content: "",
            tool_calls: [],
          },
          logprobs: null,
          finish_reason: "stop",
        },
      ],
      usage: { prompt_tokens: 5, completion_tokens: 5, total_tokens: 10 },
      stats: {},
      system_fingerprint: model,
    });
  });

  it("streams role, deltas, reason, usage and the end mark", async () => {
    const { text } = await chat({}, { ...ask, stream: true, stream_options: { include_usage: true } });
    const all = frames(text);
    expect(all[0]).toMatchObject({ choices: [{ delta: { role: "assistant", content: "Two" } }] });
    expect(all.at(-2)).toMatchObject({ choices: [{ delta: {}, finish_reason: "stop" }] });
    expect(all.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 5 } });
    expect(text.endsWith("data: [DONE]\n\n")).toBe(true);
  });

  it("says the same for the same seed and prompt, something else for another seed", async () => {
    const models = [{ key: model, ...quick }];
    const texts: unknown[] = [];
    for (const seed of [1, 1, 2]) {
      const { json } = await chat({ models, seed });
      texts.push((json as { choices: [{ message: { content: string } }] }).choices[0].message.content);
    }
    expect(texts[0]).toBe(texts[1]);
    expect(texts[0]).not.toBe(texts[2]);
  });

  it("calls tools with numbers for ids, whole and in pieces", async () => {
    const models = [
      { ...four[0], key: model, answer: () => ({ toolCalls: [{ name: "add", arguments: '{"a":2}' }] }) },
    ];
    const { json } = await chat({ models });
    const { text } = await chat({ models }, { ...ask, stream: true });
    expect(json).toMatchObject({
      choices: [
        {
          message: {
            content: "",
            tool_calls: [
              {
                id: expect.stringMatching(/^\d{9}$/) as string,
                function: { name: "add", arguments: '{"a":2}' },
              },
            ],
          },
          finish_reason: "tool_calls",
        },
      ],
    });
    const parts = [...text.matchAll(/"arguments":"((?:[^"\\]|\\.)*)"/g)].map(([, part = ""]) => part);
    expect(JSON.parse(`"${parts.join("")}"`)).toBe('{"a":2}');
  });

  it("spends max_tokens on thinking, so that no text is left", async () => {
    const models = [
      { ...four[0], key: model, answer: () => ({ reasoning: "Let me think about it.", content: "Four." }) },
    ];
    const { json } = await chat({ models }, { ...ask, max_tokens: 3 });
    expect(json).toMatchObject({
      choices: [{ message: { content: "", reasoning_content: "Let me think" }, finish_reason: "length" }],
      usage: { completion_tokens_details: { reasoning_tokens: 3 } },
    });
  });

  it("puts a thinking model's answer to a schema into the field for reasoning", async () => {
    const models = [
      { ...four[0], key: model, answer: '{"sum":4}', thinks: true, reasoningField: "reasoning" as const },
    ];
    const { json } = await chat({ models }, { ...ask, response_format: { type: "json_schema" } });
    expect(json).toMatchObject({ choices: [{ message: { content: "", reasoning: '{"sum":4}' } }] });
  });

  it("adds speed, model and runtime at /api/v0", async () => {
    await using host = await startHost({ models: four });
    const response = await post(host.url, "/api/v0/chat/completions", ask);
    expect(await response.json()).toMatchObject({
      stats: { stop_reason: "eosFound" },
      model_info: { context_length: 131_072 },
      runtime: { supported_formats: ["gguf"] },
    });
  });

  it.each([
    [{ model }, 400, "'messages' field is required"],
    [{ ...ask, response_format: { type: "json_object" } }, 400, "json_schema"],
    [{ ...ask, messages: [null] }, 400, "Cannot read properties of null"],
  ])("refuses %j", async (body, status, text) => {
    const answer = await chat({}, body);
    expect([answer.status, answer.text]).toEqual([status, expect.stringContaining(text)]);
  });
});

describe("overflow", () => {
  const long = { model, messages: [{ role: "user", content: "word ".repeat(200) }] };
  const models = [{ key: model, maxContextLength: 128, ...quick }];

  it.each([
    ["string-400", 400, "n_keep: 250>= n_ctx: 128"],
    ["engine-400", 400, "exceed_context_size_error"],
    ["cut-middle", 200, '"prompt_tokens":64'],
  ] as const)("%s", async (overflow, status, text) => {
    const answer = await chat({ models, overflow }, long);
    expect([answer.status, answer.text]).toEqual([status, expect.stringContaining(text)]);
  });

  it("is told inside a stream of status 200", async () => {
    const { status, text } = await chat({ models, overflow: "stream-error" }, { ...long, stream: true });
    expect(status).toBe(200);
    expect(text).toMatch(/^event: error\ndata: .*Input does not fit in context length/);
  });

  it("is not told at all", async () => {
    const { status, text } = await chat({ models, overflow: "empty-200" }, { ...long, stream: true });
    expect([status, text]).toEqual([200, "data: [DONE]\n\n"]);
  });
});

describe("faults", () => {
  const withFault = (kind: Fault["kind"]): Partial<SimulatorOptions> => ({
    faults: [{ kind, requests: [1] }],
  });

  it.each([
    ["empty", 200, '"content":""'],
    ["wedged", 200, '"completion_tokens":5'],
    ["reasoning-only", 200, '"content":"","reasoning_content":"Two and two is four."'],
    ["swap-html-500", 500, "<pre>Internal Server Error</pre>"],
    ["load-aborted", 400, "Operation canceled"],
    ["load-failed", 400, "insufficient system resources"],
    ["engine-error-500", 500, "internal_error"],
    ["model-unloaded", 400, "Model is unloaded."],
    ["crash", 400, "Exit code: 6"],
    ["substitute", 200, '"model":"qwen/qwen3.5-9b-other"'],
  ] as const)("%s answers %i", async (kind, status, text) => {
    const answer = await chat(withFault(kind));
    expect([answer.status, answer.text]).toEqual([status, expect.stringContaining(text)]);
  });

  it("crash and unload in a stream come as an error event after some text", async () => {
    for (const kind of ["crash", "model-unloaded"] as const) {
      const { status, text } = await chat(withFault(kind), { ...ask, stream: true });
      expect(status).toBe(200);
      expect(text).toMatch(/"content":"Two"[\s\S]*\nevent: error\ndata: /);
    }
  });

  it("no-chunks ends a stream without a word, corrupt-frame splices two frames", async () => {
    const silent = await chat(withFault("no-chunks"), { ...ask, stream: true });
    expect(silent.text).toBe("data: [DONE]\n\n");
    const corrupt = await chat(withFault("corrupt-frame"), { ...ask, stream: true });
    expect(corrupt.text).toMatch(/^data: .*data: .*$/m);
    expect(corrupt.text).toContain('"content":" is"');
  });

  it("reset and cut break the connection off", async () => {
    await expect(chat(withFault("reset"))).rejects.toThrow("fetch failed");
    await expect(chat(withFault("cut"), { ...ask, stream: true })).rejects.toThrow("terminated");
  });

  it("stall is silent until the client leaves, and then gives the slot back", async () => {
    await using host = await startHost({ models: four, ...withFault("stall") });
    const client = new AbortController();
    const answer = fetch(`${host.url}/v1/chat/completions`, {
      method: "POST",
      body: JSON.stringify(ask),
      headers: { "content-type": "application/json" },
      signal: client.signal,
    }).catch((error: Error) => error.name);
    await until(() => host.simulator.instances()[0]?.busy === 1);
    client.abort();
    expect(await answer).toBe("AbortError");
    await until(() => host.simulator.instances()[0]?.busy === 0);
  });

  it("can be asked for by header and by function, and are recorded", async () => {
    await using host = await startHost({ models: four });
    const byHeader = await post(host.url, "/v1/chat/completions", ask, {
      "x-simulator-fault": "load-failed",
    });
    const remove = host.simulator.inject({ kind: "swap-html-500" });
    const byFunction = await post(host.url, "/v1/chat/completions", ask);
    remove();
    const after = await post(host.url, "/v1/chat/completions", ask);
    expect([byHeader.status, byFunction.status, after.status]).toEqual([400, 500, 200]);
    expect(host.simulator.requests().map(({ number, fault }) => [number, fault])).toEqual([
      [1, "load-failed"],
      [2, "swap-html-500"],
      [3, undefined],
    ]);
  });
});

describe("everything else", () => {
  const models = [
    { key: model, loaded: true, maxContextLength: 8_192, contextLength: 4_096, ...quick },
    { key: "text-embedding-nomic", type: "embedding" as const, dimensions: 8, ...quick },
  ];

  it("lists models in three shapes", async () => {
    await using host = await startHost({ models });
    const get = async (path: string): Promise<unknown> => (await fetch(host.url + path)).json();
    expect(await get("/v1/models")).toMatchObject({ object: "list", data: [{ id: model }, {}] });
    expect(await get("/api/v0/models")).toMatchObject({
      data: [
        { state: "loaded", loaded_context_length: 4_096, type: "llm" },
        { state: "not-loaded", type: "embeddings" },
      ],
    });
    expect(await get(`/api/v0/models/${encodeURIComponent(model)}`)).toMatchObject({ id: model });
    expect(await get("/api/v1/models")).toMatchObject({
      models: [
        { key: model, loaded_instances: [{ id: model, config: { context_length: 4_096, parallel: 4 } }] },
        { type: "embedding", loaded_instances: [] },
      ],
    });
    expect(await get("/lmstudio-greeting")).toEqual({ lmstudio: true });
  });

  it("loads one more instance on every request for it, and unloads by instance", async () => {
    await using host = await startHost({ models });
    const load = await post(host.url, "/api/v1/models/load", { model, echo_load_config: true });
    expect(await load.json()).toMatchObject({
      instance_id: `${model}:2`,
      status: "loaded",
      load_config: { context_length: 4_096 },
    });
    const unload = await post(host.url, "/api/v1/models/unload", { instance_id: `${model}:2` });
    expect(await unload.json()).toEqual({ instance_id: `${model}:2` });
    expect((await post(host.url, "/api/v1/models/unload", { instance_id: "x" })).status).toBe(404);
    expect((await post(host.url, "/api/v1/models/load", { model: "x" })).status).toBe(404);
  });

  it("embeds texts as directions that depend on the text alone", async () => {
    await using host = await startHost({ models });
    const input = ["one", "two", "one"];
    const response = await post(host.url, "/v1/embeddings", { model: "text-embedding-nomic", input });
    const { data } = (await response.json()) as { data: { embedding: number[] }[] };
    expect(data[0]).toMatchObject({ object: "embedding", index: 0 });
    expect(data[0]?.embedding).toEqual(data[2]?.embedding);
    expect(data[0]?.embedding).not.toEqual(data[1]?.embedding);
    expect(data[0]?.embedding.reduce((sum, value) => sum + value * value, 0)).toBeCloseTo(1, 6);
  });

  it("completes a text", async () => {
    await using host = await startHost({ models: four });
    const response = await post(host.url, "/v1/completions", { model, prompt: "Two and two" });
    expect(await response.json()).toMatchObject({
      object: "text_completion",
      choices: [{ text: "Two and two is four.", finish_reason: "stop" }],
    });
  });

  it("answers 200 on any other path, or 404 where told so", async () => {
    for (const unknownPathStatus of [200, 404] as const) {
      await using host = await startHost({ models, unknownPathStatus });
      const response = await fetch(`${host.url}/health`);
      expect([response.status, await response.json()]).toEqual([
        unknownPathStatus,
        { error: "Unexpected endpoint or method. (GET /health)" },
      ]);
    }
  });

  it("demands a token, in either header", async () => {
    await using host = await startHost({ models, apiToken: "sk-lm-1:2" });
    const get = (headers: Record<string, string>): Promise<Response> =>
      fetch(`${host.url}/v1/models`, { headers });
    const [none, wrong, bearer, key] = await Promise.all([
      get({}),
      get({ authorization: "Bearer x" }),
      get({ authorization: "Bearer sk-lm-1:2" }),
      get({ "x-api-key": "sk-lm-1:2" }),
    ]);
    expect([none, wrong, bearer, key].map(({ status }) => status)).toEqual([401, 401, 200, 200]);
    expect(await none.json()).toMatchObject({ error: { code: "invalid_api_key" } });
  });

  it("refuses a body that is too large, no JSON, or a form", async () => {
    await using host = await startHost({ models: four, maxBodyBytes: 100 });
    const large = await post(host.url, "/v1/chat/completions", { ...ask, padding: "x".repeat(200) });
    const form = await post(host.url, "/v1/chat/completions", ask, { "content-type": "text/plain" });
    const broken = await fetch(`${host.url}/v1/completions`, {
      method: "POST",
      body: "{",
      headers: { "content-type": "application/json" },
    });
    expect([large.status, form.status, broken.status]).toEqual([413, 415, 400]);
  });

  it("waits for its own clock with loads and tokens", async () => {
    const clock = createFakeClock();
    const slow = [{ key: model, answer: "One two three.", loadMs: 5_000, tokensPerSecond: 1 }];
    await using host = await startHost({ models: slow, clock });
    let done = false;
    const answer = post(host.url, "/v1/chat/completions", ask).then((response) => {
      done = true;
      return response.json();
    });
    await until(() => clock.pending > 0);
    await clock.advance(4_999);
    expect(host.simulator.instances()).toEqual([]);
    await clock.advance(1);
    expect(host.simulator.instances()).toEqual([{ id: model, model, busy: 1, queued: 0 }]);
    await clock.advance(2_900);
    expect(done).toBe(false);
    await clock.advance(200);
    expect(await answer).toMatchObject({ choices: [{ message: { content: "One two three." } }] });
  });

  it("names a wrong option", () => {
    const start = (options: object): Promise<unknown> => startHost({ models: four, ...options });
    return Promise.all([
      expect(start({ models: [] })).rejects.toThrow("models must not be empty"),
      expect(start({ models: [{ key: "m", parallel: 0 }] })).rejects.toThrow(
        "models[].parallel must be at least 1, got 0",
      ),
      expect(start({ seed: 0.5 })).rejects.toThrow("seed must be an integer, got 0.5"),
      expect(start({ models: [{ key: "m" }, { key: "m" }] })).rejects.toThrow("got m twice"),
    ]);
  });
});
