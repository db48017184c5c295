import { describe, expect, it } from "vitest";
import type { CallContext } from "./call-context.ts";
import { type CircuitBreaker, createCircuitBreaker } from "./circuit-breaker.ts";
import { createFakeClock, type FakeClock } from "./fake-clock.ts";
import { createStreamGuard, type StreamGuard } from "./stream-guard.ts";

interface Setup {
  readonly clock: FakeClock;
  readonly breaker: CircuitBreaker;
  readonly guard: StreamGuard;
}

function setup(): Setup {
  const clock = createFakeClock();
  const breaker = createCircuitBreaker({ clock, failureThreshold: 1 });
  const guard = createStreamGuard({
    clock,
    breaker,
    firstItemTimeoutMs: 100,
    idleTimeoutMs: 50,
    timeoutMs: 1_000,
  });
  return { clock, breaker, guard };
}

/** Sends 1, 2, 3 … each after the pause told for it, then fails or ends. */
async function* sending(
  clock: FakeClock,
  pausesMs: readonly number[],
  error?: Error,
): AsyncGenerator<number> {
  for (const [index, ms] of pausesMs.entries()) {
    await clock.sleep(ms);
    yield index + 1;
  }
  if (error !== undefined) throw error;
}

async function collect(stream: AsyncIterable<number>): Promise<{ items: number[]; error: unknown }> {
  const items: number[] = [];
  try {
    for await (const item of stream) items.push(item);
  } catch (error) {
    return { items, error };
  }
  return { items, error: undefined };
}

describe("the stream guard", () => {
  it("passes a stream through and counts it as a success when it has ended", async () => {
    const { clock, breaker, guard } = setup();
    breaker.forceOpen("test");
    breaker.reset();
    const reading = collect(guard.read(async () => sending(clock, [90, 40, 40])));
    await clock.advance(500);
    expect(await reading).toEqual({ items: [1, 2, 3], error: undefined });
    expect(breaker.state).toEqual({ status: "closed", consecutiveFailures: 0 });
    expect(clock.pending).toBe(0);
  });

  it("counts a stream that breaks off as a failure, though it had begun well", async () => {
    const { clock, breaker, guard } = setup();
    const reading = collect(guard.read(() => sending(clock, [10, 10], new Error("connection reset"))));
    await clock.advance(500);
    expect(await reading).toEqual({ items: [1, 2], error: new Error("connection reset") });
    expect(breaker.state.status).toBe("open");
  });

  it.each([
    ["opened", () => new Promise<never>(() => {}), 0],
    ["begun", (clock: FakeClock) => sending(clock, [150]), 0],
  ])("gives up a stream that is not %s in time", async (_, open, received) => {
    const { clock, breaker, guard } = setup();
    let signal: AbortSignal | undefined;
    const reading = collect(
      guard.read<number>((context) => {
        signal = context.signal;
        return open(clock);
      }),
    );
    await clock.advance(500);
    const { items, error } = await reading;
    expect(items).toHaveLength(received);
    expect(error).toMatchObject({ code: "FIRST_ITEM_TIMEOUT", timeoutMs: 100 });
    expect(signal?.reason).toBe(error);
    expect(breaker.state.status).toBe("open");
    expect(clock.pending).toBe(0);
  });

  it("gives up a stream that falls silent", async () => {
    const { clock, guard } = setup();
    const reading = collect(guard.read(() => sending(clock, [10, 10, 80])));
    await clock.advance(500);
    expect(await reading).toMatchObject({
      items: [1, 2],
      error: { code: "IDLE_TIMEOUT", timeoutMs: 50, received: 2 },
    });
  });

  it("gives up a stream that never ends", async () => {
    const { clock, guard } = setup();
    const reading = collect(
      guard.read(() =>
        sending(
          clock,
          Array.from({ length: 100 }, () => 40),
        ),
      ),
    );
    await clock.advance(2_000);
    const { items, error } = await reading;
    expect(items.length).toBeGreaterThanOrEqual(24);
    expect(items.length).toBeLessThanOrEqual(25);
    expect(error).toMatchObject({ code: "DEADLINE_EXCEEDED", timeoutMs: 1_000 });
    expect(clock.pending).toBe(0);
  });

  it("does not hold the reader's own pauses against the stream", async () => {
    const { clock, breaker, guard } = setup();
    const stream = guard.read(() => sending(clock, [10, 10]));
    const reading = (async () => {
      for await (const item of stream) await clock.sleep(item * 200);
    })();
    await clock.advance(900);
    await reading;
    expect(breaker.state.status).toBe("closed");
  });

  it("stops the stream when the reader does, and counts it neither way", async () => {
    const { clock, breaker, guard } = setup();
    let context: CallContext | undefined;
    let cleanedUp = false;
    async function* endless(): AsyncGenerator<number> {
      try {
        for (;;) yield 1;
      } finally {
        cleanedUp = true;
      }
    }
    for await (const item of guard.read((given) => {
      context = given;
      return endless();
    }))
      if (item === 1) break;
    await clock.advance(20);
    expect(context?.signal.aborted).toBe(true);
    expect(cleanedUp).toBe(true);
    expect(breaker.state).toEqual({ status: "closed", consecutiveFailures: 0 });
    expect(clock.pending).toBe(0);
  });

  it("ends with the caller's signal, which is not the stream's fault", async () => {
    const { clock, breaker, guard } = setup();
    const controller = new AbortController();
    const reading = collect(guard.read(() => sending(clock, [10, 40, 40]), controller));
    await clock.advance(20);
    controller.abort(new Error("client left"));
    expect(await reading).toEqual({ items: [1], error: new Error("client left") });
    expect(breaker.state.status).toBe("closed");
    expect(await collect(guard.read(() => sending(clock, []), controller))).toMatchObject({ items: [] });
    await clock.advance(100);
    expect(clock.pending).toBe(0);
  });

  it("is refused by an open breaker without being opened", async () => {
    const { breaker, guard } = setup();
    breaker.forceOpen("test");
    const { error } = await collect(guard.read(() => expect.unreachable()));
    expect(error).toMatchObject({ code: "CIRCUIT_OPEN", retryAfterMs: Infinity });
  });

  it("names the option that is out of range", () => {
    expect(() => createStreamGuard({ firstItemTimeoutMs: 0 })).toThrow(/^firstItemTimeoutMs must .* got 0$/);
    expect(() => createStreamGuard({ idleTimeoutMs: 0 })).toThrow(/^idleTimeoutMs must .* got 0$/);
    expect(() => createStreamGuard({ timeoutMs: -1 })).toThrow(/^timeoutMs must .* got -1$/);
  });
});
