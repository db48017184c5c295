import { describe, expect, it } from "vitest";
import { createCircuitRegistry } from "./circuit-registry.ts";
import type { CircuitEvent } from "./circuit-state.ts";
import { createFakeClock } from "./fake-clock.ts";

describe("the circuit registry", () => {
  it("gives every key a breaker of its own, named in its events", () => {
    const events: CircuitEvent[] = [];
    const registry = createCircuitRegistry({ failureThreshold: 1, onEvent: (event) => events.push(event) });
    const breaker = registry.get("alpha");
    breaker.release(breaker.tryAcquire(), "failure");
    expect(registry.get("alpha")).toBe(breaker);
    expect(registry.get("beta").state.status).toBe("closed");
    expect(events).toMatchObject([{ name: "alpha", to: "open" }]);
    expect([...registry.entries()].map(([key]) => key)).toEqual(["alpha", "beta"]);
  });

  it("never keeps more than maxKeys, and forgets those that are not used first", () => {
    const registry = createCircuitRegistry({ maxKeys: 100, clock: createFakeClock() });
    const used = registry.get("used");
    for (let key = 0; key < 10_000; key += 1) {
      registry.get(`key-${key}`);
      expect(registry.get("used")).toBe(used);
      expect(registry.size).toBeLessThanOrEqual(100);
    }
  });

  it("keeps a breaker that is open while closed ones come and go", () => {
    const registry = createCircuitRegistry({ maxKeys: 10, clock: createFakeClock() });
    registry.get("broken").forceOpen("test");
    for (let key = 0; key < 1_000; key += 1) registry.get(`key-${key}`);
    expect(registry.get("broken").state.status).toBe("open");
  });

  it("forgets idle keys in time, and then holds no timer", async () => {
    const clock = createFakeClock();
    const registry = createCircuitRegistry({ idleMs: 1_000, clock });
    const first = registry.get("alpha");
    await clock.advance(900);
    expect(registry.get("alpha")).toBe(first);
    await clock.advance(2_200);
    expect(registry.size).toBe(0);
    expect(clock.pending).toBe(0);
    expect(registry.get("alpha")).not.toBe(first);
  });

  it("tells wrong options at once", () => {
    expect(() => createCircuitRegistry({ failureThreshold: 0 })).toThrow(/^failureThreshold must .* got 0$/);
    expect(() => createCircuitRegistry({ maxKeys: 1 })).toThrow(/^maxKeys must .* got 1$/);
    expect(() => createCircuitRegistry({ idleMs: 0 })).toThrow(/^idleMs must .* got 0$/);
  });
});
