import { describe, expect, it } from "vitest";
import { type CircuitBreaker, createCircuitBreaker } from "./circuit-breaker.ts";
import type { CircuitBreakerOptions } from "./circuit-settings.ts";
import { createFakeClock, type FakeClock } from "./fake-clock.ts";
import { pipeline } from "./pipeline.ts";

interface Setup {
  readonly clock: FakeClock;
  readonly breaker: CircuitBreaker;
}

/** A breaker that has tripped and whose reset timeout is over. */
async function due(options: CircuitBreakerOptions = {}): Promise<Setup> {
  const clock = createFakeClock();
  const breaker = createCircuitBreaker({ clock, failureThreshold: 1, ...options });
  breaker.release(breaker.tryAcquire(), "failure");
  await clock.advance(60_000);
  return { clock, breaker };
}

describe("the queue of a half-open breaker", () => {
  it("holds as many callers as it may, refuses the rest at once, and lets them go a few at a time", async () => {
    const { clock, breaker } = await due({ halfOpenMaxQueue: 1_000 });
    let running = 0;
    let started = 0;
    const most: number[] = [];
    const operation = async (): Promise<void> => {
      started += 1;
      running += 1;
      most[started] = running;
      await clock.sleep(10);
      running -= 1;
    };
    let refused = 0;
    const calls = Array.from({ length: 10_000 }, () =>
      breaker.execute(operation).catch(() => {
        refused += 1;
      }),
    );
    await clock.advance(0);
    expect({ started, refused }).toEqual({ started: 3, refused: 8_997 });
    await clock.advance(10);
    expect(breaker.state.status).toBe("closed");
    expect(running).toBeLessThanOrEqual(8);
    await clock.advance(10);
    expect(running).toBeLessThanOrEqual(16);
    await clock.advance(1_000);
    await Promise.all(calls);
    expect(started).toBe(1_003);
    expect(clock.pending).toBe(0);
  });

  it("refuses those that wait when the probes fail", async () => {
    const { clock, breaker } = await due({ halfOpenMaxQueue: 10, halfOpenMaxCalls: 1 });
    const probe = breaker.tryAcquire();
    const waiting = breaker.acquire();
    breaker.release(probe, "failure");
    await expect(waiting).rejects.toMatchObject({ code: "CIRCUIT_OPEN", retryAfterMs: 60_000 });
    expect(clock.pending).toBe(0);
  });

  it("sends the next one as a probe when one has answered, and when none ever does", async () => {
    const { clock, breaker } = await due({ halfOpenMaxQueue: 10, halfOpenMaxCalls: 1, successThreshold: 2 });
    const probe = breaker.tryAcquire();
    const next = breaker.acquire();
    breaker.release(probe, "success");
    expect(await next).toBeGreaterThan(0);
    const hangs = breaker.acquire();
    await clock.advance(60_000);
    expect(await hangs).toBeGreaterThan(0);
    expect(clock.pending).toBe(0);
  });

  it("lets a caller leave", async () => {
    const { clock, breaker } = await due({ halfOpenMaxQueue: 10, halfOpenMaxCalls: 1 });
    breaker.tryAcquire();
    const controller = new AbortController();
    const waiting = breaker.acquire(controller);
    controller.abort(new Error("client left"));
    await expect(waiting).rejects.toThrow("client left");
    await expect(breaker.acquire(controller)).rejects.toThrow("client left");
    expect(clock.pending).toBe(0);
  });

  it("is waited in by a pipeline, within deadline and signal", async () => {
    const { clock, breaker } = await due({ halfOpenMaxQueue: 10, halfOpenMaxCalls: 1, successThreshold: 1 });
    const guarded = pipeline({ clock, breaker, timeoutMs: 1_000 });
    const controller = new AbortController();
    const probe = breaker.tryAcquire();
    const late = Promise.allSettled([guarded.execute(() => expect.unreachable())]);
    await clock.advance(1_100);
    expect(await late).toMatchObject([{ reason: { code: "DEADLINE_EXCEEDED" } }]);
    const left = guarded.execute(() => expect.unreachable(), controller);
    controller.abort(new Error("client left"));
    await expect(left).rejects.toThrow("client left");
    const patient = guarded.execute(({ attempt }) => attempt);
    breaker.release(probe, "success");
    expect(await patient).toBe(1);
    const refusing = await due({ halfOpenMaxQueue: 1 });
    refusing.breaker.forceOpen("test");
    const refused = pipeline({ breaker: refusing.breaker }).execute(() => expect.unreachable());
    await expect(refused).rejects.toMatchObject({ code: "CIRCUIT_OPEN" });
    await clock.advance(20);
    expect(clock.pending).toBe(0);
  });
});

describe("a health check", () => {
  it("closes a breaker before its reset timeout, without a call of a caller", async () => {
    const clock = createFakeClock();
    const breaker = createCircuitBreaker({ clock, failureThreshold: 1, recovery: "manual" });
    breaker.release(breaker.tryAcquire(), "failure");
    for (let check = 0; check < 3; check += 1) {
      expect(breaker.state.status).not.toBe("closed");
      await breaker.probe(() => "healthy");
    }
    expect(breaker.state.status).toBe("closed");
  });

  it("that fails opens it again", async () => {
    const { breaker } = await due();
    await expect(breaker.probe(() => Promise.reject(new Error("still down")))).rejects.toThrow("still down");
    expect(breaker.state).toMatchObject({ status: "open", reason: "probe-failed" });
  });

  it("does not end what a person has forced", async () => {
    const { breaker } = await due();
    breaker.forceOpen("maintenance");
    await expect(breaker.probe(() => expect.unreachable())).rejects.toMatchObject({ code: "CIRCUIT_OPEN" });
  });
});

describe("a snapshot", () => {
  it("carries an open breaker to another clock, by way of JSON", async () => {
    const clock = createFakeClock();
    const breaker = createCircuitBreaker({ clock, failureThreshold: 1 });
    breaker.release(breaker.tryAcquire(), "failure");
    await clock.advance(20_000);
    const text = JSON.stringify(breaker.snapshot());
    const other = createCircuitBreaker({ clock: createFakeClock(5e9) });
    other.restore(JSON.parse(text));
    expect(other.state).toEqual({
      status: "open",
      reason: "consecutive-failures",
      retryAfterMs: 40_000,
      trips: 1,
    });
  });

  it("carries what a person has forced, and failures in a row", () => {
    const breaker = createCircuitBreaker();
    breaker.forceOpen("maintenance");
    const copy = createCircuitBreaker();
    copy.restore(JSON.parse(JSON.stringify(breaker.snapshot())));
    expect(copy.state).toMatchObject({
      status: "open",
      reason: "forced",
      detail: "maintenance",
      retryAfterMs: Infinity,
    });
    breaker.reset();
    for (let failure = 0; failure < 4; failure += 1) breaker.release(breaker.tryAcquire(), "failure");
    copy.restore(breaker.snapshot());
    expect(copy.state).toEqual({ status: "closed", consecutiveFailures: 4 });
    copy.release(copy.tryAcquire(), "failure");
    expect(copy.state.status).toBe("open");
  });

  it("is refused when it is none", () => {
    const breaker = createCircuitBreaker();
    const good = breaker.snapshot();
    expect(() => breaker.restore({ ...good, version: 2 as 1 })).toThrow(/^snapshot.version /);
    expect(() => breaker.restore({ ...good, status: "ajar" as "open" })).toThrow(/^snapshot.status /);
    expect(() => breaker.restore({ ...good, remainingMs: -1 })).toThrow(/^snapshot.remainingMs /);
    expect(() => breaker.restore({ ...good, trips: 0.5 })).toThrow(/^snapshot.trips /);
  });
});
