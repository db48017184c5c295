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
