import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createFakeClock } from "./fake-clock.ts";
import { createTimerWheel } from "./timer-wheel.ts";

describe("the fake clock", () => {
  it("runs what is due in order of time, and what that sets off as well", async () => {
    const clock = createFakeClock(1_000);
    const log: string[] = [];
    clock.setTimer(() => log.push(`timer at ${clock.now()}`), 30);
    const sleeper = (async () => {
      await clock.sleep(10);
      log.push(`woke at ${clock.now()}`);
      await clock.sleep(10);
      log.push(`woke again at ${clock.now()}`);
    })();
    await clock.advance(50);
    await sleeper;
    expect(log).toEqual(["woke at 1010", "woke again at 1020", "timer at 1030"]);
    expect(clock.now()).toBe(1_050);
  });

  it("runs any number of timers in order of time, of equal ones the first set first", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ ms: fc.nat(50), cancelled: fc.boolean() }), { maxLength: 60 }),
        async (timers) => {
          const clock = createFakeClock();
          const ran: number[] = [];
          const cancels = timers.map(({ ms }, index) => clock.setTimer(() => ran.push(index), ms));
          for (const [index, { cancelled }] of timers.entries()) if (cancelled) cancels[index]?.();
          await clock.advance(50);
          const expected = timers
            .map((timer, index) => ({ ...timer, index }))
            .filter(({ cancelled }) => !cancelled)
            .sort((a, b) => a.ms - b.ms || a.index - b.index);
          expect(ran).toEqual(expected.map(({ index }) => index));
          expect(clock.pending).toBe(0);
        },
      ),
    );
  });

  it("keeps what is not due yet, and forgets what is cancelled or aborted", async () => {
    const clock = createFakeClock();
    const controller = new AbortController();
    const cancel = clock.setTimer(() => expect.unreachable(), 20);
    const sleeping = clock.sleep(20, controller.signal);
    await clock.advance(19);
    expect(clock.pending).toBe(2);
    cancel();
    controller.abort(new Error("stop"));
    await expect(sleeping).rejects.toThrow("stop");
    await expect(clock.sleep(1, controller.signal)).rejects.toThrow("stop");
    expect(clock.pending).toBe(0);
  });

  it("drives a timer wheel", async () => {
    const clock = createFakeClock();
    const wheel = createTimerWheel({ clock });
    const fired: number[] = [];
    wheel.schedule(60_000, () => fired.push(clock.now()));
    await clock.advance(60_000);
    await clock.advance(20);
    expect(fired).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });
});
