// The rate limiter against a bucket that is filled and emptied token by token.
import fc from "fast-check";
import type { createRateLimiter } from "../../src/rate-limiter.ts";
import { createFakeClock } from "../../src/testing.ts";

const options = fc.record({
  intervalMs: fc.integer({ min: 1, max: 50 }),
  burst: fc.integer({ min: 1, max: 8 }),
});
const step = fc.record({ afterMs: fc.nat(80), weight: fc.nat(8) });

interface Bucket {
  /** Takes the tokens if they are there. */
  take(now: number, weight: number): boolean;
}

function createBucket(intervalMs: number, burst: number): Bucket {
  let tokens = burst;
  let at = 0;
  return {
    take(now, weight) {
      tokens = Math.min(burst, tokens + (now - at) / intervalMs);
      at = now;
      if (tokens + 1e-6 < weight) return false;
      tokens -= weight;
      return true;
    },
  };
}

/** Throws when calls pass that must not, or the other way round. */
export function checkLimiter(create: typeof createRateLimiter, seed: number): void {
  fc.assert(
    fc.property(options, fc.array(step, { minLength: 1, maxLength: 80 }), ({ intervalMs, burst }, steps) => {
      let now = 0;
      const clock = { now: () => now, sleep: () => Promise.resolve() };
      const limiter = create({ ratePerSecond: 1_000 / intervalMs, burst, clock });
      const bucket = createBucket(intervalMs, burst);
      for (const { afterMs, weight } of steps) {
        now += afterMs;
        const counted = Math.min(weight, burst);
        const passed = limiter.tryAcquire(counted);
        if (passed !== bucket.take(now, counted))
          throw new Error(`weight ${counted} passed: ${passed} at ${now}`);
      }
    }),
    { seed, numRuns: 400 },
  );
}

/** Throws when waiting callers pass out of turn, too early, or later than they could. */
export async function checkLimiterQueue(create: typeof createRateLimiter, seed: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(
      options,
      fc.array(step, { minLength: 1, maxLength: 20 }),
      async ({ intervalMs, burst }, steps) => {
        const clock = createFakeClock();
        const limiter = create({ ratePerSecond: 1_000 / intervalMs, burst, clock });
        const passed: { caller: number; at: number }[] = [];
        const callers = steps.map(({ afterMs, weight }) => ({ afterMs, weight: Math.min(weight, burst) }));
        const arrivals: number[] = [];
        for (const [caller, { afterMs, weight }] of callers.entries()) {
          await clock.advance(afterMs);
          arrivals.push(clock.now());
          void limiter.acquire({ weight }).then(() => passed.push({ caller, at: clock.now() }));
          if (limiter.tryAcquire(0) && limiter.queueLength > 0)
            throw new Error("a newcomer overtook the queue");
        }
        await clock.advance(20 * 8 * 50);
        let fullAt = Number.NEGATIVE_INFINITY;
        let before = 0;
        for (const [caller, { weight }] of callers.entries()) {
          const ready = Math.max(arrivals[caller] ?? 0, before, fullAt + (weight - burst) * intervalMs);
          fullAt = Math.max(fullAt, ready) + weight * intervalMs;
          before = ready;
          const actual = passed[caller];
          if (actual?.caller !== caller || Math.abs(actual.at - ready) > 1e-3)
            throw new Error(`caller ${caller} was due at ${ready}, passed as ${JSON.stringify(actual)}`);
        }
      },
    ),
    { seed, numRuns: 60 },
  );
}
