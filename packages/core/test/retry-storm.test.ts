// A total outage: what reaches the target, compared with what callers asked for.
import { describe, expect, it } from "vitest";
import type { Pipeline } from "../src/call-context.ts";
import { createCircuitBreaker } from "../src/circuit-breaker.ts";
import { pipeline } from "../src/pipeline.ts";
import { createRetryBudget } from "../src/retry-budget.ts";
import { createFakeClock, createSeededRandom, type FakeClock } from "../src/testing.ts";

interface Load {
  readonly calls: number;
  readonly attempts: number;
}

/** Fifty callers per second for `seconds`; the target answers nothing but errors while `down`. */
async function load(clock: FakeClock, guarded: Pipeline, seconds: number, down: boolean): Promise<Load> {
  let attempts = 0;
  const calls: Promise<unknown>[] = [];
  for (let call = 0; call < seconds * 50; call += 1) {
    calls.push(
      guarded
        .execute(() => {
          attempts += 1;
          if (down) throw new Error("down");
        })
        .catch(() => {}),
    );
    await clock.advance(20);
  }
  const sent = { calls: calls.length, attempts };
  await clock.advance(60_000);
  await Promise.all(calls);
  return sent;
}

const retry = { maxAttempts: 4, backoff: { baseDelayMs: 100, random: createSeededRandom(1) } };

describe("in a total outage, the target is sent", () => {
  it("at most 1.2 times the callers' traffic with the default retry budget", async () => {
    const clock = createFakeClock();
    const guarded = pipeline({ clock, retry, budget: createRetryBudget({ clock }) });
    const { calls, attempts } = await load(clock, guarded, 30, true);
    expect(attempts / calls).toBeLessThanOrEqual(1.2);
    expect(attempts / calls).toBeGreaterThan(1.15);
  });

  it("no more than that after a healthy time, in which the budget has saved up", async () => {
    const clock = createFakeClock();
    const guarded = pipeline({ clock, retry, budget: createRetryBudget({ clock }) });
    const before = await load(clock, guarded, 5, false);
    expect(before.attempts).toBe(before.calls);
    const { calls, attempts } = await load(clock, guarded, 30, true);
    // What was saved (10 tokens) comes on top once.
    expect(attempts).toBeLessThanOrEqual(1.2 * calls + 10);
    expect((before.attempts + attempts) / (before.calls + calls)).toBeLessThanOrEqual(1.2);
  });

  it("next to nothing with a breaker as well", async () => {
    const clock = createFakeClock();
    const breaker = createCircuitBreaker({ clock });
    const guarded = pipeline({ clock, retry, breaker, budget: createRetryBudget({ clock }) });
    const { calls, attempts } = await load(clock, guarded, 30, true);
    expect(attempts / calls).toBeLessThan(0.01);
  });

  it("four times the callers' traffic without a budget, which is what the budget is for", async () => {
    const clock = createFakeClock();
    const { calls, attempts } = await load(clock, pipeline({ clock, retry }), 30, true);
    expect(attempts / calls).toBeGreaterThan(3.9);
  });
});
