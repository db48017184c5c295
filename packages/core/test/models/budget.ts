// The retry budget against a ledger in whole hundredths of a token.
import fc from "fast-check";
import type { createRetryBudget } from "../../src/retry-budget.ts";

const options = fc.record({
  percent: fc.integer({ min: 0, max: 100 }),
  floorPerSecond: fc.nat(20),
  maxTokens: fc.integer({ min: 1, max: 20 }),
});

const step = fc.oneof(
  fc.record({ kind: fc.constant("calls" as const), count: fc.nat(30) }),
  fc.record({ kind: fc.constant("withdraw" as const), count: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ kind: fc.constant("advance" as const), count: fc.nat(100) }),
);

/** Throws when the budget that `create` makes gives other answers than the ledger. */
export function checkBudget(create: typeof createRetryBudget, seed: number): void {
  fc.assert(
    fc.property(options, fc.array(step, { minLength: 1, maxLength: 60 }), (chosen, steps) => {
      const { percent, floorPerSecond, maxTokens } = chosen;
      let now = 0;
      const budget = create({
        ratio: percent / 100,
        floorPerSecond,
        maxTokens,
        clock: { now: () => now, sleep: () => Promise.resolve() },
      });
      const ledger = { calls: 0, time: 0 };
      let calls = 0;
      let since = 0;
      let granted = 0;
      let allCalls = 0;
      for (const { kind, count } of steps) {
        if (kind === "advance") now += count * 10;
        else if (kind === "calls") {
          for (let call = 0; call < count; call += 1) budget.deposit();
          calls += count;
          allCalls += count;
        } else
          for (let attempt = 0; attempt < count; attempt += 1) {
            ledger.calls = Math.min(maxTokens * 100, ledger.calls + calls * percent);
            ledger.time = Math.min(maxTokens * 100, ledger.time + (floorPerSecond * (now - since)) / 10);
            calls = 0;
            since = now;
            const expected = ledger.calls >= 100 || ledger.time >= 100;
            if (expected) {
              ledger.calls = Math.max(0, ledger.calls - 100);
              ledger.time = Math.max(0, ledger.time - 100);
              granted += 1;
            }
            if (budget.tryWithdraw() !== expected)
              throw new Error(`withdrew ${!expected} with ${JSON.stringify(ledger)} hundredths`);
          }
        const byTime = (floorPerSecond * now) / 1_000;
        if (granted > (allCalls * percent) / 100 + byTime + 1e-6)
          throw new Error(`${granted} granted for ${allCalls} calls in ${now} ms`);
      }
    }),
    { seed, numRuns: 400 },
  );
}
