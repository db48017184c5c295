import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type BackoffKind, createBackoff } from "./backoff.ts";
import { createSeededRandom } from "./seeded-random.ts";

describe("backoff", () => {
  it("doubles up to the cap when it is exponential", () => {
    const backoff = createBackoff({ kind: "exponential", baseDelayMs: 100, maxDelayMs: 1_000 });
    expect([1, 2, 3, 4, 5, 2_000].map((attempt) => backoff.delayMs(attempt))).toEqual([
      100, 200, 400, 800, 1_000, 1_000,
    ]);
  });

  it("stays at the base when it is constant", () => {
    const backoff = createBackoff({ kind: "constant", baseDelayMs: 70 });
    expect([backoff.delayMs(1), backoff.delayMs(9)]).toEqual([70, 70]);
  });

  it.each([
    ["full-jitter", 0, 0],
    ["full-jitter", 0.5, 200],
    ["equal-jitter", 0, 200],
    ["equal-jitter", 0.5, 300],
    ["decorrelated-jitter", 0, 100],
    ["decorrelated-jitter", 0.5, 350],
  ] as const)("of kind %s draws %d as %d ms", (kind, drawn, expected) => {
    const backoff = createBackoff({ kind, baseDelayMs: 100, random: () => drawn });
    expect(backoff.delayMs(3, 200)).toBe(expected);
  });

  it("is a finite delay within its bounds for any attempt number and previous delay", () => {
    const kind = fc.constantFrom<BackoffKind>(
      "exponential",
      "full-jitter",
      "equal-jitter",
      "decorrelated-jitter",
      "constant",
    );
    fc.assert(
      fc.property(kind, fc.integer(), fc.integer({ min: 1, max: 1e9 }), fc.nat(5_000), (...drawn) => {
        const [kindDrawn, seed, attempt, baseDelayMs] = drawn;
        const options = { kind: kindDrawn, baseDelayMs, maxDelayMs: 5_000, random: createSeededRandom(seed) };
        const backoff = createBackoff(options);
        let delay = backoff.delayMs(1);
        for (const number of [attempt, attempt + 1, 1_025, 2 ** 40]) {
          delay = backoff.delayMs(number, delay);
          expect(delay).toBeGreaterThanOrEqual(0);
          expect(delay).toBeLessThanOrEqual(5_000);
        }
      }),
    );
  });

  it("names the option that is out of range", () => {
    expect(() => createBackoff({ factor: 0.5 })).toThrow(/^factor must be a number from 1 .* got 0.5$/);
    expect(() => createBackoff({ baseDelayMs: 50, maxDelayMs: 10 })).toThrow(/^maxDelayMs /);
    expect(() => createBackoff({ kind: "linear" as BackoffKind })).toThrow(/^kind must be one of /);
    expect(() => createBackoff().delayMs(0)).toThrow(/^attempt must be a whole number from 1 /);
  });
});
