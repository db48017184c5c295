import { describe, expect, it } from "vitest";
import { compose } from "./compose.ts";
import { createFakeClock } from "./fake-clock.ts";
import { createKeyedRateLimiter } from "./keyed-rate-limiter.ts";
import { createRateLimiter } from "./rate-limiter.ts";

describe("the rate limiter", () => {
  it("lets a burst pass and then 12 calls per second by default", async () => {
    const clock = createFakeClock();
    const limiter = createRateLimiter({ clock });
    const passedIn = (calls: number): number =>
      Array.from({ length: calls }, () => limiter.tryAcquire()).filter(Boolean).length;
    expect(passedIn(100)).toBe(12);
    let passed = 0;
    for (let step = 0; step < 100; step += 1) {
      await clock.advance(100);
      passed += passedIn(100);
    }
    expect(passed).toBe(120);
  });

  it("lets waiting callers through in the order in which they came, each in its time", async () => {
    const clock = createFakeClock();
    const limiter = createRateLimiter({ ratePerSecond: 10, burst: 1, clock });
    const passed: [number, number][] = [];
    const calls = Array.from({ length: 5 }, (_, caller) =>
      limiter.acquire().then(() => passed.push([caller, Math.round(clock.now())])),
    );
    await clock.advance(150);
    expect(limiter.queueLength).toBe(3);
    expect(limiter.tryAcquire()).toBe(false);
    await clock.advance(1_000);
    await Promise.all(calls);
    expect(passed).toEqual([
      [0, 0],
      [1, 100],
      [2, 200],
      [3, 300],
      [4, 400],
    ]);
    expect(clock.pending).toBe(0);
  });

  it("counts calls by weight", async () => {
    const clock = createFakeClock();
    const limiter = createRateLimiter({ ratePerSecond: 10, burst: 10, clock });
    expect(limiter.tryAcquire(8)).toBe(true);
    expect(limiter.tryAcquire(3)).toBe(false);
    expect(limiter.retryAfterMs(3)).toBeCloseTo(100);
    expect(limiter.tryAcquire(2)).toBe(true);
    expect(() => limiter.tryAcquire(11)).toThrow(
      new RangeError("weight must be a number from 0 to 10, got 11"),
    );
    await expect(limiter.acquire({ weight: 11 })).rejects.toThrow(RangeError);
  });

  it("refuses at once, with the time to wait, when the queue is full or the deadline would pass", async () => {
    const clock = createFakeClock(1_000);
    const limiter = createRateLimiter({ ratePerSecond: 1, burst: 1, maxQueue: 1, clock });
    await limiter.acquire();
    await expect(limiter.acquire({ deadline: 1_999 })).rejects.toMatchObject({
      code: "RATE_LIMITED",
      retryAfterMs: 1_000,
    });
    const waiting = limiter.acquire({ deadline: 2_000 });
    await expect(limiter.acquire()).rejects.toMatchObject({ code: "RATE_LIMITED", retryAfterMs: 2_000 });
    await clock.advance(1_000);
    await waiting;
    expect(clock.pending).toBe(0);
  });

  it("lets those behind move up when a caller leaves, and keeps nothing of it", async () => {
    const clock = createFakeClock();
    const limiter = createRateLimiter({ ratePerSecond: 1, burst: 5, clock });
    await limiter.acquire({ weight: 5 });
    const controller = new AbortController();
    const heavy = limiter.acquire({ weight: 5, signal: controller.signal });
    let passedAt = 0;
    const light = limiter.acquire({ weight: 1 }).then(() => {
      passedAt = clock.now();
    });
    await clock.advance(500);
    controller.abort(new Error("client left"));
    await expect(heavy).rejects.toThrow("client left");
    await clock.advance(5_000);
    await light;
    expect(passedAt).toBeCloseTo(1_000);
    const alone = new AbortController();
    await limiter.acquire({ weight: 4 });
    const last = limiter.acquire({ weight: 5, signal: alone.signal });
    alone.abort(new Error("gone"));
    await expect(last).rejects.toThrow("gone");
    await clock.advance(0);
    expect(clock.pending).toBe(0);
    await expect(limiter.acquire({ signal: alone.signal })).rejects.toThrow("gone");
  });

  it("lets everybody who waits hear of a clock that fails", async () => {
    const clock = { now: () => 0, sleep: () => Promise.reject(new Error("no timers left")) };
    const limiter = createRateLimiter({ ratePerSecond: 1, burst: 1, clock });
    await limiter.acquire();
    await expect(limiter.acquire()).rejects.toThrow("no timers left");
    expect(limiter.queueLength).toBe(0);
  });

  it("waits as a policy, within the call's deadline", async () => {
    const clock = createFakeClock();
    const limiter = createRateLimiter({
      ratePerSecond: 1,
      burst: 2,
      clock,
      weight: ({ request }) => Number(request),
    });
    const limited = compose(limiter.policy);
    expect(await limited.execute(() => "first", { request: 2 })).toBe("first");
    const late = limited.execute(() => expect.unreachable(), { request: 1, deadline: 500 });
    await expect(late).rejects.toMatchObject({ code: "RATE_LIMITED" });
    const second = limited.execute(() => clock.now(), { request: 1 });
    await clock.advance(1_000);
    expect(await second).toBe(1_000);
  });

  it("names the option that is out of range", () => {
    expect(() => createRateLimiter({ ratePerSecond: 0 })).toThrow(/^ratePerSecond must .* got 0$/);
    expect(() => createRateLimiter({ burst: 0.5 })).toThrow(/^burst must .* got 0.5$/);
    expect(() => createRateLimiter({ maxQueue: -1 })).toThrow(/^maxQueue must .* got -1$/);
    expect(() => createKeyedRateLimiter({ maxKeys: 0 })).toThrow(/^maxKeys must .* got 0$/);
  });
});

describe("the keyed rate limiter", () => {
  it("limits every key on its own", async () => {
    const clock = createFakeClock();
    const limiter = createKeyedRateLimiter({ ratePerSecond: 1, burst: 1, clock });
    expect([limiter.tryAcquire("a"), limiter.tryAcquire("a"), limiter.tryAcquire("b")]).toEqual([
      true,
      false,
      true,
    ]);
    expect([limiter.retryAfterMs("a"), limiter.retryAfterMs("c")]).toEqual([1_000, 0]);
    let passedAt = 0;
    const waiting = limiter.acquire("a").then(() => {
      passedAt = clock.now();
    });
    expect(limiter.retryAfterMs("a")).toBe(2_000);
    await clock.advance(1_000);
    await waiting;
    expect(passedAt).toBe(1_000);
  });

  it("is not blocked by a wait that was refused", async () => {
    const clock = createFakeClock();
    const limiter = createKeyedRateLimiter({ ratePerSecond: 1, burst: 1, maxQueuePerKey: 0, clock });
    await limiter.acquire("a");
    await expect(limiter.acquire("a")).rejects.toMatchObject({ code: "RATE_LIMITED", retryAfterMs: 1_000 });
    await clock.advance(1_000);
    expect(limiter.tryAcquire("a")).toBe(true);
  });

  it("forgets keys that are idle, and holds no timer once there are none", async () => {
    const clock = createFakeClock();
    const limiter = createKeyedRateLimiter({ ratePerSecond: 10, burst: 10, clock });
    for (let key = 0; key < 100_000; key += 1) limiter.tryAcquire(`client-${key}`);
    expect(limiter.size).toBe(100_000);
    await clock.advance(1_500);
    expect(limiter.size).toBe(0);
    expect(clock.pending).toBe(0);
  });

  it("keeps keys that are in debt while it forgets idle ones", async () => {
    const clock = createFakeClock();
    const limiter = createKeyedRateLimiter({ ratePerSecond: 1, burst: 100, clock });
    limiter.tryAcquire("busy", 100);
    limiter.tryAcquire("idle", 1);
    await clock.advance(61_000);
    expect(limiter.size).toBe(1);
    expect(limiter.tryAcquire("busy", 62)).toBe(false);
    expect(limiter.tryAcquire("busy", 61)).toBe(true);
  });

  it("never remembers more than maxKeys", () => {
    const limiter = createKeyedRateLimiter({ maxKeys: 100, clock: createFakeClock() });
    for (let key = 0; key < 10_000; key += 1) {
      expect(limiter.tryAcquire(`client-${key}`)).toBe(true);
      expect(limiter.size).toBeLessThanOrEqual(100);
    }
  });

  it("limits by the context's key as a policy", async () => {
    const clock = createFakeClock();
    const limited = compose(
      createKeyedRateLimiter({ ratePerSecond: 1, burst: 1, maxQueuePerKey: 0, clock }).policy,
    );
    await limited.execute(() => 1, { key: "a" });
    await limited.execute(() => 1, { key: "b" });
    await limited.execute(() => 1);
    await expect(limited.execute(() => 1, { key: "a" })).rejects.toMatchObject({ code: "RATE_LIMITED" });
  });
});
