// What goes wrong in breakers under concurrency, played to this package, to cockatiel 4.0.0 and to opossum 10.0.0. Every
// row states what each of the three does; the README's table is this file.
import { bulkhead, ConstantBackoff, circuitBreaker, handleAll, retry, SamplingBreaker } from "cockatiel";
import OpossumBreaker from "opossum";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createBulkhead } from "../src/bulkhead.ts";
import { createCircuitBreaker } from "../src/circuit-breaker.ts";
import { pipeline } from "../src/pipeline.ts";
import { createFakeClock } from "../src/testing.ts";
import { advanceGlobal, cockatiel, fairlead, opossum, resetMs, type Subject } from "./subjects.ts";

beforeEach(() => {
  // Only for the two libraries that cannot be given a clock.
  vi.useFakeTimers({ toFake: ["Date", "setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
});
afterEach(() => {
  vi.useRealTimers();
});

interface Deferred {
  readonly operation: () => Promise<unknown>;
  succeed(): void;
  fail(): void;
  readonly started: number;
}

/** An operation that is answered by hand; all its calls are answered together. */
function deferred(): Deferred {
  let resolve: (value: unknown) => void = () => {};
  let reject: (reason: unknown) => void = () => {};
  const promise = new Promise<unknown>((onSuccess, onFailure) => {
    resolve = onSuccess;
    reject = onFailure;
  });
  promise.catch(() => {});
  let started = 0;
  return {
    operation: () => {
      started += 1;
      return promise;
    },
    succeed: () => resolve("ok"),
    fail: () => reject(new Error("down")),
    get started() {
      return started;
    },
  };
}

async function opened(subject: Subject): Promise<Subject> {
  await subject.execute(() => Promise.reject(new Error("down"))).catch(() => {});
  expect(subject.status()).toBe("open");
  await subject.advance(resetMs + 1);
  return subject;
}

interface Crowd {
  readonly startedBeforeAnswer: number;
  readonly refusedBeforeAnswer: number;
  readonly startedInAll: number;
  readonly mostAtOnce: number;
}

/** `callers` arrive together at a breaker that is due for a probe; the probes take 50 ms. */
async function crowd(subject: Subject, callers: number, probeSucceeds: boolean): Promise<Crowd> {
  await opened(subject);
  let started = 0;
  let running = 0;
  let mostAtOnce = 0;
  let refused = 0;
  const gate = deferred();
  const operation = async (): Promise<unknown> => {
    started += 1;
    running += 1;
    mostAtOnce = Math.max(mostAtOnce, running);
    try {
      return await gate.operation();
    } finally {
      running -= 1;
    }
  };
  const calls = Array.from({ length: callers }, () =>
    subject.execute(operation).catch(() => {
      refused += 1;
    }),
  );
  await subject.advance(50);
  const before = { startedBeforeAnswer: started, refusedBeforeAnswer: refused };
  if (probeSucceeds) gate.succeed();
  else gate.fail();
  await subject.advance(50);
  await Promise.all(calls);
  subject.close();
  return { ...before, startedInAll: started, mostAtOnce };
}

describe("1000 callers arrive when a probe is due, and it succeeds", () => {
  it("fairlead lets one through and refuses the others at once", async () => {
    expect(await crowd(fairlead(), 1_000, true)).toEqual({
      startedBeforeAnswer: 1,
      refusedBeforeAnswer: 999,
      startedInAll: 1,
      mostAtOnce: 1,
    });
  });

  it("cockatiel lets one through, holds 999 without bound and then starts them all at once", async () => {
    expect(await crowd(cockatiel(), 1_000, true)).toEqual({
      startedBeforeAnswer: 1,
      refusedBeforeAnswer: 0,
      startedInAll: 1_000,
      mostAtOnce: 999,
    });
  });

  it("opossum lets one through and refuses the others at once", async () => {
    expect(await crowd(opossum(), 1_000, true)).toMatchObject({ startedInAll: 1, refusedBeforeAnswer: 999 });
  });
});

describe("1000 callers arrive when a probe is due, and it fails", () => {
  it("fairlead refuses the others at once", async () => {
    expect(await crowd(fairlead(), 1_000, false)).toMatchObject({
      startedInAll: 1,
      refusedBeforeAnswer: 999,
    });
  });

  it("cockatiel refuses them only when the probe has failed", async () => {
    expect(await crowd(cockatiel(), 1_000, false)).toMatchObject({ startedInAll: 1, refusedBeforeAnswer: 0 });
  });

  it("opossum refuses the others at once", async () => {
    expect(await crowd(opossum(), 1_000, false)).toMatchObject({ startedInAll: 1, refusedBeforeAnswer: 999 });
  });
});

describe("five probes are allowed, and 1000 callers arrive", () => {
  it("fairlead lets exactly five through, never more at once", async () => {
    expect(await crowd(fairlead(5), 1_000, true)).toEqual({
      startedBeforeAnswer: 5,
      refusedBeforeAnswer: 995,
      startedInAll: 5,
      mostAtOnce: 5,
    });
  });

  it("cockatiel lets five through, then the held 995 at once", async () => {
    const result = await crowd(cockatiel({ calls: 5, threshold: 0.5 }), 1_000, true);
    expect(result).toMatchObject({ startedBeforeAnswer: 5, startedInAll: 1_000 });
    expect(result.mostAtOnce).toBeGreaterThan(900);
  });
});

describe("10,000 callers arrive when probes are due", () => {
  it("fairlead lets exactly halfOpenMaxCalls through and refuses the rest at once", async () => {
    for (const probes of [1, 3, 10])
      expect(await crowd(fairlead(probes), 10_000, true)).toEqual({
        startedBeforeAnswer: probes,
        refusedBeforeAnswer: 10_000 - probes,
        startedInAll: probes,
        mostAtOnce: probes,
      });
  });
});

/** A call starts, the breaker opens and comes to half-open, a probe starts; then the old call answers, then the probe. */
async function staleAnswer(
  subject: Subject,
  stale: "success" | "failure",
  probe: "success" | "failure",
): Promise<{ afterStale: string; atEnd: string }> {
  const old = deferred();
  const oldCall = subject.execute(old.operation).catch(() => {});
  await opened(subject);
  const trial = deferred();
  const probeCall = subject.execute(trial.operation).catch(() => {});
  expect(trial.started).toBe(1);
  if (stale === "success") old.succeed();
  else old.fail();
  await subject.advance(1);
  const afterStale = subject.status();
  if (probe === "success") trial.succeed();
  else trial.fail();
  await subject.advance(1);
  await Promise.all([oldCall, probeCall]);
  const atEnd = subject.status();
  subject.close();
  return { afterStale, atEnd };
}

describe("a failure from before the trip arrives while a probe is out", () => {
  it("fairlead goes by the probe", async () => {
    expect(await staleAnswer(fairlead(), "failure", "success")).toEqual({
      afterStale: "half-open",
      atEnd: "closed",
    });
  });

  it("cockatiel opens again and ignores the probe's success", async () => {
    expect(await staleAnswer(cockatiel(), "failure", "success")).toEqual({
      afterStale: "open",
      atEnd: "open",
    });
  });

  it("opossum opens again, until the probe's answer closes it", async () => {
    expect((await staleAnswer(opossum(), "failure", "success")).afterStale).toBe("open");
  });
});

describe("a success from before the trip arrives while a probe is out that will fail", () => {
  it("fairlead goes by the probe", async () => {
    expect(await staleAnswer(fairlead(), "success", "failure")).toEqual({
      afterStale: "half-open",
      atEnd: "open",
    });
  });

  it("cockatiel goes by the probe", async () => {
    expect(await staleAnswer(cockatiel(), "success", "failure")).toMatchObject({ atEnd: "open" });
  });

  it("opossum closes while the probe is still out", async () => {
    expect((await staleAnswer(opossum(), "success", "failure")).afterStale).toBe("closed");
  });
});

/** Calls from before the trip fail after the breaker has recovered. */
async function afterRecovery(subject: Subject): Promise<string> {
  const old = deferred();
  const oldCalls = Array.from({ length: 5 }, () => subject.execute(old.operation).catch(() => {}));
  await opened(subject);
  await subject.execute(() => Promise.resolve("ok"));
  expect(subject.status()).toBe("closed");
  old.fail();
  await Promise.all(oldCalls);
  const status = subject.status();
  subject.close();
  return status;
}

describe("failures from before the trip arrive after recovery", () => {
  it("fairlead stays closed", async () => {
    expect(await afterRecovery(fairlead())).toBe("closed");
  });

  it("cockatiel opens again", async () => {
    expect(await afterRecovery(cockatiel())).toBe("open");
  });

  it("opossum opens again", async () => {
    expect(await afterRecovery(opossum())).toBe("open");
  });
});

/** The probe never answers; 100 others come, and one more after ten reset timeouts. */
async function hangingProbe(subject: Subject): Promise<{ stillWaiting: number; recovers: boolean }> {
  await opened(subject);
  void subject.execute(() => new Promise(() => {}));
  let waiting = 100;
  for (let caller = 0; caller < 100; caller += 1)
    void subject
      .execute(() => Promise.resolve())
      .catch(() => {})
      .finally(() => {
        waiting -= 1;
      });
  await subject.advance(10 * resetMs);
  let recovers = false;
  void subject
    .execute(() => Promise.resolve())
    .then(
      () => {
        recovers = true;
      },
      () => {},
    );
  await subject.advance(1);
  subject.close();
  return { stillWaiting: waiting, recovers };
}

describe("the probe never answers", () => {
  it("fairlead refuses the others and sends another probe later", async () => {
    expect(await hangingProbe(fairlead())).toEqual({ stillWaiting: 0, recovers: true });
  });

  it("cockatiel keeps all others waiting for ever", async () => {
    expect(await hangingProbe(cockatiel())).toEqual({ stillWaiting: 100, recovers: false });
  });

  it("opossum refuses for ever", async () => {
    expect(await hangingProbe(opossum())).toEqual({ stillWaiting: 0, recovers: false });
  });
});

describe("a caller aborts during a backoff of 300 ms", () => {
  it("fairlead ends at once and does not call again", async () => {
    const clock = createFakeClock();
    const controller = new AbortController();
    let calls = 0;
    const guarded = pipeline({ clock, retry: { backoff: { kind: "constant", baseDelayMs: 300 } } });
    const call = guarded.execute(() => {
      calls += 1;
      throw new Error("down");
    }, controller);
    await clock.advance(10);
    controller.abort(new Error("client left"));
    await expect(call).rejects.toThrow("client left");
    await clock.advance(1_000);
    expect({ calls, pending: clock.pending }).toEqual({ calls: 1, pending: 0 });
  });

  it("cockatiel waits the whole time and calls again", async () => {
    const controller = new AbortController();
    let calls = 0;
    let settled = false;
    const call = retry(handleAll, { maxAttempts: 3, backoff: new ConstantBackoff(300) })
      .execute(() => {
        calls += 1;
        throw new Error("down");
      }, controller.signal)
      .catch(() => {})
      .finally(() => {
        settled = true;
      });
    await advanceGlobal(10);
    controller.abort();
    await advanceGlobal(280);
    expect(settled).toBe(false);
    await advanceGlobal(1_000);
    await call;
    expect(calls).toBe(2);
  });
});

describe("one failure after an idle hour, in a window of five seconds that held fifty", () => {
  it("fairlead has forgotten them", async () => {
    const clock = createFakeClock();
    const breaker = createCircuitBreaker({
      clock,
      failureThreshold: Infinity,
      failureRatio: { ratio: 0.5, minimumCalls: 20, window: { kind: "time", durationMs: 5_000 } },
    });
    const call = (outcome: "success" | "failure"): void => breaker.release(breaker.tryAcquire(), outcome);
    for (let index = 0; index < 51; index += 1) call("success");
    for (let index = 0; index < 50; index += 1) call("failure");
    await clock.advance(3_600_000);
    call("failure");
    expect(breaker.state.status).toBe("closed");
  });

  it("cockatiel counts them and opens", async () => {
    const policy = circuitBreaker(handleAll, {
      halfOpenAfter: resetMs,
      breaker: new SamplingBreaker({ threshold: 0.5, duration: 5_000 }),
    });
    for (let index = 0; index < 50; index += 1) await policy.execute(() => Promise.resolve());
    for (let index = 0; index < 50; index += 1)
      await policy.execute(() => Promise.reject(new Error("down"))).catch(() => {});
    await advanceGlobal(3_600_000);
    const outcomes: string[] = [];
    for (let index = 0; index < 2; index += 1)
      await policy
        .execute(() => Promise.reject(new Error("down")))
        .catch((error: unknown) => outcomes.push(error instanceof Error ? error.message : ""));
    expect(outcomes).toEqual(["down", "Execution prevented because the circuit breaker is open"]);
  });
});

describe("one of several concurrent calls times out", () => {
  it("fairlead aborts that one only", async () => {
    const clock = createFakeClock();
    const guarded = pipeline({ clock, attemptTimeoutMs: 100 });
    const signals: AbortSignal[] = [];
    const hang = (): Promise<unknown> =>
      guarded
        .execute(({ signal }) => {
          signals.push(signal);
          return new Promise(() => {});
        })
        .catch(() => {});
    void hang();
    await clock.advance(80);
    void hang();
    await clock.advance(50);
    void hang();
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false, false]);
  });

  it("opossum aborts all of them, and the next call starts with an aborted signal", async () => {
    const controller = new AbortController();
    const aborted: boolean[] = [];
    const breaker = new OpossumBreaker(
      () => {
        aborted.push(controller.signal.aborted);
        return new Promise(() => {});
      },
      { timeout: 100, abortController: controller, volumeThreshold: 100 },
    );
    void breaker.fire().catch(() => {});
    await advanceGlobal(80);
    void breaker.fire().catch(() => {});
    await advanceGlobal(50);
    expect(controller.signal.aborted).toBe(true);
    void breaker.fire().catch(() => {});
    expect({ aborted, closed: breaker.closed }).toEqual({ aborted: [false, false, true], closed: true });
    breaker.shutdown();
  });
});

describe("a slot becomes free while one call is queued and another arrives", () => {
  it("fairlead gives it to the queued one", async () => {
    const clock = createFakeClock();
    const slots = createBulkhead({ clock, limit: 1, maxQueue: 1 });
    const first = await slots.acquire();
    const queued = slots.acquire();
    first.release();
    expect(slots.tryAcquire()).toBeUndefined();
    expect(await queued).toHaveProperty("release");
  });

  it("cockatiel lets newcomers have slot and place, and refuses the call that it had accepted", async () => {
    const policy = bulkhead(1, 1);
    const gate = deferred();
    void policy.execute(gate.operation);
    const queued = policy.execute(() => Promise.resolve()).catch((error: unknown) => String(error));
    const newcomers = gate.operation().then(() => {
      void policy.execute(() => new Promise(() => {}));
      void policy.execute(() => Promise.resolve());
    });
    gate.succeed();
    await newcomers;
    expect(await queued).toContain("Bulkhead capacity exceeded");
  });
});

describe("20 calls that ignore their timeout meet a capacity of 2", () => {
  /** Twenty calls of a second each arrive 110 ms apart, each given up after 100 ms. */
  async function mostAtOnce(
    call: (operation: () => Promise<void>) => Promise<unknown>,
    sleep: (ms: number) => Promise<void>,
    advance: (ms: number) => Promise<void>,
  ): Promise<number> {
    let running = 0;
    let most = 0;
    for (let index = 0; index < 20; index += 1) {
      void call(async () => {
        running += 1;
        most = Math.max(most, running);
        await sleep(10_000);
        running -= 1;
      }).catch(() => {});
      await advance(110);
    }
    await advance(20_000);
    return most;
  }

  it("fairlead runs 2 at a time", async () => {
    const clock = createFakeClock();
    const limited = pipeline({
      clock,
      attemptTimeoutMs: 100,
      bulkhead: createBulkhead({ clock, limit: 2, maxQueue: 0 }),
    });
    const most = await mostAtOnce(
      (operation) => limited.execute(operation),
      (ms) => clock.sleep(ms),
      (ms) => clock.advance(ms),
    );
    expect(most).toBe(2);
  });

  it("opossum runs 20", async () => {
    const breaker = new OpossumBreaker((operation: () => Promise<void>) => operation(), {
      timeout: 100,
      capacity: 2,
      volumeThreshold: 1_000,
    });
    const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
    expect(await mostAtOnce((operation) => breaker.fire(operation), sleep, advanceGlobal)).toBe(20);
    breaker.shutdown();
  });
});

describe("calls that were refused while open", () => {
  it("are no part of fairlead's error rate", async () => {
    const clock = createFakeClock();
    const breaker = createCircuitBreaker({
      clock,
      failureThreshold: Infinity,
      failureRatio: { ratio: 0.5, minimumCalls: 2, window: { kind: "time", durationMs: 600_000 } },
    });
    const call = (outcome: "success" | "failure"): void => breaker.release(breaker.tryAcquire(), outcome);
    breaker.forceOpen("maintenance");
    for (let refused = 0; refused < 15; refused += 1) expect(breaker.tryAcquire()).toBe(0);
    breaker.forceClose();
    call("success");
    expect(breaker.state.status).toBe("closed");
    call("failure");
    expect(breaker.state.status).toBe("open");
  });

  it("lower opossum's error rate", async () => {
    let fails = false;
    const breaker = new OpossumBreaker(
      () => (fails ? Promise.reject(new Error("down")) : Promise.resolve()),
      {
        timeout: false,
        errorThresholdPercentage: 50,
      },
    );
    breaker.open();
    for (let refused = 0; refused < 15; refused += 1) await breaker.fire().catch(() => {});
    breaker.close();
    await breaker.fire();
    fails = true;
    for (let failure = 0; failure < 5; failure += 1) await breaker.fire().catch(() => {});
    const { failures, fires } = breaker.stats;
    expect({ failures, fires, opened: breaker.opened }).toEqual({ failures: 5, fires: 21, opened: false });
    breaker.shutdown();
  });
});
