import { createFakeClock, type FakeClock } from "@fairlead/core/testing";
import { describe, expect, it } from "vitest";
import { createMemory, type Memory } from "./memory.ts";
import { type SimulatorOptions, settingsOf } from "./options.ts";
import { Refusal } from "./refusal.ts";

const models = [{ key: "a/one", loadMs: 1_000 }, { key: "b/two", loadMs: 1_000 }, { key: "c/three" }];

function memoryOn(clock: FakeClock, options: Partial<SimulatorOptions> = {}): Memory {
  return createMemory(settingsOf({ models, clock, ...options }));
}

function ids(memory: Memory): readonly string[] {
  return memory.instances().map(({ id }) => id);
}

async function refusalOf(promise: Promise<unknown>): Promise<Refusal> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof Refusal) return error;
  throw new Error(`no refusal: ${String(error)}`);
}

describe("a request for a model that is not loaded", () => {
  it("loads it, and says how long that took", async () => {
    const clock = createFakeClock();
    const loaded = memoryOn(clock).resolve("a/one", "llm");
    await clock.advance(1_000);
    expect(await loaded).toMatchObject({ instance: { id: "a/one", justInTime: true }, loadMs: 1_000 });
  });

  it("shares a load that is under way", async () => {
    const clock = createFakeClock();
    const memory = memoryOn(clock);
    const both = [memory.resolve("a/one", "llm"), memory.resolve("a/one", "llm")];
    await clock.advance(1_000);
    await Promise.all(both);
    expect(ids(memory)).toEqual(["a/one"]);
  });

  it("loads an instance per request on hosts with the race", async () => {
    const clock = createFakeClock();
    const memory = memoryOn(clock, { duplicateLoads: true });
    const three = [1, 2, 3].map(() => memory.resolve("a/one", "llm"));
    await clock.advance(1_000);
    await Promise.all(three);
    expect(ids(memory)).toEqual(["a/one", "a/one:2", "a/one:3"]);
  });

  it.each([
    ["html-500", 500, "<pre>Internal Server Error</pre>"],
    ["aborted-400", 400, "Operation canceled"],
  ] as const)("meets %s while another model is being loaded", async (swapContention, status, text) => {
    const clock = createFakeClock();
    const memory = memoryOn(clock, { swapContention });
    const first = memory.resolve("a/one", "llm");
    const refusal = await refusalOf(memory.resolve("b/two", "llm"));
    expect([refusal.status, refusal.message]).toEqual([status, expect.stringContaining(text)]);
    await clock.advance(1_000);
    await first;
  });

  it("waits for the other load where the host does", async () => {
    const clock = createFakeClock();
    const memory = memoryOn(clock, { swapContention: "wait" });
    const first = memory.resolve("a/one", "llm");
    const second = memory.resolve("b/two", "llm");
    await clock.advance(2_000);
    await Promise.all([first, second]);
    expect([ids(memory), clock.now()]).toEqual([["b/two"], 2_000]);
  });

  it("evicts the other model that a request had loaded, but none that a person had", async () => {
    const clock = createFakeClock();
    const memory = memoryOn(clock);
    for (const load of [() => memory.load("c/three"), () => memory.resolve("a/one", "llm")]) {
      const done = load();
      await clock.advance(2_000);
      await done;
    }
    const last = memory.resolve("b/two", "llm");
    await clock.advance(1_000);
    await last;
    expect(ids(memory)).toEqual(["c/three", "b/two"]);
  });

  it("is refused without loading on demand: none loaded, and an unknown name with two loaded", async () => {
    const clock = createFakeClock();
    const memory = memoryOn(clock, { justInTime: false });
    expect(await refusalOf(memory.resolve("a/one", "llm"))).toMatchObject({
      status: 400,
      body: { error: { message: expect.stringContaining("No models loaded") as string, param: "model" } },
    });
    for (const key of ["a/one", "b/two"]) {
      const done = memory.load(key);
      await clock.advance(1_000);
      await done;
    }
    expect(await refusalOf(memory.resolve("x", "llm"))).toMatchObject({
      status: 404,
      body: { error: { code: "model_not_found" } },
    });
  });
});

it("lets the only loaded model answer for an unknown name", async () => {
  const clock = createFakeClock();
  const memory = memoryOn(clock, { models: [{ key: "a/one", loaded: true }] });
  expect((await memory.resolve("nobody/knows", "llm")).instance.id).toBe("a/one");
});

it("adds an instance with every load on command, and takes the number again after an unload", async () => {
  const clock = createFakeClock();
  const memory = memoryOn(clock);
  const loads = [1, 2, 3].map(() => memory.load("a/one"));
  await clock.advance(1_000);
  await Promise.all(loads);
  expect(ids(memory)).toEqual(["a/one", "a/one:2", "a/one:3"]);
  expect([memory.unload("a/one:2"), memory.unload("a/one:2")]).toEqual([true, false]);
  const again = memory.load("a/one");
  await clock.advance(1_000);
  expect((await again).instance.id).toBe("a/one:2");
});

it("unloads what a request had loaded after its idle time, which every request starts anew", async () => {
  const clock = createFakeClock();
  const memory = memoryOn(clock, { idleTtlMs: 60_000 });
  const loaded = memory.resolve("a/one", "llm");
  await clock.advance(1_000);
  await loaded;
  await clock.advance(59_000);
  await memory.resolve("a/one", "llm");
  await clock.advance(59_000);
  expect(ids(memory)).toEqual(["a/one"]);
  await clock.advance(1_000);
  expect(ids(memory)).toEqual([]);
});
