import { describe, expect, it } from "vitest";
import { type CircuitBreaker, createCircuitBreaker } from "./circuit-breaker.ts";
import type { CircuitBreakerOptions } from "./circuit-settings.ts";
import type { CircuitEvent, CircuitOutcome } from "./circuit-state.ts";
import { CircuitOpenError } from "./errors.ts";
import { createFakeClock, type FakeClock } from "./fake-clock.ts";

interface Setup {
  readonly breaker: CircuitBreaker;
  readonly clock: FakeClock;
  readonly events: CircuitEvent[];
}

function setup(options: CircuitBreakerOptions = {}): Setup {
  const clock = createFakeClock(1_000_000);
  const events: CircuitEvent[] = [];
  const breaker = createCircuitBreaker({ clock, onEvent: (event) => events.push(event), ...options });
  return { breaker, clock, events };
}

function record(breaker: CircuitBreaker, ...outcomes: CircuitOutcome[]): void {
  for (const outcome of outcomes) breaker.release(breaker.tryAcquire(), outcome);
}

const fiveFailures = Array.from({ length: 5 }, () => "failure" as const);

describe("a closed breaker", () => {
  it("opens after failureThreshold failures in a row", () => {
    const { breaker, events } = setup({ name: "alpha" });
    record(breaker, ...fiveFailures.slice(1));
    expect(breaker.state).toEqual({ status: "closed", consecutiveFailures: 4 });
    record(breaker, "failure");
    expect(breaker.state).toEqual({
      status: "open",
      reason: "consecutive-failures",
      retryAfterMs: 60_000,
      trips: 1,
    });
    expect(breaker.tryAcquire()).toBe(0);
    expect(breaker.retryAfterMs()).toBe(60_000);
    expect(events).toEqual([
      {
        type: "circuit-state-change",
        name: "alpha",
        from: "closed",
        to: "open",
        reason: "consecutive-failures",
      },
    ]);
  });

  it("starts counting anew after a success, and does not count what is ignored", () => {
    const { breaker } = setup();
    record(breaker, ...fiveFailures.slice(1), "success", ...fiveFailures.slice(1), "ignored");
    expect(breaker.state).toEqual({ status: "closed", consecutiveFailures: 4 });
  });

  it("does not count failures older than monitoringWindowMs", async () => {
    const { breaker, clock } = setup({ monitoringWindowMs: 1_000 });
    for (let failure = 0; failure < 20; failure += 1) {
      record(breaker, "failure");
      await clock.advance(300);
    }
    expect(breaker.state.status).toBe("closed");
    record(breaker, ...fiveFailures);
    expect(breaker.state.status).toBe("open");
  });

  it("opens on a share of failures among the last calls once there are enough of them", () => {
    const { breaker } = setup({
      failureThreshold: Infinity,
      failureRatio: { ratio: 0.5, minimumCalls: 4, window: { kind: "count", calls: 4 } },
    });
    record(breaker, "failure", "success", "success", "success", "failure");
    expect(breaker.state.status).toBe("closed");
    record(breaker, "failure");
    expect(breaker.state).toMatchObject({ status: "open", reason: "failure-ratio" });
  });

  it("forgets a window of time that passed idle", async () => {
    const { breaker, clock } = setup({
      failureThreshold: Infinity,
      failureRatio: { ratio: 0.5, minimumCalls: 5, window: { kind: "time", durationMs: 5_000 } },
    });
    record(breaker, ...fiveFailures.slice(1));
    await clock.advance(3_600_000);
    record(breaker, "failure");
    expect(breaker.state.status).toBe("closed");
    record(breaker, ...fiveFailures.slice(1));
    expect(breaker.state.status).toBe("open");
  });

  it("opens on a share of slow calls", () => {
    const { breaker } = setup({ slowCallRatio: { slowCallMs: 100, ratio: 1, minimumCalls: 3 } });
    expect(breaker.needsDuration).toBe(true);
    for (const durationMs of [101, 500, 101]) breaker.release(breaker.tryAcquire(), "success", durationMs);
    expect(breaker.state).toMatchObject({ status: "open", reason: "slow-call-ratio" });
  });
});

describe("an open breaker", () => {
  it("lets exactly halfOpenMaxCalls probes through after resetTimeoutMs, and closes when they succeed", async () => {
    const { breaker, clock, events } = setup();
    record(breaker, ...fiveFailures);
    await clock.advance(59_999);
    expect(breaker.tryAcquire()).toBe(0);
    await clock.advance(1);
    const permits = Array.from({ length: 10_000 }, () => breaker.tryAcquire()).filter((permit) => permit > 0);
    expect(permits).toHaveLength(3);
    expect(breaker.state).toEqual({ status: "half-open", inFlight: 3, successes: 0 });
    for (const permit of permits) {
      expect(breaker.tryAcquire()).toBe(0);
      breaker.release(permit, "success");
    }
    expect(breaker.state).toEqual({ status: "closed", consecutiveFailures: 0 });
    expect(events.map(({ to, reason }) => [to, reason])).toEqual([
      ["open", "consecutive-failures"],
      ["half-open", "reset-timeout"],
      ["closed", "probes-succeeded"],
    ]);
  });

  it("opens again when one probe fails", async () => {
    const { breaker, clock } = setup();
    record(breaker, ...fiveFailures);
    await clock.advance(60_000);
    const first = breaker.tryAcquire();
    const second = breaker.tryAcquire();
    breaker.release(first, "failure");
    breaker.release(second, "success");
    expect(breaker.state).toMatchObject({ status: "open", reason: "probe-failed", trips: 2 });
  });

  it("lets another probe through for one that is ignored", async () => {
    const { breaker, clock } = setup({ halfOpenMaxCalls: 1, successThreshold: 1 });
    record(breaker, ...fiveFailures);
    await clock.advance(60_000);
    record(breaker, "ignored");
    expect(breaker.state).toEqual({ status: "half-open", inFlight: 0, successes: 0 });
    record(breaker, "success");
    expect(breaker.state.status).toBe("closed");
  });

  it("gives up probes that never answer", async () => {
    const { breaker, clock, events } = setup();
    record(breaker, ...fiveFailures);
    await clock.advance(60_000);
    const hanging = [breaker.tryAcquire(), breaker.tryAcquire(), breaker.tryAcquire()];
    await clock.advance(59_999);
    expect(breaker.tryAcquire()).toBe(0);
    await clock.advance(1);
    expect(breaker.tryAcquire()).toBeGreaterThan(0);
    expect(events.at(-1)).toMatchObject({ to: "half-open", reason: "probes-lost" });
    for (const permit of hanging) breaker.release(permit, "failure");
    expect(breaker.state).toEqual({ status: "half-open", inFlight: 1, successes: 0 });
  });

  it("waits longer after repeated trips, up to the bound, until it has been stable for a while", async () => {
    const { breaker, clock } = setup({ resetTimeoutFactor: 3, maxResetTimeoutMs: 300_000 });
    const waits: number[] = [];
    record(breaker, ...fiveFailures);
    for (let trip = 0; trip < 4; trip += 1) {
      waits.push(breaker.retryAfterMs());
      await clock.advance(breaker.retryAfterMs());
      record(breaker, "failure");
    }
    expect(waits).toEqual([60_000, 180_000, 300_000, 300_000]);
    await clock.advance(300_000);
    record(breaker, "success", "success", "success");
    await clock.advance(300_000);
    record(breaker, ...fiveFailures);
    expect(breaker.state).toMatchObject({ retryAfterMs: 60_000, trips: 1 });
  });

  it("adds a random part to the reset timeout when asked to", () => {
    const { breaker } = setup({ resetJitterRatio: 0.5, random: () => 0.5 });
    record(breaker, ...fiveFailures);
    expect(breaker.retryAfterMs()).toBe(75_000);
  });

  it("stays open with manual recovery until it is closed", async () => {
    const { breaker, clock } = setup({ recovery: "manual" });
    record(breaker, ...fiveFailures);
    await clock.advance(1e9);
    expect(breaker.tryAcquire()).toBe(0);
    expect(breaker.retryAfterMs()).toBe(Infinity);
    breaker.forceClose("replaced the host");
    expect(breaker.state.status).toBe("closed");
  });
});

describe("results that arrive after a state change", () => {
  it("do not touch the half-open state, failed or successful", async () => {
    const { breaker, clock } = setup();
    const stale = [breaker.tryAcquire(), breaker.tryAcquire()] as const;
    record(breaker, ...fiveFailures);
    await clock.advance(60_000);
    const probe = breaker.tryAcquire();
    breaker.release(stale[0], "failure");
    breaker.release(stale[1], "success");
    expect(breaker.state).toEqual({ status: "half-open", inFlight: 1, successes: 0 });
    breaker.release(probe, "success");
    expect(breaker.state).toEqual({ status: "half-open", inFlight: 0, successes: 1 });
  });

  it("do not open a breaker that has closed again", () => {
    const { breaker } = setup();
    const stale = fiveFailures.map(() => breaker.tryAcquire());
    breaker.forceOpen("deploy");
    breaker.forceClose();
    for (const permit of stale) breaker.release(permit, "failure");
    expect(breaker.state).toEqual({ status: "closed", consecutiveFailures: 0 });
  });
});

describe("a breaker told what to do", () => {
  it("stays open with the reason given until it is closed", async () => {
    const { breaker, clock, events } = setup();
    breaker.forceOpen("maintenance");
    await clock.advance(1e9);
    expect(breaker.state).toEqual({
      status: "open",
      reason: "forced",
      detail: "maintenance",
      retryAfterMs: Infinity,
      trips: 0,
    });
    breaker.forceClose("done");
    expect(events).toMatchObject([
      { from: "closed", to: "open", reason: "forced", detail: "maintenance" },
      { from: "open", to: "closed", reason: "forced", detail: "done" },
    ]);
  });

  it("forgets everything on reset", () => {
    const { breaker } = setup();
    record(breaker, ...fiveFailures);
    breaker.reset();
    expect(breaker.state).toEqual({ status: "closed", consecutiveFailures: 0 });
    record(breaker, ...fiveFailures);
    expect(breaker.state).toMatchObject({ trips: 1 });
  });
});

describe("execute", () => {
  it("passes value, error and signal through, and counts them", async () => {
    const { breaker } = setup({ failureThreshold: 1 });
    const { signal } = new AbortController();
    await expect(breaker.execute((given) => given === signal, { signal })).resolves.toBe(true);
    await expect(breaker.execute(() => Promise.reject(new Error("down")))).rejects.toThrow("down");
    expect(breaker.state.status).toBe("open");
  });

  it("refuses with the time to wait, without running the function", async () => {
    const { breaker, clock } = setup();
    record(breaker, ...fiveFailures);
    await clock.advance(10_000);
    const refused = breaker.execute(() => expect.unreachable());
    await expect(refused).rejects.toThrow(CircuitOpenError);
    await expect(refused).rejects.toMatchObject({ code: "CIRCUIT_OPEN", retryAfterMs: 50_000 });
  });

  it("ignores a call that its caller aborted, and does not start one that is aborted already", async () => {
    const { breaker } = setup({ failureThreshold: 1 });
    const controller = new AbortController();
    const call = breaker.execute(
      (signal) => new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason))),
      { signal: controller.signal },
    );
    controller.abort(new Error("client left"));
    await expect(call).rejects.toThrow("client left");
    await expect(breaker.execute(() => expect.unreachable(), controller)).rejects.toThrow("client left");
    expect(breaker.state).toEqual({ status: "closed", consecutiveFailures: 0 });
  });

  it("asks the classification hooks what a result means", async () => {
    const { breaker } = setup({
      failureThreshold: 1,
      classifyError: (error) => (error instanceof TypeError ? "ignored" : "failure"),
      classifyResult: (value) => (value === 503 ? "failure" : "success"),
    });
    await expect(breaker.execute(() => Promise.reject(new TypeError("bad request")))).rejects.toThrow();
    await breaker.execute(() => 200);
    expect(breaker.state.status).toBe("closed");
    await breaker.execute(() => 503);
    expect(breaker.state.status).toBe("open");
  });

  it("measures how long a call takes for a slow-call rule", async () => {
    const { breaker, clock } = setup({ slowCallRatio: { slowCallMs: 100, ratio: 1, minimumCalls: 1 } });
    const call = breaker.execute(() => clock.sleep(101));
    await clock.advance(101);
    await call;
    expect(breaker.state).toMatchObject({ status: "open", reason: "slow-call-ratio" });
  });

  it("gives the permit back when a hook throws", async () => {
    const { breaker, clock } = setup({
      halfOpenMaxCalls: 1,
      successThreshold: 1,
      classifyResult: () => {
        throw new Error("hook");
      },
      classifyError: () => "ignored",
    });
    record(breaker, ...fiveFailures);
    await clock.advance(60_000);
    await expect(breaker.execute(() => 1)).rejects.toThrow("hook");
    expect(breaker.state).toEqual({ status: "half-open", inFlight: 0, successes: 0 });
  });
});

describe("options", () => {
  it.each([
    [{ failureThreshold: 0 }, "failureThreshold must be a whole number from 1 to Infinity, got 0"],
    [{ resetTimeoutMs: -1 }, "resetTimeoutMs must be a finite number of milliseconds above 0, got -1"],
    [{ resetTimeoutFactor: 0.5 }, "resetTimeoutFactor must be a number from 1 to 1000000, got 0.5"],
    [{ halfOpenMaxCalls: 1.5 }, "halfOpenMaxCalls must be a whole number from 1 to 1000000, got 1.5"],
    [{ failureRatio: { ratio: 0 } }, "failureRatio.ratio must be above 0 and at most 1, got 0"],
    [
      { failureRatio: { ratio: 1, minimumCalls: 9, window: { kind: "count", calls: 5 } } },
      "failureRatio.minimumCalls must be a whole number from 1 to 5, got 9",
    ],
  ] as const)("are refused by name: %o", (options, message) => {
    expect(() => createCircuitBreaker(options)).toThrow(new RangeError(message));
  });
});
