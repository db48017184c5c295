import { createFakeClock, type FakeClock } from "@fairlead/core/testing";
import { describe, expect, it } from "vitest";
import { createInstance, type Instance, throughput } from "./instance.ts";
import { settingsOf } from "./options.ts";

const never = new AbortController().signal;

function instanceOn(clock: FakeClock, parallel = 4): Instance {
  const { models } = settingsOf({
    models: [{ key: "m", tokensPerSecond: 100, prefillTokensPerSecond: 1_000, parallel }],
  });
  const [model] = models;
  if (model === undefined) throw new Error("no model");
  return createInstance({ id: "m", model, justInTime: false, contextLength: 4_096, clock });
}

/** Runs it to the end and notes when each token came. */
async function timesOf(
  clock: FakeClock,
  instance: Instance,
  prompt: number,
  tokens: number,
  signal: AbortSignal = never,
): Promise<readonly number[]> {
  const times: number[] = [];
  const texts = Array.from({ length: tokens }, () => "x");
  for await (const _ of instance.generate(prompt, texts, signal)) times.push(Math.round(clock.now()));
  return times;
}

describe("an instance", () => {
  it("reads the prompt at its rate and then writes at its rate", async () => {
    const clock = createFakeClock();
    const run = timesOf(clock, instanceOn(clock), 500, 3);
    await clock.advance(10_000);
    expect(await run).toEqual([510, 520, 530]);
  });

  it("gives its slots in the order of arrival", async () => {
    const clock = createFakeClock();
    const instance = instanceOn(clock, 1);
    const runs = [1, 2, 3].map(() => timesOf(clock, instance, 0, 2));
    await clock.advance(0);
    expect([instance.busy, instance.queued]).toEqual([1, 2]);
    await clock.advance(10_000);
    expect(await Promise.all(runs)).toEqual([
      [10, 20],
      [30, 40],
      [50, 60],
    ]);
  });

  it("writes faster in all, slower for each, when several requests share it", async () => {
    const clock = createFakeClock();
    const instance = instanceOn(clock);
    const runs = [1, 2].map(() => timesOf(clock, instance, 0, 100));
    await clock.advance(60_000);
    const ends = (await Promise.all(runs)).map((times) => times.at(-1) ?? 0);
    // Two at a time reach 4/3 of the speed, so 200 tokens take 1.5 s instead of 2 s.
    for (const end of ends) expect(end).toBeCloseTo(1_500, -2);
  });

  it("stalls what is being written while another prompt is read", async () => {
    const clock = createFakeClock();
    const instance = instanceOn(clock);
    const first = timesOf(clock, instance, 0, 4);
    await clock.advance(15);
    const second = timesOf(clock, instance, 1_000, 1);
    await clock.advance(10_000);
    const times = await first;
    expect(times[0]).toBe(10);
    expect(times[1]).toBeGreaterThanOrEqual(1_015);
    await second;
  });

  it("reads the prompt to its end, slot taken, though the client has left", async () => {
    const clock = createFakeClock();
    const instance = instanceOn(clock, 1);
    const client = new AbortController();
    const run = timesOf(clock, instance, 2_000, 5, client.signal).catch((error: unknown) => error);
    await clock.advance(100);
    client.abort("left");
    await clock.advance(1_800);
    expect(instance.busy).toBe(1);
    await clock.advance(200);
    expect(instance.busy).toBe(0);
    expect(await run).toBe("left");
  });

  it("stops writing at once when the client leaves", async () => {
    const clock = createFakeClock();
    const instance = instanceOn(clock, 1);
    const client = new AbortController();
    const run = timesOf(clock, instance, 0, 1_000, client.signal).catch((error: unknown) => error);
    await clock.advance(55);
    client.abort("left");
    await clock.advance(0);
    expect([await run, instance.busy, clock.pending]).toEqual(["left", 0, 0]);
  });

  it("ends what runs and what waits when it is unloaded", async () => {
    const clock = createFakeClock();
    const instance = instanceOn(clock, 1);
    const runs = [1, 2].map(() => timesOf(clock, instance, 0, 100).catch((error: Error) => error.message));
    await clock.advance(50);
    instance.unload();
    await clock.advance(0);
    expect(await Promise.all(runs)).toEqual(["Model is unloaded.", "Model is unloaded."]);
  });
});

it("reaches the measured speeds with 1, 2, 4 and 8 requests, and stays there", () => {
  const rates = [1, 2, 4, 8, 16].map((requests) => Math.round(846 * throughput(requests)) / 10);
  expect(rates).toEqual([84.6, 112.8, 133.8, 134.4, 134.4]);
  expect(throughput(3)).toBeCloseTo((112.8 + 133.8) / 2 / 84.6, 5);
});
