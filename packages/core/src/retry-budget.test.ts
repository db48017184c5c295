import { describe, expect, it } from "vitest";
import { createFakeClock } from "./fake-clock.ts";
import { createRetryBudget } from "./retry-budget.ts";

describe("the retry budget", () => {
  it("gives one extra attempt per five calls by default, none of them in advance", () => {
    const budget = createRetryBudget({ clock: createFakeClock() });
    let granted = 0;
    for (let call = 0; call < 1_000; call += 1) {
      budget.deposit();
      if (budget.tryWithdraw()) granted += 1;
    }
    expect(granted).toBe(200);
  });

  it("saves no more than maxTokens", () => {
    const budget = createRetryBudget({ maxTokens: 3, clock: createFakeClock() });
    for (let call = 0; call < 1_000; call += 1) budget.deposit();
    expect(budget.balance).toBe(3);
    expect([1, 2, 3, 4].map(() => budget.tryWithdraw())).toEqual([true, true, true, false]);
  });

  it("earns floorPerSecond without traffic, and only the larger of floor and ratio with it", async () => {
    const clock = createFakeClock();
    const budget = createRetryBudget({ floorPerSecond: 2, clock });
    await clock.advance(1_500);
    expect(budget.balance).toBe(3);
    for (let call = 0; call < 25; call += 1) budget.deposit();
    expect(budget.balance).toBe(5);
    await clock.advance(500);
    expect(budget.balance).toBe(5);
    expect([1, 2, 3, 4, 5, 6].map(() => budget.tryWithdraw())).toEqual([true, true, true, true, true, false]);
  });

  it("lets a failure right after the start be retried, as often as it was told", () => {
    const budget = createRetryBudget({ initialTokens: 2, clock: createFakeClock() });
    expect([1, 2, 3].map(() => budget.tryWithdraw())).toEqual([true, true, false]);
    expect(() => createRetryBudget({ initialTokens: 11 })).toThrow(/^initialTokens /);
  });

  it("names the option that is out of range", () => {
    expect(() => createRetryBudget({ ratio: 1.5 })).toThrow(
      new RangeError("ratio must be a number from 0 to 1, got 1.5"),
    );
    expect(() => createRetryBudget({ maxTokens: 0 })).toThrow(/^maxTokens /);
    expect(() => createRetryBudget({ floorPerSecond: Number.NaN })).toThrow(/^floorPerSecond /);
  });
});
