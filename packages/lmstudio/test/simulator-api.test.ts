// The simulated host's own API, its downloads and its control, asked with plain fetch.
import { createFakeClock } from "@fairlead/core/testing";
import { describe, expect, it } from "vitest";
import type { SimulatorOptions } from "../src/simulator/index.ts";
import { type Host, quick, startHost, until } from "./host.ts";

const model = "qwen/qwen3.5-9b";
const four = [{ key: model, answer: "Two and two is four.", ...quick }];
const ask = { model, messages: [{ role: "user", content: "What is two and two?" }] };

function post({ url }: Host, path: string, body: unknown, method = "POST"): Promise<Response> {
  return fetch(url + path, {
    method,
    headers: { "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

function start(options: Partial<SimulatorOptions> = {}): Promise<Host> {
  return startHost({ models: four, ...options });
}

function events(text: string): readonly { type: string; [key: string]: unknown }[] {
  return [...text.matchAll(/^data: (\{.*)$/gm)].map(([, json = ""]) => JSON.parse(json) as { type: string });
}

describe("/api/v1/chat", () => {
  it("answers whole, with the time of a load that it has caused", async () => {
    await using host = await start();
    const chat = async (): Promise<unknown> =>
      (await post(host, "/api/v1/chat", { model, input: "Two and two?" })).json();
    expect(await chat()).toMatchObject({
      model_instance_id: model,
      output: [{ type: "message", content: "Two and two is four." }],
      stats: { total_output_tokens: 5, model_load_time_seconds: expect.any(Number) as number },
      response_id: expect.stringMatching(/^resp_/) as string,
    });
    expect(await chat()).not.toHaveProperty("stats.model_load_time_seconds");
  });

  it("streams load, prompt, thinking, text and the end in order", async () => {
    const clock = createFakeClock();
    const answer = (): object => ({ reasoning: "Hm.", content: "Yes." });
    await using host = await start({ clock, models: [{ key: model, answer, loadMs: 4_000 }] });
    const text = post(host, "/api/v1/chat", { model, input: "Two?", stream: true }).then((answered) =>
      answered.text(),
    );
    await until(() => clock.pending > 0);
    let done = false;
    void text.finally(() => (done = true));
    for (let turns = 0; !done && turns < 10_000; turns += 1) await clock.advance(100);
    const types = events(await text).map(({ type }) => type);
    expect(types.filter((type, at) => type !== types[at - 1])).toEqual([
      "chat.start",
      "model_load.start",
      "model_load.progress",
      "model_load.end",
      "prompt_processing.start",
      "prompt_processing.progress",
      "prompt_processing.end",
      "reasoning.start",
      "reasoning.delta",
      "reasoning.end",
      "message.start",
      "message.delta",
      "message.end",
      "chat.end",
    ]);
    const progress = events(await text).filter(({ type }) => type === "model_load.progress");
    expect(progress.map((event) => event["progress"])).toEqual([0.25, 0.5, 0.75]);
  });

  it("takes images by either name, and only with a model that sees", async () => {
    const input = [
      { type: "text", content: "What is this?" },
      { type: "image", data_url: "data:image/png;base64,AA==" },
    ];
    const answer = (_: string, { images }: { images: number }): string => `${images} image`;
    await using seeing = await start({ models: [{ key: model, answer, vision: true, ...quick }] });
    await using blind = await start();
    expect(await (await post(seeing, "/api/v1/chat", { model, input })).json()).toMatchObject({
      output: [{ content: "1 image" }],
    });
    const refused = await post(blind, "/api/v1/chat", { model, input });
    expect([refused.status, await refused.json()]).toEqual([
      400,
      { error: { type: "invalid_request", message: expect.stringContaining("Vision add-on") as string } },
    ]);
  });

  it("keeps conversations, unless told not to", async () => {
    await using host = await start();
    const first = (await (await post(host, "/api/v1/chat", { model, input: "One?" })).json()) as {
      response_id: string;
    };
    const go = (id: string): Promise<Response> =>
      post(host, "/api/v1/chat", { model, input: "Two?", previous_response_id: id, store: false });
    const second = await (await go(first.response_id)).json();
    expect(second).not.toHaveProperty("response_id");
    expect((second as { stats: { input_tokens: number } }).stats.input_tokens).toBeGreaterThan(5);
    expect((await go("resp_x")).status).toBe(400);
  });

  it.each([
    [{ model, messages: [] }, 400, "Unrecognized key"],
    [{ model, input: "x", tools: [] }, 400, "Unrecognized key"],
    [{ model, input: [{ type: "video" }] }, 400, "Invalid input type: video"],
    [{ model: "x", input: "x" }, 400, "No models loaded"],
  ])("refuses %j with a type", async (body, status, message) => {
    await using host = await start();
    const response = await post(host, "/api/v1/chat", body);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({
      error: { type: "invalid_request", message: expect.stringContaining(message) as string },
    });
  });

  it("tells an error in a stream, and ends it", async () => {
    await using host = await start({ faults: [{ kind: "crash" }] });
    const text = await (await post(host, "/api/v1/chat", { model, input: "Two?", stream: true })).text();
    expect(events(text).slice(-2)).toMatchObject([
      {
        type: "error",
        error: { type: "internal_error", message: expect.stringContaining("crashed") as string },
      },
      { type: "chat.end" },
    ]);
  });
});

describe("models", () => {
  it("that are not on the disk are downloaded, as time passes", async () => {
    const clock = createFakeClock();
    const rare = { key: "rare/model", downloaded: false, sizeBytes: 1_000, ...quick };
    await using host = await start({ clock, models: [...four, rare], downloadBytesPerSecond: 100 });
    const list = async (): Promise<number> =>
      ((await (await fetch(`${host.url}/v1/models`)).json()) as { data: unknown[] }).data.length;
    expect(await list()).toBe(1);
    const download = async (key: string): Promise<{ job_id: string; status: string }> =>
      (await (await post(host, "/api/v1/models/download", { model: key })).json()) as never;
    expect(await download(model)).toEqual({ status: "already_downloaded" });
    const job = await download("rare/model");
    expect((await download("rare/model")).job_id).toBe(job.job_id);
    const status = async (): Promise<unknown> =>
      (await fetch(`${host.url}/api/v1/models/download/status/${job.job_id}`)).json();
    await clock.advance(4_000);
    expect(await status()).toMatchObject({
      status: "downloading",
      downloaded_bytes: 400,
      total_size_bytes: 1_000,
    });
    await clock.advance(6_000);
    expect(await status()).toMatchObject({ status: "completed", downloaded_bytes: 1_000 });
    expect(await list()).toBe(2);
    expect((await post(host, "/api/v1/models/download", { model: "x" })).status).toBe(404);
    expect((await fetch(`${host.url}/api/v1/models/download/status/x`)).status).toBe(404);
  });

  it("loaded by a request stay as long as it says", async () => {
    const clock = createFakeClock();
    await using host = await start({ clock });
    const answer = post(host, "/v1/chat/completions", { ...ask, ttl: 10 });
    let done = false;
    void answer.finally(() => (done = true));
    for (let turns = 0; !done && turns < 10_000; turns += 1) await clock.advance(1);
    await (await answer).text();
    await clock.advance(9_000);
    expect(host.simulator.instances()).toHaveLength(1);
    await clock.advance(2_000);
    expect(host.simulator.instances()).toHaveLength(0);
  });

  it("are shown by /api/v0 as they were, where that lags", async () => {
    const clock = createFakeClock();
    await using host = await start({ clock, v0LagMs: 1_000 });
    const load = host.simulator.load(model);
    await clock.advance(0);
    await load;
    const state = async (): Promise<unknown> =>
      ((await (await fetch(`${host.url}/api/v0/models`)).json()) as { data: unknown[] }).data[0];
    expect(await state()).toMatchObject({ state: "not-loaded" });
    await clock.advance(1_000);
    expect(await state()).toMatchObject({ state: "loaded" });
  });

  it("fail to load with 500 at the load endpoint, by faults of its own", async () => {
    await using host = await start({
      faults: [
        { kind: "load-failed", on: "load", requests: [1] },
        { kind: "swap-html-500", on: "load", requests: [2] },
      ],
    });
    const load = (): Promise<Response> => post(host, "/api/v1/models/load", { model });
    const [first, second, third] = [await load(), await load(), await load()];
    expect([first.status, await first.json()]).toMatchObject([500, { error: { type: "model_load_failed" } }]);
    expect([second.status, third.status]).toEqual([500, 200]);
    expect((await post(host, "/v1/chat/completions", ask)).status).toBe(200);
  });
});

describe("other shapes", () => {
  it.each([
    [{ text: {} }, 400, { param: "text.format", code: "missing_required_parameter" }],
    [{ text: { format: { type: "json_object" } } }, 400, "json_schema"],
  ])("/v1/responses refuses %j", async (more, status, error) => {
    await using host = await start();
    const response = await post(host, "/v1/responses", { model, input: "Two?", ...more });
    expect(response.status).toBe(status);
    const body = (await response.json()) as { error: unknown };
    if (typeof error === "string") expect(body.error).toContain(error);
    else expect(body.error).toMatchObject(error);
  });

  it("nothing loaded is 404 with a code on older hosts", async () => {
    await using host = await start({ justInTime: false, noModelStatus: 404 });
    const response = await post(host, "/v1/chat/completions", ask);
    expect([response.status, await response.json()]).toMatchObject([
      404,
      { error: { code: "model_not_found" } },
    ]);
  });

  it("a draft model adds its counts at /api/v0", async () => {
    await using host = await start();
    const response = await post(host, "/api/v0/chat/completions", { ...ask, draft_model: "tiny" });
    expect(await response.json()).toMatchObject({
      stats: { draft_model: "tiny", total_draft_tokens_count: 5, accepted_draft_tokens_count: 4 },
    });
  });

  it.each([
    ["empty-400", 400, ""],
    ["engine-aborted", 400, "Engine protocol startup was aborted"],
  ] as const)("%s answers %i", async (kind, status, text) => {
    await using host = await start({ faults: [{ kind }] });
    const response = await post(host, "/v1/chat/completions", ask);
    expect([response.status, await response.text()]).toEqual([status, expect.stringContaining(text)]);
  });

  it("load-failed-in-stream has a type, hang says nothing until the client leaves", async () => {
    await using host = await start({
      faults: [{ kind: "load-failed-in-stream", requests: [1] }, { kind: "hang" }],
    });
    const text = await (await post(host, "/v1/chat/completions", { ...ask, stream: true })).text();
    expect(text).toContain('"type":"model_load_failed"');
    const client = new AbortController();
    const hanging = fetch(`${host.url}/v1/chat/completions`, {
      method: "POST",
      body: JSON.stringify(ask),
      signal: client.signal,
      headers: { "content-type": "application/json" },
    }).catch((error: Error) => error.name);
    await until(() => host.simulator.requests().length === 2);
    client.abort();
    expect(await hanging).toBe("AbortError");
  });

  it("headers are those of Express, with an ETag", async () => {
    await using host = await start();
    const { headers } = await fetch(`${host.url}/v1/models`);
    expect(headers.get("x-powered-by")).toBe("Express");
    expect(headers.get("etag")).toMatch(/^W\/"[0-9a-f]+-/);
    expect(headers.get("keep-alive")).toBe("timeout=5");
  });
});

describe("the control", () => {
  it("adds faults, shows what happens, and takes them back", async () => {
    await using host = await start({ apiToken: "sk-lm-1:2" });
    await using open = await start();
    expect((await post(host, "/__simulator/faults", { kind: "empty" })).status).toBe(200);
    const { id } = (await (await post(open, "/__simulator/faults", { kind: "swap-html-500" })).json()) as {
      id: string;
    };
    expect((await post(open, "/v1/chat/completions", ask)).status).toBe(500);
    expect(await (await fetch(`${open.url}/__simulator/state`)).json()).toMatchObject({
      requests: [{ path: "/v1/chat/completions", fault: "swap-html-500" }],
      faults: [{ id, kind: "swap-html-500" }],
    });
    expect((await post(open, `/__simulator/faults/${id}`, undefined, "DELETE")).status).toBe(200);
    expect((await post(open, `/__simulator/faults/${id}`, undefined, "DELETE")).status).toBe(404);
    expect((await post(open, "/v1/chat/completions", ask)).status).toBe(200);
    await post(open, "/__simulator/faults", { kind: "empty" });
    expect((await post(open, "/__simulator/faults", undefined, "DELETE")).status).toBe(200);
    expect((await post(open, "/__simulator/faults", { kind: "nonsense" })).status).toBe(400);
    expect((await post(open, "/__simulator/faults", {})).status).toBe(400);
  });

  it("changes options while the host runs, and a header one for a request", async () => {
    const small = [{ key: model, answer: "Yes.", maxContextLength: 16, ...quick }];
    await using host = await start({ models: small });
    const long = { model, messages: [{ role: "user", content: "word ".repeat(100) }] };
    const status = async (headers: Record<string, string> = {}): Promise<number> => {
      const response = await fetch(`${host.url}/v1/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify(long),
      });
      await response.text();
      return response.status;
    };
    expect(await status()).toBe(400);
    expect(await status({ "x-simulator-overflow": "empty-200" })).toBe(200);
    expect(await status()).toBe(400);
    const change = (patch: object): Promise<Response> => post(host, "/__simulator/settings", patch, "PATCH");
    expect((await change({ overflow: "cut-middle", unknownPathStatus: 404 })).status).toBe(200);
    expect([await status(), (await fetch(`${host.url}/health`)).status]).toEqual([200, 404]);
    expect((await change({ overflow: "x" })).status).toBe(400);
    expect((await change({ models: [] })).status).toBe(400);
    host.simulator.configure({ justInTime: false, noModelStatus: 404 });
    expect(host.simulator.unload(model)).toBe(true);
    expect(await status()).toBe(404);
    expect(() => host.simulator.configure({ idleTtlMs: 0 })).toThrow("idleTtlMs must be at least 1, got 0");
  });
});
