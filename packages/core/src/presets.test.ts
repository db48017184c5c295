import { describe, expect, it } from "vitest";
import type { Pipeline } from "./call-context.ts";
import { createFakeClock, type FakeClock } from "./fake-clock.ts";
import { wasNotSent } from "./not-sent.ts";
import { pipeline } from "./pipeline.ts";
import { llmCall, mcpCall } from "./presets.ts";

const refused = new TypeError("fetch failed", {
  cause: Object.assign(new Error("connect"), { code: "ECONNREFUSED" }),
});
const reset = Object.assign(new Error("socket hang up"), { code: "ECONNRESET" });

async function attemptsMade(
  clock: FakeClock,
  guarded: Pipeline,
  error: unknown,
  request?: unknown,
): Promise<number> {
  let attempts = 0;
  const call = guarded
    .execute(
      () => {
        attempts += 1;
        throw error;
      },
      { request },
    )
    .catch(() => {});
  await clock.advance(60_000);
  await call;
  return attempts;
}

describe("an error", () => {
  it("says that nothing was sent when no connection came about, however deep it says so", () => {
    expect(wasNotSent(refused)).toBe(true);
    expect(wasNotSent(Object.assign(new Error("x"), { code: "UND_ERR_CONNECT_TIMEOUT" }))).toBe(true);
    for (const other of [reset, new Error("x"), "ECONNREFUSED", null, undefined])
      expect(wasNotSent(other)).toBe(false);
    const circular: { cause?: unknown } = {};
    circular.cause = circular;
    expect(wasNotSent(circular)).toBe(false);
  });
});

describe("the preset for MCP calls", () => {
  it("tries again what was not sent or may run twice, and nothing else", async () => {
    const clock = createFakeClock();
    const options = mcpCall({ clock, random: () => 0.5, mayRunTwice: ({ request }) => request === "read" });
    const calls = pipeline({ ...options, retry: { ...options.retry, maxAttempts: 2 } });
    // The budget's floor pays for the first retry after a second.
    await clock.advance(5_000);
    expect(await attemptsMade(clock, calls, refused)).toBe(2);
    expect(await attemptsMade(clock, calls, reset)).toBe(1);
    expect(await attemptsMade(clock, calls, reset, "read")).toBe(2);
    expect(options.breaker.state.status).toBe("open");
  });

  it("runs 16 calls at a time and ends each after 60 s", async () => {
    const clock = createFakeClock();
    const options = mcpCall({ clock, breaker: { failureThreshold: Infinity } });
    const calls = pipeline(options);
    const all = Promise.allSettled(
      Array.from({ length: 20 }, () => calls.execute(() => new Promise(() => {}))),
    );
    await clock.advance(1_000);
    expect([options.bulkhead.inFlight, options.bulkhead.queueLength]).toEqual([16, 4]);
    await clock.advance(60_000);
    for (const result of await all) expect(result).toMatchObject({ reason: { code: "DEADLINE_EXCEEDED" } });
    expect(clock.pending).toBe(0);
  });
});

describe("the preset for language models", () => {
  it("tries again when the host is busy, not after a timeout", async () => {
    const clock = createFakeClock();
    const calls = pipeline(llmCall({ clock, random: () => 0.5 }));
    await clock.advance(10_000);
    expect(await attemptsMade(clock, calls, Object.assign(new Error("busy"), { statusCode: 503 }))).toBe(4);
    const options = llmCall({ clock });
    const slow = Promise.allSettled([pipeline(options).execute(() => new Promise(() => {}))]);
    await clock.advance(61_000);
    expect(await slow).toMatchObject([{ reason: { code: "ATTEMPT_TIMEOUT", timeoutMs: 60_000 } }]);
  });

  it("lets 12 calls per second through", async () => {
    const clock = createFakeClock();
    const calls = pipeline(llmCall({ clock }));
    let started = 0;
    const all = Array.from({ length: 36 }, () =>
      calls.execute(() => {
        started += 1;
      }),
    );
    await clock.advance(0);
    expect(started).toBe(12);
    await clock.advance(1_000);
    expect(started).toBe(24);
    await clock.advance(1_100);
    await Promise.all(all);
    expect(clock.pending).toBe(0);
  });
});
