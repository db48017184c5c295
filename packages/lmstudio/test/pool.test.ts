// Several hosts: calls go where their model is, and a model is loaded no more often than it must be.
import { createServer } from "node:net";
import { createFakeClock } from "@fairlead/core/testing";
import { describe, expect, it } from "vitest";
import { createLmStudioClient, type LmStudioClient } from "../src/index.ts";
import type { LmStudioSimulator, SimulatorModel } from "../src/simulator/index.ts";
import { inferences } from "./client.ts";
import { quick, startHost, until } from "./host.ts";

const one: SimulatorModel = { key: "a/one", ...quick };
const two: SimulatorModel = { key: "b/two", ...quick };
const ask = (
  model: string,
  text = "Hello",
): { model: string; messages: [{ role: "user"; content: string }] } => ({
  model,
  messages: [{ role: "user", content: text }],
});

interface Pool extends AsyncDisposable {
  readonly client: LmStudioClient;
  readonly hosts: readonly LmStudioSimulator[];
}

async function startPool(...models: readonly (readonly SimulatorModel[])[]): Promise<Pool> {
  const started = await Promise.all(models.map((list) => startHost({ models: list })));
  const names = ["left", "right", "third", "fourth"];
  const client = createLmStudioClient({
    hosts: started.map(({ url }, at) => ({ url, name: names[at] ?? `host-${at}` })),
    backoffBaseMs: 1,
    ratePerSecond: 1_000,
  });
  return {
    client,
    hosts: started.map(({ simulator }) => simulator),
    [Symbol.asyncDispose]: async () => {
      await client.close();
      for (const { simulator } of started) await simulator.close();
    },
  };
}

function loadedBy(pool: Pool): readonly (readonly string[])[] {
  return pool.hosts.map((host) => host.instances().map(({ id }) => id));
}

describe("calls", () => {
  it("go to the host that has their model loaded, from the first on", async () => {
    await using pool = await startPool([one, { ...two, loaded: true }], [{ ...one, loaded: true }, two]);
    const calls = ["a/one", "b/two", "a/one", "b/two", "one", "two"].map((model) =>
      pool.client.chat(ask(model)),
    );
    expect((await Promise.all(calls)).map(({ host }) => host)).toEqual([
      "right",
      "left",
      "right",
      "left",
      "right",
      "left",
    ]);
    expect(loadedBy(pool)).toEqual([["b/two"], ["a/one"]]);
  });

  it("for a cold model load it on one host", async () => {
    await using pool = await startPool([{ ...one, loadMs: 20 }], [{ ...one, loadMs: 20 }]);
    await Promise.all([1, 2, 3, 4].map((text) => pool.client.chat(ask("a/one", String(text)))));
    expect(loadedBy(pool).flat()).toEqual(["a/one"]);
  });

  it("for two models in turn make each host load one of them, once", async () => {
    await using pool = await startPool([one, two], [one, two]);
    const hosts = new Map<string, Set<string>>();
    for (let call = 0; call < 20; call += 1) {
      const model = call % 2 === 0 ? "a/one" : "b/two";
      const { host } = await pool.client.chat(ask(model, String(call)));
      hosts.set(model, (hosts.get(model) ?? new Set()).add(host));
    }
    expect([...hosts.values()].map(({ size }) => size)).toEqual([1, 1]);
    expect(loadedBy(pool).map(({ length }) => length)).toEqual([1, 1]);
  });

  it("of one conversation stay at one of the hosts that have the model", async () => {
    const loaded = [{ ...one, loaded: true }];
    await using pool = await startPool(loaded, loaded, loaded);
    for (const text of ["first", "second", "third"]) {
      const answers: string[] = [];
      for (let turn = 0; turn < 4; turn += 1) answers.push((await pool.client.chat(ask("a/one", text))).host);
      expect(new Set(answers).size).toBe(1);
    }
  });

  it("go to the other host when theirs fails, before anything of the answer has come", async () => {
    await using pool = await startPool([{ ...one, loaded: true }], [one]);
    pool.hosts[0]?.inject({ kind: "engine-error-500" });
    expect(await pool.client.chat(ask("a/one"))).toMatchObject({ host: "right", attempts: 2 });
  });
});

it("a host that does not say what it has keeps nobody waiting for long", async () => {
  const clock = createFakeClock();
  await using good = await startHost({ models: [{ ...one, loaded: true }] });
  const silent = createServer((socket) => socket.on("error", () => {}).resume());
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", () => resolve()));
  const { port } = silent.address() as { port: number };
  const client = createLmStudioClient({
    hosts: [
      { url: good.url, name: "good" },
      { url: `http://127.0.0.1:${port}`, name: "silent" },
    ],
    clock,
  });
  let done = false;
  const call = client.chat(ask("a/one")).finally(() => {
    done = true;
  });
  await until(() => good.simulator.requests().length === 1);
  expect(done).toBe(false);
  await clock.advance(2_100);
  expect(await call).toMatchObject({ host: "good" });
  expect(inferences({ simulator: good.simulator })).toBe(1);
  await client.close();
  await new Promise((resolve) => silent.close(resolve));
});
