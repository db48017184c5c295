import { describe, expect, it } from "vitest";
import { systemClock } from "./clock.ts";

describe("the system clock", () => {
  it("never runs backwards", () => {
    const before = systemClock.now();
    expect(systemClock.now()).toBeGreaterThanOrEqual(before);
  });

  it("sleeps, and rejects a sleep with the signal's reason when it is aborted", async () => {
    await systemClock.sleep(0);
    const controller = new AbortController();
    const sleeping = systemClock.sleep(1e12, controller.signal);
    controller.abort("enough");
    await expect(sleeping).rejects.toBe("enough");
    await expect(systemClock.sleep(1, controller.signal)).rejects.toBe("enough");
  });
});
