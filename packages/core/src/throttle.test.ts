import { describe, expect, it } from "vitest";
import type { Pipeline } from "./call-context.ts";
import { compose } from "./compose.ts";
import { CircuitOpenError } from "./errors.ts";
import { createFakeClock } from "./fake-clock.ts";
import { createSeededRandom } from "./seeded-random.ts";
import { createThrottle } from "./throttle.ts";

/** How many of the calls reached the target. */
async function reached(
  throttled: Pipeline,
  calls: number,
  accepts: (call: number) => boolean,
): Promise<number> {
  let sent = 0;
  for (let call = 0; call < calls; call += 1)
    await throttled
      .execute(() => {
        sent += 1;
        if (!accepts(call)) throw new Error("overloaded");
      })
      .catch(() => {});
  return sent;
}

describe("the client-side throttle", () => {
  it("refuses nothing while the target takes at least half of the calls", async () => {
    const throttle = createThrottle({ clock: createFakeClock(), random: createSeededRandom(1) });
    const throttled = compose(throttle.policy);
    expect(await reached(throttled, 500, (call) => call % 2 === 0)).toBe(500);
    expect(throttle.refusedRatio()).toBe(0);
  });

  it("holds back most calls while the target takes none, and none again some time after it recovered", async () => {
    const clock = createFakeClock();
    const throttle = createThrottle({ clock, random: createSeededRandom(1) });
    const throttled = compose(throttle.policy);
    const sent = await reached(throttled, 2_000, () => false);
    expect(sent).toBeGreaterThan(150);
    expect(sent).toBeLessThan(300);
    expect(throttle.refusedRatio()).toBeGreaterThan(0.85);
    await reached(throttled, 2_000, () => true);
    await clock.advance(120_000);
    expect(throttle.refusedRatio()).toBe(0);
  });

  it("says how much it holds back", async () => {
    const throttled = compose(createThrottle({ clock: createFakeClock(), random: () => 0 }).policy);
    await throttled.execute(() => Promise.reject(new Error("overloaded"))).catch(() => {});
    const refused = throttled.execute(() => expect.unreachable());
    await expect(refused).rejects.toMatchObject({ code: "THROTTLED", refusedRatio: 0.5 });
  });

  it("does not count refusals further in, nor callers that left, against the target", async () => {
    const throttle = createThrottle({ clock: createFakeClock(), random: () => 0 });
    const throttled = compose(throttle.policy);
    for (let call = 0; call < 50; call += 1) {
      await throttled.execute(() => Promise.reject(new CircuitOpenError(1))).catch(() => {});
      const controller = new AbortController();
      const left = throttled.execute(
        ({ signal }) =>
          new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
        controller,
      );
      controller.abort(new Error("client left"));
      await left.catch(() => {});
    }
    expect(throttle.refusedRatio()).toBe(0);
  });

  it("names the option that is out of range", () => {
    expect(() => createThrottle({ multiplier: 0.5 })).toThrow(/^multiplier must .* got 0.5$/);
    expect(() => createThrottle({ windowMs: 0 })).toThrow(/^windowMs must .* got 0$/);
    expect(() => createThrottle({ maxRefusedRatio: 2 })).toThrow(/^maxRefusedRatio must .* got 2$/);
  });
});
