// Whatever pipeline, operations and callers: every call settles once, an operation runs no more often than it may, and in
// the end nothing is held.
import { getEventListeners } from "node:events";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createBulkhead } from "../src/bulkhead.ts";
import { createCircuitBreaker } from "../src/circuit-breaker.ts";
import { createHedge } from "../src/hedge.ts";
import { type PipelineOptions, pipeline } from "../src/pipeline.ts";
import { createRateLimiter } from "../src/rate-limiter.ts";
import { createRetryBudget } from "../src/retry-budget.ts";
import { createFakeClock, createSeededRandom } from "../src/testing.ts";
import { createTimerWheel } from "../src/timer-wheel.ts";
import { seed } from "./seed.ts";

const shape = fc.record({
  timeoutMs: fc.option(fc.integer({ min: 100, max: 400 }), { nil: Infinity }),
  attemptTimeoutMs: fc.option(fc.integer({ min: 20, max: 100 }), { nil: Infinity }),
  maxAttempts: fc.integer({ min: 1, max: 4 }),
  budget: fc.boolean(),
  breaker: fc.boolean(),
  waitsForProbes: fc.nat(2),
  bulkhead: fc.nat(3),
  rate: fc.nat(2),
  hedgeAfterMs: fc.option(fc.integer({ min: 10, max: 60 })),
  random: fc.integer(),
});

const call = fc.record({
  afterMs: fc.nat(60),
  lastsMs: fc.nat(300),
  fails: fc.boolean(),
  listens: fc.boolean(),
  leavesAfterMs: fc.option(fc.nat(200)),
  priority: fc.constantFrom("high", "normal", "low"),
});

describe(`with the seed ${seed}`, () => {
  it("a pipeline settles every call and holds nothing afterwards", async () => {
    await fc.assert(
      fc.asyncProperty(shape, fc.array(call, { minLength: 1, maxLength: 25 }), async (chosen, calls) => {
        const clock = createFakeClock();
        const wheel = createTimerWheel({ clock });
        const random = createSeededRandom(chosen.random);
        const budget = chosen.budget ? createRetryBudget({ clock }) : undefined;
        const breaker = createCircuitBreaker({
          clock,
          failureThreshold: 3,
          resetTimeoutMs: 100,
          halfOpenMaxQueue: chosen.waitsForProbes,
        });
        const bulkhead = createBulkhead({
          clock,
          wheel,
          limit: Math.max(1, chosen.bulkhead),
          maxQueue: 3,
          maxWaitMs: 150,
        });
        const options: PipelineOptions = {
          clock,
          wheel,
          timeoutMs: chosen.timeoutMs,
          attemptTimeoutMs: chosen.attemptTimeoutMs,
          retry: { maxAttempts: chosen.maxAttempts, backoff: { baseDelayMs: 20, random } },
          ...(budget && { budget }),
          ...(chosen.breaker && { breaker }),
          ...(chosen.bulkhead > 0 && { bulkhead }),
          ...(chosen.rate > 0 && {
            rateLimiter: createRateLimiter({ clock, ratePerSecond: chosen.rate * 20, burst: 2, maxQueue: 3 }),
          }),
          ...(chosen.hedgeAfterMs !== null && {
            hedge: createHedge({ clock, wheel, delayMs: chosen.hedgeAfterMs, ...(budget && { budget }) }),
          }),
        };
        const guarded = pipeline(options);
        const controllers: AbortController[] = [];
        let running = 0;
        let most = 0;
        let settled = 0;
        const mostRuns = chosen.maxAttempts * (chosen.hedgeAfterMs === null ? 1 : 2);

        for (const { afterMs, lastsMs, fails, listens, leavesAfterMs, priority } of calls) {
          await clock.advance(afterMs);
          const controller = new AbortController();
          controllers.push(controller);
          let runs = 0;
          const operation = async ({ signal }: { readonly signal: AbortSignal }): Promise<string> => {
            runs += 1;
            running += 1;
            most = Math.max(most, running);
            try {
              await clock.sleep(lastsMs, listens ? signal : undefined);
            } finally {
              running -= 1;
            }
            if (fails) throw new Error("down");
            return "ok";
          };
          const key = `client-${lastsMs % 3}`;
          guarded.execute(operation, { signal: controller.signal, key, priority }).then(
            (value) => {
              settled += 1;
              expect(value).toBe("ok");
              expect(runs).toBeLessThanOrEqual(mostRuns);
            },
            (error: unknown) => {
              settled += 1;
              expect(error).toBeInstanceOf(Error);
              expect(runs).toBeLessThanOrEqual(mostRuns);
            },
          );
          if (leavesAfterMs !== null)
            clock.setTimer(() => controller.abort(new Error("client left")), leavesAfterMs);
        }
        await clock.advance(10_000);
        if (chosen.bulkhead > 0) expect(most).toBeLessThanOrEqual(chosen.bulkhead);
        const { state } = breaker;
        expect({
          settled,
          running,
          timers: clock.pending,
          wheel: wheel.size,
          slots: bulkhead.inFlight + bulkhead.queueLength,
          probes: state.status === "half-open" ? state.inFlight : 0,
          listeners: controllers.flatMap(({ signal }) => getEventListeners(signal, "abort")).length,
        }).toEqual({
          settled: calls.length,
          running: 0,
          timers: 0,
          wheel: 0,
          slots: 0,
          probes: 0,
          listeners: 0,
        });
      }),
      { seed, numRuns: 60 },
    );
  });
});
