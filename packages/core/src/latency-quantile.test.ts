import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createFakeClock } from "./fake-clock.ts";
import { createLatencyQuantile } from "./latency-quantile.ts";

describe("the latency quantile", () => {
  it("is unknown before the warm-up and after idling", async () => {
    const clock = createFakeClock();
    const latency = createLatencyQuantile({ warmUp: 10, maxAgeMs: 1_000, clock });
    for (let call = 0; call < 9; call += 1) latency.record(50);
    expect(latency.value()).toBeUndefined();
    latency.record(50);
    expect(latency.value()).toBe(50);
    await clock.advance(1_000);
    expect(latency.value()).toBeUndefined();
  });

  it("is the exact quantile of the window, but never its longest duration", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 10_000 }), { minLength: 20, maxLength: 300 }),
        fc.constantFrom(0.5, 0.9, 0.95, 0.99),
        (durations, quantile) => {
          const latency = createLatencyQuantile({ quantile, samples: 100, clock: createFakeClock() });
          for (const duration of durations) latency.record(duration);
          const window = durations.slice(-100).sort((a, b) => a - b);
          const index = Math.min(Math.ceil(quantile * window.length) - 1, window.length - 2);
          expect(latency.value()).toBe(window[index]);
        },
      ),
    );
  });

  it("follows a change within a window, though it sorts only now and then", () => {
    const latency = createLatencyQuantile({ samples: 100, clock: createFakeClock() });
    for (let call = 0; call < 100; call += 1) {
      latency.record(10);
      latency.value();
    }
    for (let call = 0; call < 120; call += 1) {
      latency.record(200);
      latency.value();
    }
    expect(latency.value()).toBe(200);
  });
});
