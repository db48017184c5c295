import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CallWindow, figuresOf, WINDOW_MS } from "./call-window.ts";
import { BUCKETS, bucketOf, middleOf } from "./latency-histogram.ts";

describe("latency histogram", () => {
  it("is right to about 6 % between 16 µs and an hour", () => {
    fc.assert(
      fc.property(fc.double({ min: 0.0157, max: 3_600_000, noNaN: true }), (durationMs) => {
        expect(Math.abs(middleOf(bucketOf(durationMs)) / durationMs - 1)).toBeLessThan(0.0626);
      }),
    );
  });

  it("keeps what is out of range in its outermost buckets", () => {
    expect([0, -1, 1e-9].map(bucketOf)).toEqual([0, 0, 0]);
    expect([1e12, Number.POSITIVE_INFINITY].map(bucketOf)).toEqual([BUCKETS - 1, BUCKETS - 1]);
  });
});

describe("CallWindow", () => {
  it("says nothing happened when nothing did", () => {
    expect(new CallWindow(1_000).figures(1_000)).toEqual({
      calls: 0,
      failed: 0,
      cancelled: 0,
      throughput: 0,
      errorRate: 0,
      latencyMs: { mean: 0, p50: 0, p95: 0, p99: 0, max: 0 },
    });
  });

  it("counts outcomes, and times what was not cancelled", () => {
    const window = new CallWindow(0);
    for (let call = 1; call <= 100; call++)
      window.record(call * 100, call, call % 10 === 0 ? "failed" : "ok");
    window.record(10_000, 5_000, "cancelled");
    const { latencyMs, ...counts } = window.figures(10_000);
    expect(counts).toEqual({ calls: 101, failed: 10, cancelled: 1, throughput: 10.1, errorRate: 0.1 });
    expect(latencyMs).toMatchObject({ mean: 50.5, max: 100 });
    expect(latencyMs.p50).toBeGreaterThan(46);
    expect(latencyMs.p50).toBeLessThan(54);
    expect(latencyMs.p99).toBeGreaterThan(92);
    expect(latencyMs.p99).toBeLessThanOrEqual(100);
  });

  it("forgets what is older than a minute, whatever the traffic", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({ gapMs: fc.integer({ min: 0, max: 30_000 }), ms: fc.integer({ min: 1, max: 50 }) }),
        ),
        fc.integer({ min: 0, max: 200_000 }),
        (calls, idleMs) => {
          const window = new CallWindow(0);
          let now = 0;
          const times = calls.map(({ gapMs, ms }) => {
            now += gapMs;
            window.record(now, ms, "ok");
            return now;
          });
          now += idleMs;
          const seen = window.figures(now).calls;
          expect(seen).toBeLessThanOrEqual(times.filter((time) => time > now - WINDOW_MS).length);
          expect(seen).toBeGreaterThanOrEqual(
            times.filter((time) => time > now - WINDOW_MS * (5 / 6)).length,
          );
        },
      ),
    );
  });

  it("adds up over several", () => {
    const [first, second] = [new CallWindow(0), new CallWindow(0)];
    first.record(500, 10, "ok");
    second.record(600, 30, "failed");
    expect(figuresOf([first, second], 1_000)).toMatchObject({
      calls: 2,
      errorRate: 0.5,
      throughput: 2,
      latencyMs: { mean: 20, max: 30 },
    });
  });
});
