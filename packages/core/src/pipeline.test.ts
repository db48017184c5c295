import { describe, expect, it } from "vitest";
import type { CallContext } from "./call-context.ts";
import type { AttemptEvent } from "./call-plan.ts";
import { createCircuitBreaker } from "./circuit-breaker.ts";
import { AttemptTimeoutError, DeadlineExceededError, RetriesExhaustedError } from "./errors.ts";
import { createFakeClock, type FakeClock } from "./fake-clock.ts";
import { type PipelineOptions, pipeline } from "./pipeline.ts";
import { createRetryBudget } from "./retry-budget.ts";

const constant = { kind: "constant", baseDelayMs: 100 } as const;

/** Runs to the end on a fake clock, and checks that nothing stays behind on it. */
async function settle<T>(clock: FakeClock, call: Promise<T>, ms = 100_000): Promise<PromiseSettledResult<T>> {
  const settled = Promise.allSettled([call]);
  await clock.advance(ms);
  expect(clock.pending).toBe(0);
  const [result] = await settled;
  return result;
}

function hang({ signal }: CallContext): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
}

/** Fails as often as told, then answers with the attempt's number. */
function failing(
  times: number,
  error: unknown = new Error("down"),
): (context: CallContext) => Promise<number> {
  let calls = 0;
  return async ({ attempt }) => {
    calls += 1;
    if (calls <= times) throw error;
    return attempt;
  };
}

describe("a pipeline", () => {
  it("passes a value through, whether it comes as a promise, a thenable or as it is", async () => {
    const guarded = pipeline({ attemptTimeoutMs: 10 });
    expect(await guarded.execute(async () => 1)).toBe(1);
    expect(await guarded.execute(() => 2)).toBe(2);
    const thenable: PromiseLike<number> = {
      // biome-ignore lint/suspicious/noThenProperty: a thenable is what is tested
      then: (resolve, reject) => Promise.resolve(3).then(resolve, reject),
    };
    expect(await guarded.execute(() => thenable)).toBe(3);
  });

  it("passes an error through, thrown or rejected", async () => {
    const guarded = pipeline({ attemptTimeoutMs: 10 });
    const thrown = guarded.execute(() => {
      throw new Error("thrown");
    });
    await expect(thrown).rejects.toThrow("thrown");
    await expect(guarded.execute(() => Promise.reject(new Error("rejected")))).rejects.toThrow("rejected");
  });

  it("tells the operation attempt, deadline, key and request", async () => {
    const clock = createFakeClock(5_000);
    const guarded = pipeline({ clock, timeoutMs: 300 });
    const seen = await guarded.execute(
      ({ attempt, deadline, key, request }) => ({ attempt, deadline, key, request }),
      {
        key: "alpha",
        request: { tool: "search" },
      },
    );
    expect(seen).toEqual({ attempt: 1, deadline: 5_300, key: "alpha", request: { tool: "search" } });
    expect(await guarded.execute((context) => context.deadline, { deadline: 5_100 })).toBe(5_100);
    await clock.advance(20);
    expect(clock.pending).toBe(0);
  });

  it("names the option that is out of range", () => {
    expect(() => pipeline({ timeoutMs: 0 })).toThrow(/^timeoutMs must .* got 0$/);
    expect(() => pipeline({ attemptTimeoutMs: Number.NaN })).toThrow(/^attemptTimeoutMs must .* got NaN$/);
    expect(() => pipeline({ timeoutMs: 5, attemptTimeoutMs: 6 })).toThrow(
      new RangeError("attemptTimeoutMs must be at most timeoutMs (5), got 6"),
    );
    expect(() => pipeline({ retry: { maxAttempts: 0 } })).toThrow(/^retry.maxAttempts must .* got 0$/);
  });
});

describe("a time limit", () => {
  it("ends an attempt that ignores its signal, and tells the one that listens why", async () => {
    const clock = createFakeClock();
    const guarded = pipeline({ clock, attemptTimeoutMs: 50 });
    const deaf = await settle(
      clock,
      guarded.execute(() => new Promise(() => {})),
    );
    expect(deaf).toMatchObject({
      status: "rejected",
      reason: { code: "ATTEMPT_TIMEOUT", timeoutMs: 50, attempt: 1 },
    });
    let told: unknown;
    await settle(
      clock,
      guarded.execute((context) => {
        context.signal.addEventListener("abort", () => {
          told = context.signal.reason;
        });
        return new Promise(() => {});
      }),
    );
    expect(told).toBeInstanceOf(AttemptTimeoutError);
  });

  it("shows an aborted signal to an operation that first looks at it after its time", async () => {
    const clock = createFakeClock();
    let kept: CallContext | undefined;
    await settle(
      clock,
      pipeline({ clock, attemptTimeoutMs: 50 }).execute((context) => {
        kept = context;
        return new Promise(() => {});
      }),
    );
    expect(kept?.signal.aborted).toBe(true);
  });

  it("does not abort the signal of an attempt that succeeded", async () => {
    const clock = createFakeClock();
    let kept: AbortSignal | undefined;
    const call = pipeline({ clock, timeoutMs: 50 }).execute(({ signal }) => {
      kept = signal;
    });
    await settle(clock, call);
    expect(kept?.aborted).toBe(false);
  });

  it("for the whole call bounds attempts and waits together", async () => {
    const clock = createFakeClock();
    const guarded = pipeline({
      clock,
      timeoutMs: 1_000,
      attemptTimeoutMs: 400,
      retry: { maxAttempts: 9, backoff: constant },
    });
    const startedAt = clock.now();
    let endedAt = 0;
    const call = guarded.execute(hang).finally(() => {
      endedAt = clock.now();
    });
    const result = await settle(clock, call);
    expect(result).toMatchObject({ reason: { code: "RETRIES_EXHAUSTED", limit: "time", attempts: 2 } });
    expect(endedAt - startedAt).toBeLessThanOrEqual(1_020);
  });

  it("for the whole call ends the attempt that runs, with the earlier failures as cause", async () => {
    const clock = createFakeClock();
    const guarded = pipeline({ clock, timeoutMs: 1_000, retry: { backoff: constant } });
    const failure = new Error("first");
    const result = await settle(
      clock,
      guarded.execute((context) => {
        if (context.attempt === 1) throw failure;
        return hang(context);
      }),
    );
    expect(result).toMatchObject({
      reason: { code: "DEADLINE_EXCEEDED", timeoutMs: 1_000, cause: { errors: [failure] } },
    });
  });

  it("that has passed before the call begins lets nothing start", async () => {
    const clock = createFakeClock(100);
    const call = pipeline({ clock }).execute(() => expect.unreachable(), { deadline: 100 });
    await expect(call).rejects.toThrow(DeadlineExceededError);
  });
});

describe("a retry", () => {
  it("tries again until it succeeds", async () => {
    const clock = createFakeClock();
    const result = await settle(clock, pipeline({ clock, retry: {} }).execute(failing(2)));
    expect(result).toEqual({ status: "fulfilled", value: 3 });
  });

  it("gives up after maxAttempts with all errors as cause, and with the error itself where there was one attempt", async () => {
    const clock = createFakeClock();
    const result = await settle(
      clock,
      pipeline({ clock, retry: { maxAttempts: 2 } }).execute(({ attempt }) =>
        Promise.reject(new Error(`no ${attempt}`)),
      ),
    );
    if (result.status === "fulfilled" || !(result.reason instanceof RetriesExhaustedError))
      return expect.unreachable();
    const { reason } = result;
    expect(reason).toMatchObject({ code: "RETRIES_EXHAUSTED", attempts: 2, limit: "attempts" });
    expect(reason.cause.errors).toEqual([new Error("no 1"), new Error("no 2")]);
    expect(reason.lastError).toEqual(new Error("no 2"));
    const single = pipeline({ clock, retry: { maxAttempts: 1 } }).execute(failing(1));
    expect(await settle(clock, single)).toMatchObject({ reason: { message: "down" } });
  });

  it("does not try again what shouldRetry refuses", async () => {
    const clock = createFakeClock();
    const retry = { shouldRetry: (error: unknown) => !(error instanceof TypeError) };
    const call = pipeline({ clock, retry }).execute(failing(1, new TypeError("bad request")));
    expect(await settle(clock, call)).toMatchObject({ reason: { message: "bad request" } });
  });

  it("waits as long as the error asks, and fails at once where that is past the deadline", async () => {
    const clock = createFakeClock();
    const busy = Object.assign(new Error("busy"), { retryAfterMs: 5_000 });
    const times: number[] = [];
    const operation = (): never => {
      times.push(clock.now());
      throw busy;
    };
    await settle(clock, pipeline({ clock, retry: { maxAttempts: 2, backoff: constant } }).execute(operation));
    expect(times).toEqual([0, 5_000]);
    const before = clock.now();
    const bounded = pipeline({ clock, timeoutMs: 4_000, retry: { backoff: constant } }).execute(operation);
    await expect(bounded).rejects.toBe(busy);
    expect(clock.now()).toBe(before);
  });

  it("starts no attempt after maxElapsedMs", async () => {
    const clock = createFakeClock();
    const guarded = pipeline({ clock, retry: { maxAttempts: 99, maxElapsedMs: 350, backoff: constant } });
    expect(await settle(clock, guarded.execute(failing(99)))).toMatchObject({
      reason: { attempts: 4, limit: "time" },
    });
  });

  it("pays for every further attempt from the budget", async () => {
    const clock = createFakeClock();
    const budget = createRetryBudget({ clock, floorPerSecond: 0 });
    const guarded = pipeline({ clock, budget, retry: { maxAttempts: 3, backoff: constant } });
    let attempts = 0;
    for (let call = 0; call < 100; call += 1) {
      const failed = guarded.execute(() => {
        attempts += 1;
        throw new Error("down");
      });
      expect((await settle(clock, failed, 300)).status).toBe("rejected");
    }
    expect(attempts).toBe(120);
  });

  it("can be aborted while it waits, and does not call again", async () => {
    const clock = createFakeClock();
    const controller = new AbortController();
    let calls = 0;
    const operation = (): never => {
      calls += 1;
      throw new Error("down");
    };
    const call = pipeline({ clock, retry: { backoff: constant } }).execute(operation, controller);
    await clock.advance(50);
    controller.abort(new Error("client left"));
    await expect(call).rejects.toThrow("client left");
    expect(clock.pending).toBe(0);
    await clock.advance(1_000);
    expect(calls).toBe(1);
  });

  it("gives every attempt a context and a signal of its own", async () => {
    const clock = createFakeClock();
    const signals: AbortSignal[] = [];
    const guarded = pipeline({ clock, attemptTimeoutMs: 100, retry: { backoff: constant } });
    const call = guarded.execute((context) => {
      signals.push(context.signal);
      return context.attempt === 1 ? hang(context) : Promise.resolve("second");
    });
    expect(await settle(clock, call)).toEqual({ status: "fulfilled", value: "second" });
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
  });

  it("drops the late answer of an attempt that timed out", async () => {
    const clock = createFakeClock();
    const guarded = pipeline({ clock, attemptTimeoutMs: 100, retry: { backoff: constant } });
    const call = guarded.execute(async ({ attempt }) => {
      await clock.sleep(attempt === 1 ? 230 : 80);
      return attempt;
    });
    expect(await settle(clock, call)).toEqual({ status: "fulfilled", value: 2 });
  });

  it("tells the hook of every attempt", async () => {
    const clock = createFakeClock();
    const events: AttemptEvent[] = [];
    const onEvent = (event: AttemptEvent): unknown => events.push(event);
    const guarded = pipeline({ clock, retry: { backoff: constant }, onEvent });
    await settle(clock, guarded.execute(failing(1), { key: "alpha" }));
    expect(events).toEqual([
      {
        type: "attempt",
        attempt: 1,
        key: "alpha",
        outcome: "failure",
        error: new Error("down"),
        retryInMs: 100,
      },
      { type: "attempt", attempt: 2, key: "alpha", outcome: "success" },
    ]);
  });

  it.each([
    ["onEvent", { onEvent: explode }],
    ["shouldRetry", { retry: { shouldRetry: explode } }],
    ["classifyError", { breaker: createCircuitBreaker({ classifyError: explode }) }],
  ] satisfies [string, PipelineOptions][])(
    "fails when %s throws, instead of never ending",
    async (_, options) => {
      const clock = createFakeClock();
      const call = pipeline({ clock, retry: {}, ...options }).execute(failing(1));
      expect(await settle(clock, call)).toMatchObject({ reason: { message: "hook" } });
    },
  );
});

describe("a hook that throws", () => {
  it("while the caller leaves fails the call with what it threw, and the permit is not lost", async () => {
    const clock = createFakeClock();
    const breaker = createCircuitBreaker({ clock, halfOpenMaxCalls: 1, failureThreshold: 1 });
    breaker.release(breaker.tryAcquire(), "failure");
    await clock.advance(60_000);
    const controller = new AbortController();
    const call = pipeline({ clock, breaker, onEvent: explode }).execute(hang, controller);
    controller.abort(new Error("client left"));
    await expect(call).rejects.toThrow("hook");
    expect(breaker.state).toEqual({ status: "half-open", inFlight: 0, successes: 0 });
  });

  it("where the timeout is decided gives the permit back", async () => {
    const clock = createFakeClock();
    const breaker = createCircuitBreaker({ clock, halfOpenMaxCalls: 1, failureThreshold: 1 });
    breaker.release(breaker.tryAcquire(), "failure");
    await clock.advance(60_000);
    for (const timeoutMs of [explode, () => Number.NaN]) {
      const call = pipeline({ clock, breaker, attemptTimeoutMs: { timeoutMs } }).execute(() =>
        expect.unreachable(),
      );
      await expect(call).rejects.toThrow();
      expect(breaker.state).toEqual({ status: "half-open", inFlight: 0, successes: 0 });
    }
  });
});

function explode(): never {
  throw new Error("hook");
}

describe("a breaker in a pipeline", () => {
  it("counts every attempt, timeouts too, and refuses without running the operation", async () => {
    const clock = createFakeClock();
    const breaker = createCircuitBreaker({ clock, failureThreshold: 2 });
    const guarded = pipeline({
      clock,
      breaker,
      attemptTimeoutMs: 50,
      retry: { maxAttempts: 5, backoff: constant },
    });
    expect(await settle(clock, guarded.execute(hang), 1_000)).toMatchObject({
      reason: { code: "CIRCUIT_OPEN" },
    });
    expect(breaker.state).toMatchObject({ status: "open", reason: "consecutive-failures" });
    const refused = guarded.execute(() => expect.unreachable());
    await expect(refused).rejects.toMatchObject({
      code: "CIRCUIT_OPEN",
      retryAfterMs: breaker.retryAfterMs(),
    });
  });

  it("does not hold the caller's cancellation against the target", async () => {
    const clock = createFakeClock();
    const breaker = createCircuitBreaker({ clock, failureThreshold: 1 });
    const controller = new AbortController();
    const call = pipeline({ clock, breaker, timeoutMs: 1_000 }).execute(hang, controller);
    controller.abort(new Error("client left"));
    await expect(call).rejects.toThrow("client left");
    expect(breaker.state).toEqual({ status: "closed", consecutiveFailures: 0 });
    await clock.advance(20);
    expect(clock.pending).toBe(0);
  });

  it("is told how long attempts take when it has a slow-call rule", async () => {
    const clock = createFakeClock();
    const breaker = createCircuitBreaker({
      clock,
      slowCallRatio: { slowCallMs: 10, ratio: 1, minimumCalls: 1 },
    });
    await settle(
      clock,
      pipeline({ clock, breaker }).execute(() => clock.sleep(11)),
      100,
    );
    expect(breaker.state).toMatchObject({ status: "open", reason: "slow-call-ratio" });
  });
});

describe("the caller's signal", () => {
  it("lets nothing start when it is aborted already", async () => {
    const aborted = pipeline({}).execute(() => expect.unreachable(), { signal: AbortSignal.abort("no") });
    await expect(aborted).rejects.toBe("no");
  });

  it("reaches the operation at once, and keeps no listener afterwards", async () => {
    const controller = new AbortController();
    let listeners = 0;
    const { signal } = controller;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>): void => {
      listeners += 1;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>): void => {
      listeners -= 1;
      remove(...args);
    };
    const guarded = pipeline({ attemptTimeoutMs: 1_000, retry: { maxAttempts: 1 } });
    await guarded.execute(() => 1, { signal });
    await expect(guarded.execute(failing(1), { signal })).rejects.toThrow("down");
    let told: unknown;
    const call = guarded.execute((context) => {
      context.signal.addEventListener("abort", () => {
        told = context.signal.reason;
      });
      return new Promise(() => {});
    }, controller);
    controller.abort("enough");
    expect(told).toBe("enough");
    await expect(call).rejects.toBe("enough");
    expect(listeners).toBe(0);
  });
});
