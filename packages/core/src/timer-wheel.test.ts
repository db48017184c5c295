import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createFakeClock } from "./fake-clock.ts";
import { createTimerWheel } from "./timer-wheel.ts";

describe("the timer wheel", () => {
  it("never fires early, and less than two ticks late", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ after: fc.nat(300), delay: fc.oneof(fc.nat(20), fc.nat(9_000)) }), {
          minLength: 1,
          maxLength: 20,
        }),
        fc.integer({ min: 5, max: 40 }),
        async (timers, tickMs) => {
          const clock = createFakeClock(12_345);
          const wheel = createTimerWheel({ clock, tickMs });
          const late: number[] = [];
          for (const { after, delay } of timers) {
            await clock.advance(after);
            const due = clock.now() + delay;
            wheel.schedule(delay, (expected: number) => late.push(clock.now() - expected), due);
          }
          await clock.advance(9_000 + 3 * tickMs);
          expect(late).toHaveLength(timers.length);
          expect(Math.min(...late)).toBeGreaterThanOrEqual(0);
          expect(Math.max(...late)).toBeLessThan(2 * tickMs);
          expect(clock.pending).toBe(0);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("runs what has no delay at the next tick", async () => {
    const clock = createFakeClock();
    const wheel = createTimerWheel({ clock });
    let fired = false;
    wheel.schedule(0, () => {
      fired = true;
    });
    expect(fired).toBe(false);
    await clock.advance(10);
    expect(fired).toBe(true);
  });

  it("does not fire what was cancelled, before or after it was sorted into a slot", async () => {
    const clock = createFakeClock();
    const wheel = createTimerWheel({ clock });
    const early = wheel.schedule(50, () => expect.unreachable());
    const sorted = wheel.schedule(50, () => expect.unreachable());
    wheel.cancel(early);
    await clock.advance(20);
    wheel.cancel(sorted);
    wheel.cancel(sorted);
    expect(wheel.size).toBe(0);
    await clock.advance(100);
    expect(clock.pending).toBe(0);
  });

  it("lets a callback cancel its neighbour that is due in the same tick", async () => {
    const clock = createFakeClock();
    const wheel = createTimerWheel({ clock });
    wheel.schedule(30, () => wheel.cancel(neighbour));
    const neighbour = wheel.schedule(30, () => expect.unreachable());
    await clock.advance(60);
    expect(wheel.size).toBe(0);
  });

  it("stops ticking when it is empty, and starts again", async () => {
    const clock = createFakeClock();
    const wheel = createTimerWheel({ clock });
    for (let round = 0; round < 2; round += 1) {
      let fired = false;
      wheel.schedule(5, () => {
        fired = true;
      });
      expect(clock.pending).toBe(1);
      await clock.advance(30);
      expect(fired).toBe(true);
      expect(clock.pending).toBe(0);
    }
  });

  it("lets the event loop take one turn before it expires anything after a stall", () => {
    let now = 0;
    const timers: { callback: () => void; ms: number }[] = [];
    const clock = {
      now: () => now,
      sleep: () => Promise.resolve(),
      setTimer: (callback: () => void, ms: number) => {
        timers.push({ callback, ms });
        return () => {};
      },
    };
    const runNext = (): void => timers.shift()?.callback();
    const wheel = createTimerWheel({ clock });
    let fired = false;
    wheel.schedule(100, () => {
      fired = true;
    });
    now = 10;
    runNext();
    now = 5_000;
    runNext();
    expect(fired).toBe(false);
    expect(timers).toMatchObject([{ ms: 1 }]);
    runNext();
    expect(fired).toBe(true);
  });

  it("refuses a delay or tick that is no duration", () => {
    expect(() => createTimerWheel({ tickMs: 0 })).toThrow(
      new RangeError("tickMs must be a finite number of milliseconds above 0, got 0"),
    );
    const wheel = createTimerWheel({ clock: createFakeClock() });
    expect(() => wheel.schedule(Number.NaN, () => {})).toThrow(RangeError);
    expect(() => wheel.schedule(-1, () => {})).toThrow(RangeError);
    expect(wheel.size).toBe(0);
  });
});
