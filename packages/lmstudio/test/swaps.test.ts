// One host that holds one model at a time: what the gate before it makes of callers who want several.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createFakeClock, type FakeClock } from "@fairlead/core/testing";
import { describe, expect, it } from "vitest";
import { createLmStudioClient, type LmStudioEvent } from "../src/index.ts";
import type { LmStudioSimulator, SimulatorModel } from "../src/simulator/index.ts";
import { errorOf, startPair } from "./client.ts";
import { quick, startHost, until } from "./host.ts";

const one: SimulatorModel = { key: "a/one", ...quick, loadMs: 10 };
const two: SimulatorModel = { key: "b/two", ...quick, loadMs: 10 };
const ask = (model: string, text = "Hello") => ({
  model,
  messages: [{ role: "user" as const, content: text }],
});

function loadsOf(events: readonly LmStudioEvent[]): readonly string[] {
  return events.flatMap((event) => (event.type === "load" ? [event.model] : []));
}

function faultsOf(simulator: LmStudioSimulator): number {
  return simulator.requests().filter(({ fault }) => fault !== undefined).length;
}

describe("calls for two models in turn", () => {
  it("at the same time cost one swap, and nobody meets contention", async () => {
    const events: LmStudioEvent[] = [];
    await using pair = await startPair({ models: [one, two] }, { onEvent: (event) => events.push(event) });
    const calls = Array.from({ length: 16 }, (_, at) =>
      pair.client.chat(ask(at % 2 === 0 ? "a/one" : "b/two", String(at))),
    );
    for (const answer of await Promise.all(calls)) expect(answer.attempts).toBe(1);
    expect(loadsOf(events)).toEqual(["a/one", "b/two"]);
    expect(events.filter(({ type }) => type === "attempt-failed")).toEqual([]);
  });

  it("without the gate would meet contention: plain fetch does", async () => {
    await using host = await startHost({ models: [one, two] });
    const statuses = await Promise.all(
      Array.from({ length: 16 }, async (_, at) => {
        const response = await fetch(`${host.url}/v1/chat/completions`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify(ask(at % 2 === 0 ? "a/one" : "b/two", String(at))),
        });
        await response.text();
        return response.status;
      }),
    );
    expect(statuses.filter((status) => status === 500).length).toBeGreaterThan(0);
  });

  it("do not cut an answer off: a swap waits for what runs", async () => {
    const clock = createFakeClock();
    const long: SimulatorModel = { ...one, answer: "word ".repeat(20), tokensPerSecond: 10, loadMs: 0 };
    await using pair = await startPair({ clock, models: [long, two] }, { maxRetries: 0 });
    let last: unknown;
    let parts = 0;
    const first = (async () => {
      for await (const event of pair.client.streamChat(ask("a/one"))) {
        parts += 1;
        last = event;
      }
    })();
    await driveUntil(clock, () => parts > 5);
    const second = pair.client.chat(ask("b/two"));
    await until(() => pair.client.hosts()[0]?.waiting === 1);
    expect(pair.simulator.instances().map(({ id }) => id)).toEqual(["a/one"]);
    let done = false;
    const both = Promise.all([first, second]).finally(() => {
      done = true;
    });
    await driveUntil(clock, () => done);
    const [, answer] = await both;
    expect(last).toMatchObject({ type: "end" });
    expect(answer).toMatchObject({ model: "b/two", attempts: 1 });
    expect(pair.simulator.instances().map(({ id }) => id)).toEqual(["b/two"]);
  });
});

/** Lets the simulated host's time pass until it is so. */
async function driveUntil(clock: FakeClock, condition: () => boolean): Promise<void> {
  for (let steps = 0; !condition(); steps += 1) {
    if (steps > 20_000) throw new Error(`never came about: ${condition.toString()}`);
    await clock.advance(10);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

it("callers of a cold model share its load, on hosts that would load it for each", async () => {
  await using pair = await startPair({ models: [one], duplicateLoads: true });
  await Promise.all([1, 2, 3, 4, 5, 6].map((text) => pair.client.chat(ask("a/one", String(text)))));
  expect(pair.simulator.instances().map(({ id }) => id)).toEqual(["a/one"]);
});

it("models that a person has loaded are asked at the same time, and wait for no swap", async () => {
  const models = [
    { ...one, loaded: true },
    { ...two, loaded: true },
    { key: "c/three", ...quick, loadMs: 5 },
  ];
  await using pair = await startPair(
    { models, faults: [{ kind: "stall", model: "a/one" }] },
    { maxRetries: 0 },
  );
  await pair.client.chat(ask("b/two"));
  const caller = new AbortController();
  const stuck = pair.client.chat(ask("a/one"), { signal: caller.signal }).catch((reason: unknown) => reason);
  await until(() => pair.simulator.instances()[0]?.busy === 1);
  expect(await pair.client.chat(ask("b/two"))).toMatchObject({ model: "b/two" });
  caller.abort("enough");
  expect(await stuck).toBe("enough");
  // After a swap that has left them loaded, they are known to last.
  await pair.client.chat(ask("c/three"));
  expect(await pair.client.chat(ask("b/two"))).toMatchObject({ model: "b/two" });
  expect(pair.simulator.instances().map(({ id }) => id)).toEqual(["a/one", "b/two", "c/three"]);
  expect(faultsOf(pair.simulator)).toBe(1);
});

it("vectors and loads keep to the same order: no load breaks another off", async () => {
  const models = [
    one,
    { key: "nomic", type: "embedding" as const, ...quick, loadMs: 10 },
    { ...two, loadMs: 10 },
  ];
  await using pair = await startPair({ models }, { maxRetries: 0 });
  const [vectors, answer, load] = await Promise.all([
    pair.client.embed({ model: "nomic", input: ["text"] }),
    pair.client.chat(ask("a/one")),
    pair.client.models.load({ model: "b/two" }),
  ]);
  expect([vectors.length, answer.model, load.instanceId]).toEqual([1, "a/one", "b/two"]);
});

it("a load that fails lets the next caller try", async () => {
  const faults = [{ kind: "load-failed" as const, requests: [1] }];
  await using pair = await startPair({ models: [one], faults }, { maxRetries: 0 });
  const [first, second] = await Promise.all([
    errorOf(pair.client.chat(ask("a/one"))),
    pair.client.chat(ask("a/one", "again")),
  ]);
  expect(first).toMatchObject({ code: "MODEL_LOAD_FAILED" });
  expect(second).toMatchObject({ attempts: 1 });
});

it("a caller that leaves while it waits for a swap is forgotten", async () => {
  const stuck: SimulatorModel = { ...one, loaded: true };
  await using pair = await startPair({ models: [stuck, two], faults: [{ kind: "stall", model: "a/one" }] });
  const running = new AbortController();
  const first = pair.client.chat(ask("a/one"), { signal: running.signal }).catch((reason: unknown) => reason);
  await until(() => pair.simulator.instances()[0]?.busy === 1);
  const leaving = new AbortController();
  const second = pair.client
    .chat(ask("b/two"), { signal: leaving.signal })
    .catch((reason: unknown) => reason);
  await until(() => pair.client.hosts()[0]?.waiting === 1);
  leaving.abort("enough");
  expect(await second).toBe("enough");
  expect(pair.client.hosts()).toMatchObject([{ waiting: 0 }]);
  running.abort("enough");
  expect(await first).toBe("enough");
  expect(await pair.client.chat(ask("b/two"))).toMatchObject({ attempts: 1 });
});

describe("hosts that do not say what they have loaded", () => {
  /** Answers chats when told to, so that it can be seen how many are there at once. */
  async function startHeld(
    lists: Readonly<Record<string, unknown>>,
  ): Promise<AsyncDisposable & { url: string; held: (() => void)[] }> {
    const held: (() => void)[] = [];
    const server = createServer((request, response) => {
      const list = lists[request.url ?? ""];
      if (request.method === "GET") {
        response.writeHead(list === undefined ? 404 : 200, { "content-type": "application/json" });
        response.end(JSON.stringify(list ?? { error: "unknown" }));
        return;
      }
      request.resume().on("end", () =>
        held.push(() => {
          response.writeHead(200, { "content-type": "text/event-stream" });
          response.end(
            'data: {"choices":[{"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
          );
        }),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
    return {
      held,
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      [Symbol.asyncDispose]: () =>
        new Promise((resolve) => {
          server.close(() => resolve());
          server.closeAllConnections();
        }),
    };
  }

  it.each([[{}], [{ "/v1/models": { data: [{ id: "a" }, { id: "b" }] } }]])(
    "are asked for several models at once: %j",
    async (lists) => {
      await using host = await startHeld(lists);
      await using client = createLmStudioClient({ hosts: [host.url] });
      const calls = ["a", "b", "a"].map((model) => client.chat(ask(model)));
      await until(() => host.held.length === 3);
      for (const answer of host.held) answer();
      expect((await Promise.all(calls)).map(({ text }) => text)).toEqual(["Hi", "Hi", "Hi"]);
    },
  );

  it("or know a model by another name, are asked one call first and then all at once", async () => {
    await using host = await startHeld({
      "/api/v1/models": { models: [{ key: "other", loaded_instances: [] }] },
    });
    await using client = createLmStudioClient({ hosts: [host.url] });
    const calls = [1, 2, 3].map((text) => client.chat(ask("alias", String(text))));
    await until(() => host.held.length === 1);
    host.held[0]?.();
    await until(() => host.held.length === 3);
    for (const answer of host.held.slice(1)) answer();
    expect(await Promise.all(calls)).toHaveLength(3);
  });
});

it("no more answers at a time than the instance was loaded for", async () => {
  const slow: SimulatorModel = {
    key: "a/one",
    loaded: true,
    parallel: 2,
    answer: "w ".repeat(50),
    tokensPerSecond: 5_000,
  };
  await using pair = await startPair({ models: [slow] });
  let most = 0;
  const calls = Promise.all([1, 2, 3, 4, 5, 6].map((text) => pair.client.chat(ask("a/one", String(text)))));
  let done = false;
  void calls.finally(() => {
    done = true;
  });
  await until(() => {
    most = Math.max(most, pair.client.hosts()[0]?.inFlight ?? 0);
    expect(pair.simulator.instances()[0]?.queued).toBe(0);
    return done;
  });
  await calls;
  expect(most).toBe(2);
});

it("after a time limit another host is asked, never the same one", async () => {
  await using bad = await startPair({ models: [{ ...one, loaded: true }], faults: [{ kind: "hang" }] });
  await using good = await startPair({ models: [one] });
  const hosts = [
    { url: bad.url, name: "bad" },
    { url: good.url, name: "good" },
  ];
  await using client = createLmStudioClient({ hosts, headersTimeoutMs: 300, backoffBaseMs: 1 });
  expect(await client.chat(ask("a/one"))).toMatchObject({ host: "good", attempts: 2 });
  const alone = await errorOf(client.chat(ask("a/one"), { host: "bad" }));
  expect(alone).toMatchObject({ code: "HEADERS_TIMEOUT", attempts: 1 });
  expect(client.hosts()[0]?.stats).toMatchObject({ failed: 2, timedOut: 2, errors: { HEADERS_TIMEOUT: 2 } });
});
