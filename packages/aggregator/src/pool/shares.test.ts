import { createFakeClock } from "@fairlead/core/testing";
import { describe, expect, it } from "vitest";
import { createShares } from "./shares.ts";

describe("shares", () => {
  it("are exceeded by whoever has had more slots than the average of all", async () => {
    const clock = createFakeClock();
    const shares = createShares(clock);
    for (let at = 0; at < 4; at++) shares.granted("greedy");
    shares.granted("ada");
    shares.granted("bob");
    await clock.advance(10_000);
    shares.refresh();
    // 4, 1 and 1 slots: 2 each would be fair.
    expect(shares.excessOf("greedy")).toBeCloseTo(2, 2);
    expect(shares.excessOf("ada")).toBe(0);
    expect(shares.excessOf("nobody")).toBe(0);
  });

  it("count how long slots were held, not how many", async () => {
    const clock = createFakeClock();
    const shares = createShares(clock);
    shares.granted("long");
    for (let at = 0; at < 100; at++) {
      shares.granted("short");
      await clock.advance(1);
      shares.ended("short");
      await clock.advance(9);
    }
    shares.refresh();
    expect(shares.excessOf("long")).toBeGreaterThan(0.2);
    expect(shares.excessOf("short")).toBe(0);
  });

  it("are forgotten after a while, and nobody has too much before they are known", async () => {
    const clock = createFakeClock();
    const shares = createShares(clock);
    shares.granted("a");
    await clock.advance(1_000);
    expect(shares.excessOf("a")).toBe(0);
    shares.granted("b");
    shares.refresh();
    expect(shares.excessOf("a")).toBeGreaterThan(0);
    shares.ended("a");
    shares.ended("b");
    shares.ended("unknown");
    await clock.advance(10_000);
    shares.refresh();
    shares.granted("b");
    await clock.advance(1_000);
    shares.refresh();
    expect(shares.excessOf("b")).toBe(0);
  });
});
