import { describe, expect, it } from "vitest";
import type { CallContext } from "./call-context.ts";
import { compose } from "./compose.ts";
import { createFakeClock, type FakeClock } from "./fake-clock.ts";
import { createHedge } from "./hedge.ts";
import { pipeline } from "./pipeline.ts";
import { createRetryBudget } from "./retry-budget.ts";

/** Answers after the time told for each attempt, and keeps the signals it was given. */
function answering(
  clock: FakeClock,
  ...afterMs: number[]
): {
  readonly operation: (context: CallContext) => Promise<number>;
  readonly signals: AbortSignal[];
} {
  const signals: AbortSignal[] = [];
  return {
    signals,
    operation: async ({ attempt, signal }) => {
      signals.push(signal);
      await clock.sleep(afterMs[attempt - 1] ?? 0, signal);
      return attempt;
    },
  };
}

describe("a hedge", () => {
  it("starts another attempt after the delay, takes the first answer and aborts the loser", async () => {
    const clock = createFakeClock();
    const { operation, signals } = answering(clock, 5_000, 50);
    const call = compose(createHedge({ clock, delayMs: 100 }).policy).execute(operation);
    await clock.advance(200);
    expect(await call).toBe(2);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
    expect(signals[0]?.reason).toMatchObject({ code: "HEDGE_LOST" });
    await clock.advance(20);
    expect(clock.pending).toBe(0);
  });

  it("starts none when the first answer comes in time, or the first attempt fails", async () => {
    const clock = createFakeClock();
    const hedged = compose(createHedge({ clock, delayMs: 100 }).policy);
    const { operation, signals } = answering(clock, 50);
    const quick = hedged.execute(operation);
    await clock.advance(500);
    expect(await quick).toBe(1);
    expect(signals).toHaveLength(1);
    await expect(hedged.execute(() => Promise.reject(new Error("down")))).rejects.toThrow("down");
    await clock.advance(20);
    expect(clock.pending).toBe(0);
  });

  it("waits for the attempts that are out when one fails, and fails when all have", async () => {
    const clock = createFakeClock();
    const hedged = compose(createHedge({ clock, delayMs: 100 }).policy);
    const rescued = hedged.execute(async ({ attempt }) => {
      await clock.sleep(attempt === 1 ? 150 : 300);
      if (attempt === 1) throw new Error("first");
      return attempt;
    });
    await clock.advance(1_000);
    expect(await rescued).toBe(2);
    const lost = Promise.allSettled([
      hedged.execute(async ({ attempt }) => {
        await clock.sleep(200);
        throw new Error(`attempt ${attempt}`);
      }),
    ]);
    await clock.advance(1_000);
    expect(await lost).toMatchObject([{ reason: { message: "attempt 2" } }]);
  });

  it("follows the quantile of recent durations, once it knows enough of them", async () => {
    const clock = createFakeClock();
    const hedge = createHedge({ clock, delayMs: { quantile: 0.5, warmUp: 10 } });
    const hedged = compose(hedge.policy);
    const one = async (ms: number): Promise<void> => {
      const call = hedged.execute(answering(clock, ms, ms).operation);
      await clock.advance(ms);
      await call;
    };
    expect(hedge.delayMs()).toBe(Infinity);
    for (let call = 0; call < 20; call += 1) await one(80);
    expect(hedge.delayMs()).toBe(80);
    for (let call = 0; call < 300; call += 1) await one(20);
    expect(hedge.delayMs()).toBe(20);
  });

  it("is paid from the budget: a target that hangs is sent a fifth more, not twice as much", async () => {
    const clock = createFakeClock();
    const budget = createRetryBudget({ clock, floorPerSecond: 0 });
    const hedged = compose(createHedge({ clock, delayMs: 100, budget }).policy);
    let attempts = 0;
    const calls = Array.from({ length: 100 }, () =>
      hedged.execute(async () => {
        attempts += 1;
        await clock.sleep(1_000);
      }),
    );
    await clock.advance(50);
    await clock.advance(2_000);
    await Promise.all(calls);
    expect(attempts).toBe(110);
  });

  it("shares one budget with the retries of a pipeline, into which each call pays once", async () => {
    const clock = createFakeClock();
    const budget = createRetryBudget({ clock, floorPerSecond: 0, maxTokens: 1_000 });
    const guarded = pipeline({
      clock,
      budget,
      retry: {},
      hedge: createHedge({ clock, delayMs: 100, budget }),
    });
    for (let call = 0; call < 10; call += 1) await guarded.execute(() => 1);
    expect(budget.balance).toBe(2);
  });

  it("leaves alone what must not run twice", async () => {
    const clock = createFakeClock();
    const hedge = createHedge({ clock, delayMs: 10, shouldHedge: ({ request }) => request === "read" });
    const { operation, signals } = answering(clock, 500);
    const call = compose(hedge.policy).execute(operation, { request: "write" });
    await clock.advance(500);
    await call;
    expect(signals).toHaveLength(1);
  });

  it("ends with the caller, and tells all attempts", async () => {
    const clock = createFakeClock();
    const controller = new AbortController();
    const started: number[] = [];
    const hedge = createHedge({
      clock,
      delayMs: 10,
      maxHedges: 2,
      onHedge: (attempt) => started.push(attempt),
    });
    const { operation, signals } = answering(clock, 5_000, 5_000, 5_000);
    const call = compose(hedge.policy).execute(operation, controller);
    await clock.advance(100);
    controller.abort(new Error("client left"));
    await expect(call).rejects.toThrow("client left");
    expect(started).toEqual([2, 3]);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true, true]);
    await clock.advance(20);
    expect(clock.pending).toBe(0);
  });

  it("stands between deadline and retry in a pipeline", async () => {
    const clock = createFakeClock();
    const guarded = pipeline({
      clock,
      timeoutMs: 300,
      retry: {},
      hedge: createHedge({ clock, delayMs: 100 }),
    });
    let started = 0;
    const call = guarded.execute(async ({ signal, deadline }) => {
      started += 1;
      await clock.sleep(started === 1 ? 5_000 : 50, signal);
      return deadline;
    });
    await clock.advance(1_000);
    expect(await call).toBe(300);
    expect(clock.pending).toBe(0);
  });

  it("names the option that is out of range", () => {
    expect(() => createHedge({ delayMs: -1 })).toThrow(/^delayMs must .* got -1$/);
    expect(() => createHedge({ maxHedges: 0 })).toThrow(/^maxHedges must .* got 0$/);
    expect(() => createHedge({ delayMs: { quantile: 1 } })).toThrow(/^quantile must .* got 1$/);
  });
});
