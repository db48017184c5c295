import { describe, expect, it } from "vitest";
import { type Bulkhead, type BulkheadOptions, createBulkhead } from "./bulkhead.ts";
import type { Priority } from "./call-context.ts";
import { createCircuitBreaker } from "./circuit-breaker.ts";
import { compose } from "./compose.ts";
import { ResilienceError } from "./errors.ts";
import { createFakeClock, type FakeClock } from "./fake-clock.ts";
import type { Permit } from "./permit.ts";
import { pipeline } from "./pipeline.ts";

interface Setup {
  readonly clock: FakeClock;
  readonly bulkhead: Bulkhead;
  /** Names in the order in which they got a slot, and `name: CODE` for those refused. */
  readonly log: string[];
  /** The slots given out, oldest first. */
  readonly permits: Permit[];
  readonly ask: (name: string, key?: string, priority?: Priority) => void;
  /** Ends the oldest call. */
  readonly end: () => Promise<void>;
}

function setup(options: BulkheadOptions = {}): Setup {
  const clock = createFakeClock();
  const bulkhead = createBulkhead({ clock, limit: 1, ...options });
  const log: string[] = [];
  const permits: Permit[] = [];
  return {
    clock,
    bulkhead,
    log,
    permits,
    ask(name, key, priority) {
      bulkhead.acquire({ key, priority }).then(
        (permit) => {
          log.push(name);
          permits.push(permit);
        },
        (error: unknown) => {
          log.push(`${name}: ${error instanceof ResilienceError ? error.code : String(error)}`);
        },
      );
    },
    async end() {
      await clock.advance(0);
      permits.shift()?.release();
      await clock.advance(0);
    },
  };
}

describe("the bulkhead", () => {
  it("runs no more than limit at a time, and gives a slot back once however often it is released", () => {
    const { bulkhead } = setup({ limit: 2 });
    const permits = [bulkhead.tryAcquire(), bulkhead.tryAcquire(), bulkhead.tryAcquire()];
    expect(permits[2]).toBeUndefined();
    permits[0]?.release();
    permits[0]?.release();
    expect(bulkhead.inFlight).toBe(1);
  });

  it("gives a free slot to who waits, not to a newcomer", async () => {
    const { bulkhead, ask, end, log, clock } = setup({ maxQueue: 1 });
    ask("first");
    ask("queued");
    await clock.advance(0);
    await end();
    expect(bulkhead.tryAcquire()).toBeUndefined();
    ask("newcomer");
    await end();
    await end();
    expect(log).toEqual(["first", "queued", "newcomer"]);
  });

  it("refuses at once when nobody more may wait, with a hint by the queue's pace", async () => {
    const { bulkhead, ask, end, clock } = setup({ maxQueue: 3 });
    for (const name of ["a", "b", "c", "d"]) ask(name);
    await expect(bulkhead.acquire()).rejects.toMatchObject({
      code: "QUEUE_FULL",
      maxQueue: 3,
      retryAfterMs: 1_000,
    });
    for (let call = 0; call < 2; call += 1) {
      await clock.advance(400);
      await end();
    }
    ask("e");
    ask("f");
    await expect(bulkhead.acquire()).rejects.toMatchObject({ retryAfterMs: 320 });
  });

  it("drops a call that has waited for maxWaitMs, or to its deadline", async () => {
    const { bulkhead, ask, log, clock } = setup({ maxWaitMs: 500 });
    ask("runs");
    ask("waits");
    const hurried = bulkhead.acquire({ deadline: clock.now() + 100 }).catch((error: unknown) => error);
    await clock.advance(130);
    expect(await hurried).toMatchObject({ code: "QUEUE_TIMEOUT" });
    expect(bulkhead.queueLength).toBe(1);
    await clock.advance(400);
    expect(log).toEqual(["runs", "waits: QUEUE_TIMEOUT"]);
    await expect(bulkhead.acquire({ deadline: clock.now() })).rejects.toMatchObject({ waitedMs: 0 });
    expect(clock.pending).toBe(0);
  });

  it("lets a waiting caller leave, and keeps nothing of it", async () => {
    const { bulkhead, ask, clock } = setup({ maxWaitMs: 5_000 });
    ask("runs");
    const controller = new AbortController();
    const waiting = bulkhead.acquire(controller);
    controller.abort(new Error("client left"));
    await expect(waiting).rejects.toThrow("client left");
    expect(bulkhead.queueLength).toBe(0);
    await clock.advance(20);
    expect(clock.pending).toBe(0);
    await expect(bulkhead.acquire(controller)).rejects.toThrow("client left");
  });

  it("names the option that is out of range", () => {
    expect(() => createBulkhead({ limit: 0 })).toThrow(/^limit must .* got 0$/);
    expect(() => createBulkhead({ maxQueue: 0.5 })).toThrow(/^maxQueue must .* got 0.5$/);
    expect(() => createBulkhead({ ageingMs: 0 })).toThrow(/^ageingMs must .* got 0$/);
    expect(() => createBulkhead({ shedding: { targetMs: 0, intervalMs: 1 } })).toThrow(
      /^shedding.targetMs must /,
    );
  });
});

describe("the bulkhead's queue", () => {
  it("lets urgent calls go first, in the order in which they came", async () => {
    const { ask, end, log } = setup();
    ask("runs");
    ask("low", "k", "low");
    ask("normal 1", "k");
    ask("high 1", "k", "high");
    ask("normal 2", "k");
    ask("high 2", "k", "high");
    for (let call = 0; call < 6; call += 1) await end();
    expect(log).toEqual(["runs", "high 1", "high 2", "normal 1", "normal 2", "low"]);
  });

  it("starves nobody: a call that has waited long enough goes before newer urgent ones", async () => {
    const { ask, end, log, clock } = setup({ ageingMs: 100 });
    ask("runs");
    ask("low", "k", "low");
    for (let round = 0; round < 10; round += 1) {
      ask(`high ${round}`, "k", "high");
      await clock.advance(50);
      await end();
    }
    expect(log.indexOf("low")).toBeGreaterThan(3);
    expect(log.indexOf("low")).toBeLessThan(8);
  });

  it("shares slots between keys by weight, however many calls each of them has waiting", async () => {
    const { ask, end, log } = setup({ weightOf: (key) => (key === "big" ? 3 : 1), maxQueue: 1_000 });
    ask("runs");
    for (let call = 0; call < 100; call += 1) ask("big", "big");
    for (let call = 0; call < 100; call += 1) ask("greedy", "greedy");
    for (let call = 0; call < 100; call += 1) ask("small", "small");
    for (let call = 0; call < 50; call += 1) await end();
    const served = (name: string): number => log.filter((each) => each === name).length;
    expect({ big: served("big"), greedy: served("greedy"), small: served("small") }).toEqual({
      big: 30,
      greedy: 10,
      small: 10,
    });
  });

  it("makes room for a key with less when one key fills it, and for a more urgent call, but not otherwise", async () => {
    const { ask, clock, log, bulkhead } = setup({ maxQueue: 3 });
    const calls: Parameters<typeof ask>[] = [
      ["runs"],
      ["greedy 1", "greedy"],
      ["greedy 2", "greedy"],
      ["greedy 3", "greedy"],
      ["modest", "modest"],
      ["greedy 4", "greedy"],
      ["urgent", "greedy", "high"],
      ["idle", "idle", "low"],
    ];
    for (const call of calls) {
      ask(...call);
      await clock.advance(0);
    }
    expect(log).toEqual([
      "runs",
      "greedy 3: QUEUE_FULL",
      "greedy 4: QUEUE_FULL",
      "greedy 2: QUEUE_FULL",
      "idle: QUEUE_FULL",
    ]);
    expect(bulkhead.queueLength).toBe(3);
  });

  it("with shedding, serves the newest and drops those that have waited too long while the queue stands", async () => {
    const { ask, end, log, clock } = setup({ shedding: { targetMs: 50, intervalMs: 200 } });
    ask("runs");
    for (let call = 0; call < 4; call += 1) {
      ask(`old ${call}`);
      await clock.advance(60);
    }
    ask("new 1");
    ask("new 2");
    await end();
    await end();
    await end();
    expect(log).toEqual([
      "runs",
      "new 2",
      "new 1",
      "old 3: QUEUE_TIMEOUT",
      "old 2: QUEUE_TIMEOUT",
      "old 1: QUEUE_TIMEOUT",
      "old 0: QUEUE_TIMEOUT",
    ]);
    ask("after");
    await end();
    expect(log.at(-1)).toBe("after");
  });
});

describe("a bulkhead as a policy", () => {
  it("holds its slot while the operation runs, whether that succeeds or fails", async () => {
    const { bulkhead } = setup();
    const guarded = compose(bulkhead.policy);
    expect(await guarded.execute(() => bulkhead.inFlight)).toBe(1);
    await expect(guarded.execute(() => Promise.reject(new Error("down")))).rejects.toThrow("down");
    expect(bulkhead.inFlight).toBe(0);
  });

  it("in a pipeline holds its slot until an operation that ignored its timeout has really ended", async () => {
    const { bulkhead, clock } = setup({ maxQueue: 0 });
    const guarded = pipeline({ clock, bulkhead, attemptTimeoutMs: 50 });
    const stubborn = Promise.allSettled([guarded.execute(() => clock.sleep(500))]);
    await clock.advance(100);
    expect(await stubborn).toMatchObject([{ reason: { code: "ATTEMPT_TIMEOUT" } }]);
    expect(bulkhead.inFlight).toBe(1);
    await expect(guarded.execute(() => 1)).rejects.toMatchObject({ code: "QUEUE_FULL" });
    await clock.advance(400);
    expect(bulkhead.inFlight).toBe(0);
    expect(await guarded.execute(() => 1)).toBe(1);
  });

  it("does not count the wait in its queue towards the attempt's timeout", async () => {
    const { bulkhead, clock } = setup();
    const guarded = pipeline({ clock, bulkhead, attemptTimeoutMs: 100 });
    const calls = Promise.all(Array.from({ length: 5 }, () => guarded.execute(() => clock.sleep(80))));
    await clock.advance(500);
    await calls;
    expect(clock.pending).toBe(0);
  });

  it("does not hold the wait in its queue against the target, however it ends", async () => {
    const { bulkhead, clock, ask } = setup({ maxQueue: 1 });
    ask("runs");
    const breaker = createCircuitBreaker({ clock, failureThreshold: 1 });
    const guarded = pipeline({ clock, bulkhead, breaker, timeoutMs: 50, attemptTimeoutMs: 20 });
    const late = Promise.allSettled([guarded.execute(() => expect.unreachable())]);
    await expect(guarded.execute(() => expect.unreachable())).rejects.toMatchObject({ code: "QUEUE_FULL" });
    await clock.advance(100);
    expect(await late).toMatchObject([{ reason: { code: "DEADLINE_EXCEEDED" } }]);
    expect(bulkhead.queueLength).toBe(0);
    expect(breaker.state).toEqual({ status: "closed", consecutiveFailures: 0 });
  });

  it("gives its slot back when the call is over before the operation began", async () => {
    const { bulkhead, clock, ask, end } = setup();
    ask("runs");
    const late = pipeline({ clock, bulkhead, timeoutMs: 50 }).execute(() => expect.unreachable());
    const settled = Promise.allSettled([late]);
    await clock.advance(100);
    expect(await settled).toMatchObject([{ reason: { code: "DEADLINE_EXCEEDED" } }]);
    await end();
    expect(bulkhead.inFlight).toBe(0);
  });
});
