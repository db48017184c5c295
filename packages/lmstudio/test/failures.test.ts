// Every trap of a real host through the client, with the error that it yields.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createFakeClock } from "@fairlead/core/testing";
import { describe, expect, it } from "vitest";
import { createLmStudioClient, LmStudioError, type LmStudioErrorCode } from "../src/index.ts";
import type { FaultKind, SimulatorOptions } from "../src/simulator/index.ts";
import { ask, errorOf, inferences, model, models, startPair } from "./client.ts";
import { quick, until } from "./host.ts";

describe("a fault of the host", () => {
  it.each<[FaultKind, LmStudioErrorCode, object]>([
    ["empty", "EMPTY_RESPONSE", { reason: "no-output", isRetryable: true }],
    ["no-chunks", "EMPTY_RESPONSE", { reason: "no-output" }],
    ["wedged", "EMPTY_RESPONSE", { reason: "wedged", isRetryable: false }],
    ["reasoning-only", "EMPTY_RESPONSE", { reason: "reasoning-only", reasoning: "Two and two is four." }],
    ["swap-html-500", "CONTENTION", { status: 500, isRetryable: true }],
    ["load-aborted", "CONTENTION", { status: 400 }],
    ["load-failed", "MODEL_LOAD_FAILED", { isRetryable: false }],
    ["engine-error-500", "SERVER_ERROR", { status: 500 }],
    ["model-unloaded", "CONTENTION", { generated: true, isRetryable: false }],
    ["crash", "MODEL_CRASHED", { generated: true }],
    ["reset", "CONNECTION_FAILED", { generated: false, isRetryable: true }],
    ["cut", "CONNECTION_FAILED", { generated: true, isRetryable: false }],
    ["substitute", "MODEL_SUBSTITUTED", { answeredBy: `${model}-other`, generated: false }],
  ])("%s is %s", async (kind, code, facts) => {
    await using pair = await startPair({ faults: [{ kind }] }, { maxRetries: 0 });
    const error = await errorOf(pair.client.chat(ask));
    expect(error).toMatchObject({ code, model, host: new URL(pair.url).host, attempts: 1, ...facts });
    expect(inferences(pair)).toBe(1);
  });

  it("that uses up the tokens by thinking is EMPTY_RESPONSE by length", async () => {
    const answer = (): object => ({ reasoning: "Let me think about it.", content: "Four." });
    await using pair = await startPair({ models: [{ key: model, answer, ...quick }] });
    const error = await errorOf(pair.client.chat({ ...ask, maxTokens: 3 }));
    expect(error).toMatchObject({ code: "EMPTY_RESPONSE", reason: "length", reasoning: "Let me think" });
  });

  it.each<[Partial<SimulatorOptions>, LmStudioErrorCode]>([
    [{ justInTime: false }, "NO_MODEL_LOADED"],
    [{ apiToken: "sk-lm-1:2" }, "UNAUTHORIZED"],
    [
      {
        models: [
          { key: "a", loaded: true },
          { key: "b", loaded: true },
        ],
      },
      "MODEL_NOT_FOUND",
    ],
    [{ models: [{ key: "a", loaded: true, ...quick }] }, "MODEL_SUBSTITUTED"],
  ])("%j is %s, once", async (simulated, code) => {
    await using pair = await startPair(simulated);
    expect(await errorOf(pair.client.chat(ask))).toMatchObject({ code, attempts: 1 });
    expect(pair.client.hosts()).toMatchObject([{ circuit: "closed" }]);
  });

  it.each<[Partial<SimulatorOptions>, object, LmStudioErrorCode]>([
    [{ justInTime: false, noModelStatus: 404 }, {}, "NO_MODEL_LOADED"],
    [{ unknownPathStatus: 404 }, { previousResponseId: "x", api: "responses" }, "INVALID_REQUEST"],
    [{}, { extra: { response_format: { type: "json_object" } } }, "INVALID_REQUEST"],
    [{}, { api: "responses", extra: { text: {} } }, "INVALID_REQUEST"],
    [{}, { messages: [{ content: "x" }] as never[] }, "INVALID_REQUEST"],
    [
      { models: [{ ...models[0], key: model, maxContextLength: 4 }] },
      { api: "messages" },
      "CONTEXT_OVERFLOW",
    ],
    [
      { messagesSystem: false },
      { api: "messages", messages: [{ role: "system", content: "x" }, ...ask.messages] },
      "INVALID_REQUEST",
    ],
  ])("%j asked %j is %s, once", async (simulated, more, code) => {
    await using pair = await startPair(simulated);
    expect(await errorOf(pair.client.chat({ ...ask, ...more }))).toMatchObject({ code, attempts: 1 });
    expect(pair.client.hosts()).toMatchObject([{ circuit: "closed" }]);
  });

  it("of a wrong token is UNAUTHORIZED, and its beginning alone is told", async () => {
    await using pair = await startPair({ apiToken: "sk-lm-1:2" }, { apiToken: "sk-wrong-secret" });
    const error = await errorOf(pair.client.chat(ask));
    expect(error).toMatchObject({ code: "UNAUTHORIZED", status: 401 });
    expect(error.message).not.toContain("secret");
  });

  it.each([
    ["load-failed", "MODEL_LOAD_FAILED", 1],
    ["load-aborted", "CONTENTION", 4],
    ["swap-html-500", "CONTENTION", 4],
  ] as const)("%s at the load endpoint is %s", async (kind, code, attempts) => {
    await using pair = await startPair({ faults: [{ kind, on: "load" }] });
    expect(await errorOf(pair.client.models.load({ model }))).toMatchObject({ code, attempts });
  });

  it("of a host that forgets: an unloaded model is loaded again", async () => {
    const clock = createFakeClock();
    await using pair = await startPair({
      clock,
      idleTtlMs: 1_000,
      models: [{ key: model, answer: "Yes.", loadMs: 0 }],
    });
    const asked = async (): Promise<unknown> => {
      let done = false;
      const call = pair.client.chat(ask).finally(() => {
        done = true;
      });
      for (let turns = 0; !done && turns < 10_000; turns += 1) await clock.advance(5);
      return call;
    };
    expect(await asked()).toMatchObject({ text: "Yes." });
    await clock.advance(1_000);
    expect(pair.simulator.instances()).toEqual([]);
    expect(await asked()).toMatchObject({ text: "Yes.", attempts: 1 });
  });

  it("is not there with the token", async () => {
    await using pair = await startPair({ apiToken: "sk-lm-1:2" }, { apiToken: "sk-lm-1:2" });
    expect(await pair.client.chat(ask)).toMatchObject({ text: "Two and two is four." });
  });
});

describe("overflow", () => {
  const simulated = { models: [{ key: model, loaded: true, maxContextLength: 128, ...quick }] };
  const long = { model, messages: [{ role: "user" as const, content: "word ".repeat(200) }] };

  it.each(["string-400", "engine-400"] as const)("as %s has the counts", async (overflow) => {
    await using pair = await startPair({ ...simulated, overflow });
    expect(await errorOf(pair.client.chat(long))).toMatchObject({
      code: "CONTEXT_OVERFLOW",
      promptTokens: 250,
      contextLength: 128,
      attempts: 1,
    });
  });

  it("in a stream of status 200 is CONTEXT_OVERFLOW", async () => {
    await using pair = await startPair({ ...simulated, overflow: "stream-error" });
    expect(await errorOf(pair.client.chat(long))).toMatchObject({
      code: "CONTEXT_OVERFLOW",
      promptTokens: 250,
    });
  });

  it("without a word is EMPTY_RESPONSE by overflow", async () => {
    await using pair = await startPair({ ...simulated, overflow: "empty-200" });
    expect(await errorOf(pair.client.chat(long))).toMatchObject({
      code: "EMPTY_RESPONSE",
      reason: "overflow",
    });
  });

  it("that is sure is found before anything is sent", async () => {
    await using pair = await startPair({ ...simulated, overflow: "empty-200" });
    const messages = [{ role: "user" as const, content: "word ".repeat(1_500) }];
    expect(await errorOf(pair.client.chat({ model, messages }))).toMatchObject({
      code: "CONTEXT_OVERFLOW",
      promptTokens: 1_250,
      contextLength: 128,
    });
    expect(inferences(pair)).toBe(0);
  });
});

describe("retries", () => {
  it("go on until it works", async () => {
    await using pair = await startPair({ faults: [{ kind: "swap-html-500", requests: [1, 2] }] });
    expect(await pair.client.chat(ask)).toMatchObject({ text: "Two and two is four.", attempts: 3 });
  });

  it("are three, and the last error is told", async () => {
    await using pair = await startPair({ faults: [{ kind: "swap-html-500" }] });
    expect(await errorOf(pair.client.chat(ask))).toMatchObject({ code: "CONTENTION", attempts: 4 });
    expect(inferences(pair)).toBe(4);
  });

  it("wait 1.5 times as long each, with jitter of up to half", async () => {
    const clock = createFakeClock();
    await using pair = await startPair(
      { faults: [{ kind: "swap-html-500" }] },
      { clock, random: () => 1, backoffBaseMs: 1_000 },
    );
    const call = errorOf(pair.client.chat(ask));
    const failed = (): number => pair.client.hosts()[0]?.stats.failed ?? 0;
    for (const [at, waitMs] of [1_000, 1_500, 2_250].entries()) {
      await until(() => failed() === at + 1);
      await clock.advance(waitMs - 1);
      expect(inferences(pair)).toBe(at + 1);
      await clock.advance(1);
      await until(() => inferences(pair) === at + 2);
    }
    expect(await call).toMatchObject({ code: "CONTENTION", attempts: 4 });
  });

  it("are not made once a part of the answer has come", async () => {
    for (const kind of ["cut", "crash", "model-unloaded"] as const) {
      await using pair = await startPair({ faults: [{ kind }] });
      expect(await errorOf(pair.client.chat(ask))).toMatchObject({ generated: true, attempts: 1 });
      expect(inferences(pair)).toBe(1);
    }
  });

  it("go to another host first", async () => {
    await using good = await startPair();
    const client = createLmStudioClient({
      hosts: [
        { url: "http://127.0.0.1:1", name: "gone" },
        { url: good.url, name: "good" },
      ],
      backoffBaseMs: 1,
    });
    expect(await client.chat(ask)).toMatchObject({ host: "good", attempts: 2 });
    expect(await errorOf(client.chat(ask, { host: "gone" }))).toMatchObject({
      code: "CONNECTION_FAILED",
      host: "gone",
      attempts: 4,
    });
    await expect(client.chat(ask, { host: "other" })).rejects.toThrow(
      "host must be one of gone, good, got other",
    );
    await client.close();
  });
});

describe("time", () => {
  it("without a head is HEADERS_TIMEOUT", async () => {
    const clock = createFakeClock();
    const frozen = createFakeClock();
    await using pair = await startPair(
      { clock: frozen, models: [{ key: model }] },
      { clock, headersTimeoutMs: 5_000 },
    );
    const call = errorOf(pair.client.chat(ask));
    await until(() => frozen.pending > 0);
    await clock.advance(5_100);
    expect(await call).toMatchObject({ code: "HEADERS_TIMEOUT", timeoutMs: 5_000, attempts: 1 });
  });

  it("of silence within an answer is IDLE_TIMEOUT, and the host's slot is free again", async () => {
    const clock = createFakeClock();
    await using pair = await startPair(
      { faults: [{ kind: "stall" }], models: [{ ...models[0], key: model, loaded: true }] },
      { clock, idleTimeoutMs: 7_000 },
    );
    const events = pair.client.streamChat(ask);
    expect((await events.next()).value).toEqual({ type: "text", text: "Two" });
    expect((await events.next()).value).toEqual({ type: "text", text: " and" });
    const next = errorOf(events.next());
    // Once the pieces have been read, two timers are left: this one and that of the attempt.
    await clock.advance(7_100);
    expect(await next).toMatchObject({ code: "IDLE_TIMEOUT", timeoutMs: 7_000, generated: true });
    await until(() => pair.simulator.instances()[0]?.busy === 0);
  });

  it.each([
    [{}, 60_000],
    [{ intent: "analysis" }, 180_000],
    [{ role: "analyst" }, 180_000],
  ])("of an attempt with %j is %i ms", async (settings, timeoutMs) => {
    const clock = createFakeClock();
    const frozen = createFakeClock();
    await using pair = await startPair(
      { clock: frozen, models: [{ key: model }] },
      { clock, headersTimeoutMs: 500_000 },
    );
    const call = errorOf(pair.client.chat(ask, settings));
    await until(() => frozen.pending > 0);
    await clock.advance(timeoutMs + 100);
    expect(await call).toMatchObject({ code: "ATTEMPT_TIMEOUT", timeoutMs, attempts: 1 });
  });

  it.each([
    [{ immediate: true }, 150_000],
    [{}, 300_000],
    [{ timeoutMs: 1_000 }, 1_000],
  ])("of a whole call with %j is %i ms", async (settings, timeoutMs) => {
    const clock = createFakeClock();
    const frozen = createFakeClock();
    await using pair = await startPair(
      { clock: frozen, models: [{ key: model }] },
      { clock, headersTimeoutMs: 500_000, simpleTimeoutMs: 500_000 },
    );
    const call = errorOf(pair.client.chat(ask, settings));
    await until(() => frozen.pending > 0);
    await clock.advance(timeoutMs + 100);
    expect(await call).toMatchObject({ code: "DEADLINE_EXCEEDED", timeoutMs });
  });
});

describe("guards", () => {
  it("open the circuit after five failures of the host, not after contention", async () => {
    await using pair = await startPair({}, { maxRetries: 0 });
    const remove = pair.simulator.inject({ kind: "swap-html-500" });
    for (let call = 0; call < 6; call += 1) await errorOf(pair.client.chat(ask));
    expect(pair.client.hosts()).toMatchObject([{ circuit: "closed" }]);
    remove();
    pair.simulator.inject({ kind: "engine-error-500" });
    for (let call = 0; call < 5; call += 1) await errorOf(pair.client.chat(ask));
    const error = await errorOf(pair.client.chat(ask));
    expect(error).toMatchObject({ code: "CIRCUIT_OPEN", attempts: 1 });
    expect(error.retryAfterMs).toBeGreaterThan(50_000);
    expect(inferences(pair)).toBe(11);
  });

  it("keep one host's circuit from another's calls", async () => {
    await using bad = await startPair({ faults: [{ kind: "engine-error-500" }] });
    await using good = await startPair();
    const hosts = [
      { url: bad.url, name: "bad" },
      { url: good.url, name: "good" },
    ];
    const client = createLmStudioClient({ hosts, maxRetries: 0 });
    for (let call = 0; call < 5; call += 1) await errorOf(client.chat(ask, { host: "bad" }));
    expect(client.hosts().map(({ circuit }) => circuit)).toEqual(["open", "closed"]);
    expect(await client.chat(ask)).toMatchObject({ host: "good" });
    await client.close();
  });

  it("that refuse at one host cost no attempt while there is another", async () => {
    const clock = createFakeClock();
    const faults = [{ kind: "engine-error-500", requests: [1] } as const, { kind: "stall" } as const];
    await using bad = await startPair({ faults });
    await using good = await startPair({ models: [{ ...models[0], key: "other", loaded: true }, ...models] });
    const client = createLmStudioClient({
      hosts: [
        { url: bad.url, name: "bad" },
        { url: good.url, name: "good" },
      ],
      clock,
      breaker: { failureThreshold: 1, halfOpenMaxCalls: 1 },
      maxRetries: 0,
    });
    await errorOf(client.chat(ask, { host: "bad" }));
    await clock.advance(60_000);
    const hanging = errorOf(client.chat(ask, { host: "bad" }));
    await until(() => inferences(bad) === 2);
    expect(client.hosts()[0]).toMatchObject({ circuit: "half-open", inFlight: 1 });
    // The model is at the host that takes no second probe.
    expect(await client.chat(ask)).toMatchObject({ host: "good", attempts: 1 });
    await client.close();
    expect(await hanging).toMatchObject({ code: "CLIENT_CLOSED" });
  });

  it("refuse what would be too late for the rate limit", async () => {
    await using pair = await startPair({}, { ratePerSecond: 1, clock: createFakeClock(), maxRetries: 0 });
    await pair.client.chat(ask);
    const error = await errorOf(pair.client.chat(ask, { timeoutMs: 500 }));
    expect(error).toMatchObject({ code: "RATE_LIMITED", status: undefined });
    expect(error.retryAfterMs).toBeGreaterThan(500);
  });

  it("let so many calls at a time to a host, and refuse what cannot even wait", async () => {
    const clock = createFakeClock();
    await using pair = await startPair(
      { clock, models: [{ key: model, answer: "Yes.", loaded: true }] },
      { maxConcurrent: 2, maxQueue: 1 },
    );
    const calls = [1, 2, 3].map(() => pair.client.chat(ask));
    expect(await errorOf(pair.client.chat(ask))).toMatchObject({ code: "QUEUE_FULL" });
    await until(() => pair.simulator.instances()[0]?.busy === 2 && clock.pending === 2);
    expect(pair.client.hosts()).toMatchObject([{ inFlight: 2, waiting: 1 }]);
    let done = 0;
    const answers = Promise.all(calls.map((call) => call.finally(() => (done += 1))));
    for (let turns = 0; done < 3 && turns < 10_000; turns += 1) await clock.advance(10);
    expect((await answers).map(({ text }) => text)).toEqual(["Yes.", "Yes.", "Yes."]);
  });
});

it("a call waits for its model here, and its time limit begins when it is let in", async () => {
  const clock = createFakeClock();
  const frozen = createFakeClock();
  const slow = [
    { key: model, loaded: true, parallel: 8 },
    { key: "other", loaded: true, parallel: 8 },
  ];
  await using pair = await startPair({ clock: frozen, models: slow }, { clock, parallel: 2, maxRetries: 0 });
  const early = [1, 2].map(() => errorOf(pair.client.chat(ask)));
  const late = [1, 2].map(() => errorOf(pair.client.chat(ask)));
  const other = errorOf(pair.client.chat({ ...ask, model: "other" }));
  const busy = (): readonly number[] => pair.simulator.instances().map((instance) => instance.busy);
  await until(() => busy()[0] === 2 && busy()[1] === 1);
  expect(pair.client.hosts()).toMatchObject([{ inFlight: 3, waiting: 2 }]);
  await clock.advance(60_100);
  for (const error of await Promise.all([...early, other]))
    expect(error).toMatchObject({ code: "ATTEMPT_TIMEOUT", timeoutMs: 60_000 });
  // The host goes on reading their prompts, so their places stay taken for a while.
  await clock.advance(4_900);
  expect(inferences(pair)).toBe(3);
  await clock.advance(100);
  await until(() => inferences(pair) === 5);
  expect(pair.client.hosts()).toMatchObject([{ inFlight: 2, waiting: 0 }]);
  await clock.advance(59_000);
  expect(pair.client.hosts()).toMatchObject([{ inFlight: 2 }]);
  await clock.advance(1_100);
  for (const error of await Promise.all(late)) expect(error).toMatchObject({ code: "ATTEMPT_TIMEOUT" });
});

describe("the caller", () => {
  it("that aborts gets its reason, and the host's slot is free again", async () => {
    await using pair = await startPair({ faults: [{ kind: "stall" }] });
    const caller = new AbortController();
    const call = pair.client.chat(ask, { signal: caller.signal }).catch((reason: unknown) => reason);
    await until(() => pair.simulator.instances()[0]?.busy === 1);
    caller.abort("enough");
    expect(await call).toBe("enough");
    await until(() => pair.simulator.instances()[0]?.busy === 0);
    expect(await pair.client.chat(ask, { signal: caller.signal }).catch((reason: unknown) => reason)).toBe(
      "enough",
    );
    expect(inferences(pair)).toBe(1);
  });

  it("that closes the client ends all its calls", async () => {
    await using pair = await startPair({ faults: [{ kind: "stall" }] });
    const call = errorOf(pair.client.chat(ask));
    await until(() => pair.simulator.instances()[0]?.busy === 1);
    await pair.client.close();
    expect(await call).toMatchObject({ code: "CLIENT_CLOSED" });
    expect(await errorOf(pair.client.chat(ask))).toMatchObject({ code: "CLIENT_CLOSED" });
    expect(await errorOf(pair.client.models.list())).toBeInstanceOf(LmStudioError);
  });
});

/** A host that answers with fixed bodies by path, and with 200 and an error on any other. */
async function fixedHost(
  bodies: Readonly<Record<string, string>>,
): Promise<{ url: string } & AsyncDisposable> {
  const server = createServer((request, response) => {
    const body = bodies[request.url ?? ""];
    const type = body?.startsWith("data:") === true ? "text/event-stream" : "application/json";
    response.writeHead(200, { "content-type": type });
    response.end(body ?? `{"error":"Unexpected endpoint or method. (${request.method} ${request.url})"}`);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

describe("a host of another kind", () => {
  it("that knows no endpoint is UNEXPECTED_ENDPOINT, though it says 200", async () => {
    await using host = await fixedHost({});
    await using client = createLmStudioClient({ hosts: [host.url] });
    expect(await errorOf(client.chat(ask))).toMatchObject({ code: "UNEXPECTED_ENDPOINT", status: 200 });
    expect(await errorOf(client.models.list())).toMatchObject({ code: "UNEXPECTED_ENDPOINT" });
  });

  it("lists its models by the older surfaces", async () => {
    const v0 = { data: [{ id: "m", type: "vlm", state: "loaded", loaded_context_length: 4_096 }] };
    await using older = await fixedHost({ "/api/v0/models": JSON.stringify(v0) });
    await using plain = await fixedHost({ "/v1/models": '{"data":[{"id":"m"}]}' });
    await using client = createLmStudioClient({
      hosts: [
        { url: older.url, name: "older" },
        { url: plain.url, name: "plain" },
      ],
    });
    expect(await client.models.list({ host: "older" })).toMatchObject([
      { key: "m", type: "llm", loaded: true, instances: [{ id: "m", contextLength: 4_096 }] },
    ]);
    expect(await client.models.list({ host: "plain" })).toMatchObject([
      { key: "m", type: "unknown", loaded: undefined, instances: [] },
    ]);
  });

  it("whose stream just stops has failed", async () => {
    const body = 'data: {"choices":[{"delta":{"content":"Tw"}}]}\n\n';
    await using host = await fixedHost({ "/v1/chat/completions": body });
    await using client = createLmStudioClient({ hosts: [host.url] });
    expect(await errorOf(client.chat(ask))).toMatchObject({ code: "CONNECTION_FAILED", generated: true });
  });

  it("that talks without end is stopped", async () => {
    const body = 'data: {"choices":[{"delta":{"content":"word "}}]}\n\n'.repeat(1_000);
    await using host = await fixedHost({ "/v1/chat/completions": body });
    await using client = createLmStudioClient({ hosts: [host.url], maxAnswerBytes: 1_000 });
    expect(await errorOf(client.chat(ask))).toMatchObject({ code: "ANSWER_TOO_LARGE" });
  });

  it("that sends no embedding for a text is INVALID_RESPONSE", async () => {
    const body = '{"data":[{"index":0,"embedding":[1]}],"model":"m"}';
    await using host = await fixedHost({ "/v1/embeddings": body });
    await using client = createLmStudioClient({ hosts: [host.url] });
    expect(await errorOf(client.embed({ model: "m", input: ["a", "b"] }))).toMatchObject({
      code: "INVALID_RESPONSE",
    });
  });
});
