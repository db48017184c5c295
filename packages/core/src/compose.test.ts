import { describe, expect, it } from "vitest";
import type { Policy } from "./call-context.ts";
import { createCircuitBreaker } from "./circuit-breaker.ts";
import { compose } from "./compose.ts";
import { createFakeClock } from "./fake-clock.ts";
import { pipeline } from "./pipeline.ts";

function named(name: string, log: string[]): Policy {
  return async (context, next) => {
    log.push(`${name} before, attempt ${context.attempt}`);
    try {
      return await next(context);
    } finally {
      log.push(`${name} after`);
    }
  };
}

describe("compose", () => {
  it("runs policies in the order written, the first one outermost", async () => {
    const log: string[] = [];
    const value = await compose(named("a", log), named("b", log)).execute(() => {
      log.push("operation");
      return 1;
    });
    expect(value).toBe(1);
    expect(log).toEqual(["a before, attempt 1", "b before, attempt 1", "operation", "b after", "a after"]);
  });

  it("puts a policy of one's own inside a retry", async () => {
    const clock = createFakeClock();
    const log: string[] = [];
    const retry = pipeline({
      clock,
      retry: { maxAttempts: 2, backoff: { kind: "constant", baseDelayMs: 0 } },
    });
    const call = compose(retry.policy, named("inner", log), pipeline({ clock }).policy).execute(
      ({ attempt }) => {
        if (attempt === 1) throw new Error("down");
        return attempt;
      },
    );
    await clock.advance(10);
    expect(await call).toBe(2);
    expect(log).toEqual(["inner before, attempt 1", "inner after", "inner before, attempt 2", "inner after"]);
  });

  it("carries cancellation, deadline, key and request through every layer", async () => {
    const clock = createFakeClock();
    const controller = new AbortController();
    const layers = compose(
      pipeline({ clock, timeoutMs: 500 }).policy,
      async (context, next) => next(context),
      pipeline({ clock, breaker: createCircuitBreaker({ clock }) }).policy,
    );
    let reason: unknown;
    const call = layers.execute(
      ({ signal, deadline, key, request }) => {
        expect({ deadline, key, request }).toEqual({ deadline: 500, key: "alpha", request: 7 });
        return new Promise((_, reject) =>
          signal.addEventListener("abort", () => {
            reason = signal.reason;
            reject(signal.reason);
          }),
        );
      },
      { signal: controller.signal, key: "alpha", request: 7 },
    );
    await clock.advance(5);
    controller.abort("enough");
    await expect(call).rejects.toBe("enough");
    expect(reason).toBe("enough");
    await clock.advance(20);
    expect(clock.pending).toBe(0);
  });

  it("lets an inner call end with an outer attempt that ran out of time", async () => {
    const clock = createFakeClock();
    let aborted = false;
    const layers = compose(pipeline({ clock, timeoutMs: 100 }).policy, pipeline({ clock, retry: {} }).policy);
    const call = Promise.allSettled([
      layers.execute(({ signal }) => {
        signal.addEventListener("abort", () => {
          aborted = true;
        });
        return new Promise(() => {});
      }),
    ]);
    await clock.advance(200);
    expect(await call).toMatchObject([{ reason: { code: "DEADLINE_EXCEEDED" } }]);
    expect(aborted).toBe(true);
    expect(clock.pending).toBe(0);
  });

  it("starts nothing for a caller that has gone", async () => {
    const call = compose(named("a", [])).execute(() => expect.unreachable(), {
      signal: AbortSignal.abort("gone"),
    });
    await expect(call).rejects.toBe("gone");
  });
});
