import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createScaler, rangeOf, type ScalerSample } from "./scaler.ts";

const range = rangeOf(
  { min: 1, max: 8, targetInFlight: 4, upCooldownMs: 1_000, downCooldownMs: 30_000 },
  undefined,
);
const sample = (
  nowMs: number,
  replicas: number,
  inFlight: number,
  more: Partial<ScalerSample> = {},
): ScalerSample => ({
  nowMs,
  replicas,
  serving: replicas,
  starting: 0,
  inFlight,
  queued: 0,
  waitedMs: 0,
  ...more,
});

describe("a scaler", () => {
  it("adds replicas when calls wait, or when all are busy, at most doubling them", () => {
    expect(createScaler(range).decide(sample(0, 1, 3))).toBeUndefined();
    expect(createScaler(range).decide(sample(0, 1, 4))).toMatchObject({
      replicas: 2,
      reason: "replicas are busy to 100 %",
    });
    const waiting = { queued: 40, waitedMs: 150 };
    expect(createScaler(range).decide(sample(0, 2, 1, waiting))).toMatchObject({
      replicas: 4,
      reason: "calls wait for 150 ms",
    });
    expect(createScaler(range).decide(sample(0, 2, 1, { queued: 40, waitedMs: 50 }))).toBeUndefined();
    expect(createScaler(range).decide(sample(0, 7, 28, waiting))?.replicas).toBe(8);
    expect(createScaler(range).decide(sample(0, 8, 32, waiting))).toBeUndefined();
  });

  it("waits for those that start already, and for the cooldown, but not for one that does not start", () => {
    const scaler = createScaler(range);
    expect(scaler.decide(sample(0, 2, 8, { serving: 1, starting: 1 }))).toBeUndefined();
    expect(scaler.decide(sample(100, 2, 8))?.replicas).toBe(3);
    expect(scaler.decide(sample(600, 3, 12))).toBeUndefined();
    // The third one is in a crash loop.
    expect(scaler.decide(sample(1_200, 3, 8, { serving: 2 }))?.replicas).toBe(4);
  });

  it("takes one away after a long quiet, then the next, and begins to count anew after any busy moment", () => {
    const scaler = createScaler(range);
    expect(scaler.decide(sample(0, 4, 2))).toBeUndefined();
    expect(scaler.decide(sample(29_000, 4, 2))).toBeUndefined();
    expect(scaler.decide(sample(29_500, 4, 7))).toBeUndefined();
    expect(scaler.decide(sample(31_000, 4, 2))).toBeUndefined();
    expect(scaler.decide(sample(61_000, 4, 2))).toMatchObject({ replicas: 3, reason: "quiet for 30 s" });
    expect(scaler.decide(sample(62_000, 3, 2))).toBeUndefined();
    expect(scaler.decide(sample(91_000, 3, 2))?.replicas).toBe(2);
    // Two calls on one replica of four would be fine, but on none of one they are not.
    expect(scaler.decide(sample(121_000, 2, 2))?.replicas).toBe(1);
    expect(scaler.decide(sample(500_000, 1, 0))).toBeUndefined();
  });

  it("does not swing under any steady load", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 1, max: 8 }), (load, from) => {
        const scaler = createScaler(range);
        let replicas = from;
        let changes: number[] = [];
        for (let nowMs = 0; nowMs < 1_000_000; nowMs += 500) {
          const room = replicas * 4;
          const queued = Math.max(0, load - room);
          const decided = scaler.decide(
            sample(nowMs, replicas, Math.min(load, room), { queued, waitedMs: queued > 0 ? 200 : 0 }),
          );
          if (decided === undefined) continue;
          changes.push(decided.replicas - replicas);
          replicas = decided.replicas;
          expect(replicas).toBeGreaterThanOrEqual(1);
          expect(replicas).toBeLessThanOrEqual(8);
        }
        // Up as far as needed, or down as far as possible, but never one after the other.
        changes = changes.map(Math.sign);
        expect(new Set(changes).size).toBeLessThanOrEqual(1);
      }),
    );
  });

  it("refuses numbers that contradict each other", () => {
    expect(rangeOf(3, undefined)).toMatchObject({ min: 3, max: 3, targetInFlight: 4 });
    expect(rangeOf({ max: 2 }, 7)).toMatchObject({ min: 1, max: 2, targetInFlight: 7 });
    for (const wrong of [{ min: 0 }, { min: 3, max: 2 }, { max: 1_000 }, { scaleUpRatio: 0.4 }, { min: 1.5 }])
      expect(() => rangeOf(wrong, undefined)).toThrow(/replicas\.\w+ is out of range/);
  });
});
