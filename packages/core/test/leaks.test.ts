// After use, no policy has left a timer, a listener, a slot or a queue entry behind, however the call ended.
import { execFile } from "node:child_process";
import { getEventListeners } from "node:events";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { createAdaptiveTimeout } from "../src/adaptive-timeout.ts";
import { createBulkhead } from "../src/bulkhead.ts";
import type { CallContext, Pipeline } from "../src/call-context.ts";
import { createCircuitBreaker } from "../src/circuit-breaker.ts";
import { compose } from "../src/compose.ts";
import { createFallback } from "../src/fallback.ts";
import { createHedge } from "../src/hedge.ts";
import { createKeyedRateLimiter } from "../src/keyed-rate-limiter.ts";
import { pipeline } from "../src/pipeline.ts";
import { llmCall, mcpCall } from "../src/presets.ts";
import { createRateLimiter } from "../src/rate-limiter.ts";
import { createSingleFlight } from "../src/single-flight.ts";
import { createStreamGuard } from "../src/stream-guard.ts";
import { createFakeClock, type FakeClock } from "../src/testing.ts";
import { createTimerWheel, type TimerWheel } from "../src/timer-wheel.ts";

type Build = (shared: { clock: FakeClock; wheel: TimerWheel }) => Pipeline;

const policies: readonly (readonly [string, Build])[] = [
  [
    "deadline and attempt timeout",
    (shared) => pipeline({ ...shared, timeoutMs: 500, attemptTimeoutMs: 200 }),
  ],
  ["retry", (shared) => pipeline({ ...shared, timeoutMs: 500, retry: { backoff: { baseDelayMs: 10 } } })],
  ["breaker", (shared) => pipeline({ ...shared, timeoutMs: 500, breaker: createCircuitBreaker(shared) })],
  [
    "hedge",
    (shared) => pipeline({ ...shared, timeoutMs: 500, hedge: createHedge({ ...shared, delayMs: 50 }) }),
  ],
  [
    "bulkhead",
    (shared) => pipeline({ ...shared, timeoutMs: 500, bulkhead: createBulkhead({ ...shared, limit: 1 }) }),
  ],
  [
    "rate limiter",
    (shared) =>
      pipeline({
        ...shared,
        timeoutMs: 500,
        rateLimiter: createRateLimiter({ ...shared, ratePerSecond: 5, burst: 1 }),
      }),
  ],
  [
    "keyed rate limiter",
    (shared) =>
      pipeline({
        ...shared,
        timeoutMs: 500,
        rateLimiter: createKeyedRateLimiter({ ...shared, ratePerSecond: 5, burst: 1 }),
      }),
  ],
  [
    "fallback",
    (shared) =>
      pipeline({ ...shared, timeoutMs: 500, fallback: createFallback({ handle: () => "instead" }) }),
  ],
  [
    "single flight",
    (shared) => compose(pipeline({ ...shared, timeoutMs: 500 }).policy, createSingleFlight().policy),
  ],
  [
    "adaptive timeout",
    (shared) =>
      pipeline({
        ...shared,
        attemptTimeoutMs: createAdaptiveTimeout({ ...shared, simpleMs: 200, learned: {} }),
      }),
  ],
  ["preset for MCP calls", (shared) => pipeline({ ...mcpCall(shared), ...shared, timeoutMs: 500 })],
  ["preset for language models", (shared) => pipeline({ ...llmCall(shared), ...shared, timeoutMs: 500 })],
];

/** Two calls each that succeed, fail, hang, hang until aborted, and take no notice of being aborted. */
const operations: readonly (readonly [
  string,
  (clock: FakeClock) => (context: CallContext) => Promise<unknown>,
])[] = [
  ["succeeds", (clock) => () => clock.sleep(20)],
  ["fails", () => () => Promise.reject(new Error("down"))],
  [
    "hangs until it is told to stop",
    (clock) =>
      ({ signal }) =>
        clock.sleep(60_000, signal),
  ],
  ["takes no notice of its signal", (clock) => () => clock.sleep(3_000)],
];

describe.each(policies)("%s leaves nothing behind", (_, build) => {
  it.each(operations)("when the operation %s", async (__, makeOperation) => {
    const clock = createFakeClock();
    const wheel = createTimerWheel({ clock });
    const controller = new AbortController();
    const guarded = build({ clock, wheel });
    const operation = makeOperation(clock);
    const calls = [1, 2, 3].map(() =>
      guarded.execute(operation, { signal: controller.signal, key: "client" }),
    );
    const settled = Promise.allSettled(calls);
    await clock.advance(10_000);
    await settled;
    expect({
      timers: clock.pending,
      wheel: wheel.size,
      listeners: getEventListeners(controller.signal, "abort").length,
    }).toEqual({ timers: 0, wheel: 0, listeners: 0 });
  });

  it("when the caller leaves", async () => {
    const clock = createFakeClock();
    const wheel = createTimerWheel({ clock });
    const controller = new AbortController();
    const guarded = build({ clock, wheel });
    const operation = ({ signal }: CallContext): Promise<void> => clock.sleep(60_000, signal);
    const calls = [1, 2, 3].map(() =>
      guarded.execute(operation, { signal: controller.signal, key: "client" }),
    );
    const settled = Promise.allSettled(calls);
    await clock.advance(100);
    controller.abort(new Error("client left"));
    for (const result of await settled) expect(result).toMatchObject({ reason: { message: "client left" } });
    await clock.advance(5_000);
    expect({ timers: clock.pending, wheel: wheel.size }).toEqual({ timers: 0, wheel: 0 });
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
  });
});

describe("a stream guard leaves nothing behind", () => {
  it("however the stream ends", async () => {
    const clock = createFakeClock();
    const wheel = createTimerWheel({ clock });
    const controller = new AbortController();
    const guard = createStreamGuard({ clock, wheel, firstItemTimeoutMs: 100, idleTimeoutMs: 50 });
    async function* stream(lastMs: number): AsyncGenerator<number> {
      yield 1;
      await clock.sleep(lastMs);
      yield 2;
    }
    for (const lastMs of [10, 500]) {
      const reading = (async () => {
        for await (const _ of guard.read(() => stream(lastMs), controller));
      })().catch(() => {});
      await clock.advance(1_000);
      await reading;
    }
    expect({ timers: clock.pending, wheel: wheel.size }).toEqual({ timers: 0, wheel: 0 });
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
  });
});

describe("on the system's clock", () => {
  it("a process that has used every policy ends by itself", async () => {
    const script = `
      import { compose, createHedge, createSingleFlight, llmCall, mcpCall, pipeline } from "@fairlead/core";
      for (const options of [mcpCall(), llmCall()]) {
        const guarded = compose(createSingleFlight().policy, createHedge({ delayMs: 1000 }).policy, pipeline(options).policy);
        await guarded.execute(() => 1, { key: "a" });
        await guarded.execute(() => { throw new Error("down"); }, { key: "a" }).catch(() => {});
      }
      console.log(process.getActiveResourcesInfo().filter((name) => name === "Timeout").length);
    `;
    const args = ["--conditions=@fairlead/source", "--input-type=module", "--eval", script];
    const { stdout } = await promisify(execFile)(process.execPath, args, {
      cwd: fileURLToPath(new URL("../", import.meta.url)),
      timeout: 30_000,
    });
    expect(stdout.trim()).toBe("0");
  });
});
