import { describe, expect, it } from "vitest";
import { createBulkhead } from "./bulkhead.ts";
import { compose } from "./compose.ts";
import { type ConcurrencyLimit, createAimdLimit, createGradientLimit } from "./concurrency-limit.ts";
import { createFakeClock } from "./fake-clock.ts";

/** A server with so many slots: what comes on top waits, so that a call takes as many rounds as it needs. */
function serve(limit: ConcurrencyLimit, slots: number, calls: number, overloadAt = Infinity): void {
  for (let call = 0; call < calls; call += 1) {
    const inFlight = limit.limit;
    const durationMs = 100 * Math.max(1, inFlight / slots);
    limit.record({ durationMs, inFlight, outcome: inFlight > overloadAt ? "failure" : "success" });
  }
}

describe("additive increase, multiplicative decrease", () => {
  it("settles just below the point where calls fail", () => {
    const limit = createAimdLimit();
    serve(limit, 1_000, 2_000, 20);
    expect(limit.limit).toBeGreaterThanOrEqual(17);
    expect(limit.limit).toBeLessThanOrEqual(21);
  });

  it("does not grow while it is not used, and shrinks on slow calls down to 1", () => {
    const limit = createAimdLimit({ initialLimit: 10 });
    for (let call = 0; call < 100; call += 1)
      limit.record({ durationMs: 10, inFlight: 4, outcome: "success" });
    expect(limit.limit).toBe(10);
    for (let call = 0; call < 100; call += 1)
      limit.record({ durationMs: 5_001, inFlight: 1, outcome: "success" });
    expect(limit.limit).toBe(1);
    limit.record({ durationMs: 9_999, inFlight: 1, outcome: "ignored" });
    limit.record({ durationMs: 10, inFlight: 1, outcome: "success" });
    expect(limit.limit).toBe(2);
  });
});

describe("the gradient", () => {
  it("grows while calls do not get slower", () => {
    const limit = createGradientLimit({ maxLimit: 50 });
    serve(limit, 1_000, 500);
    expect(limit.limit).toBe(50);
  });

  it("stops growing near the point where calls get slower, without any failure", () => {
    const limit = createGradientLimit({ longWindow: 10_000 });
    for (let call = 0; call < 100; call += 1)
      limit.record({ durationMs: 100, inFlight: 1, outcome: "success" });
    serve(limit, 20, 500);
    expect(limit.limit).toBeGreaterThanOrEqual(20);
    expect(limit.limit).toBeLessThanOrEqual(60);
  });

  it("goes down to 1 on failures, and forgets what was usual during an overload", () => {
    const limit = createGradientLimit();
    for (let call = 0; call < 100; call += 1)
      limit.record({ durationMs: 100, inFlight: 4, outcome: "failure" });
    expect(limit.limit).toBe(1);
    for (let call = 0; call < 50; call += 1)
      limit.record({ durationMs: 10_000, inFlight: 1, outcome: "success" });
    for (let call = 0; call < 700; call += 1)
      limit.record({ durationMs: 100, inFlight: limit.limit, outcome: "success" });
    expect(limit.limit).toBeGreaterThan(20);
  });
});

describe("a limit that learns in a bulkhead", () => {
  it("comes down to what the target can take", async () => {
    const clock = createFakeClock();
    const bulkhead = createBulkhead({
      clock,
      limit: createAimdLimit({ initialLimit: 50, slowCallMs: 200 }),
      maxQueue: 1_000,
    });
    let running = 0;
    const calls = Array.from({ length: 300 }, () =>
      compose(bulkhead.policy).execute(async () => {
        running += 1;
        await clock.sleep(running > 5 ? 300 : 100);
        running -= 1;
      }),
    );
    await clock.advance(20_000);
    await Promise.all(calls);
    expect(bulkhead.limit).toBeLessThanOrEqual(7);
    expect(bulkhead.inFlight).toBe(0);
  });

  it("is not told of the caller's cancellation as a failure", async () => {
    const clock = createFakeClock();
    const bulkhead = createBulkhead({ clock, limit: createAimdLimit({ initialLimit: 10 }) });
    const controller = new AbortController();
    const call = compose(bulkhead.policy).execute(
      ({ signal }) =>
        new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
      controller,
    );
    controller.abort(new Error("client left"));
    await expect(call).rejects.toThrow("client left");
    expect(bulkhead.limit).toBe(10);
  });

  it.each([
    [() => createAimdLimit({ minLimit: 0 }), /^minLimit must .* got 0$/],
    [() => createAimdLimit({ backoffRatio: 1 }), /^backoffRatio must .* got 1$/],
    [() => createAimdLimit({ initialLimit: 300 }), /^initialLimit must .* got 300$/],
    [() => createGradientLimit({ tolerance: 0.5 }), /^tolerance must .* got 0.5$/],
    [() => createGradientLimit({ smoothing: 0 }), /^smoothing must .* got 0$/],
    [() => createGradientLimit({ longWindow: 1 }), /^longWindow must .* got 1$/],
  ])("names the option that is out of range", (create, message) => {
    expect(create).toThrow(message);
  });
});
