import { describe, expect, it } from "vitest";
import type { CallContext } from "./call-context.ts";
import { compose } from "./compose.ts";
import { createFakeClock } from "./fake-clock.ts";
import { createSingleFlight } from "./single-flight.ts";

describe("single flight", () => {
  it("runs one operation for all callers of a key at the same time, and a new one afterwards", async () => {
    const clock = createFakeClock();
    const flights = createSingleFlight();
    const shared = compose(flights.policy);
    let runs = 0;
    const operation = async (): Promise<number> => {
      runs += 1;
      await clock.sleep(10);
      return runs;
    };
    const calls = ["a", "a", "b", "a"].map((key) => shared.execute(operation, { key }));
    await clock.advance(10);
    expect(await Promise.all(calls)).toEqual([2, 2, 2, 2]);
    expect(runs).toBe(2);
    expect(flights.size).toBe(0);
    const again = shared.execute(operation, { key: "a" });
    await clock.advance(10);
    expect(await again).toBe(3);
  });

  it("shares errors, thrown at once too, and nothing where there is no key", async () => {
    const shared = compose(createSingleFlight().policy);
    let runs = 0;
    const fail = (): never => {
      runs += 1;
      throw new Error(`down ${runs}`);
    };
    const settled = await Promise.allSettled([1, 2].map(() => shared.execute(fail, { key: "a" })));
    expect(settled.map((each) => each.status === "rejected" && String(each.reason))).toEqual([
      "Error: down 1",
      "Error: down 1",
    ]);
    await Promise.allSettled([shared.execute(fail), shared.execute(fail)]);
    expect(runs).toBe(3);
  });

  it("lets each caller leave on its own, and ends the operation with the last one", async () => {
    const shared = compose(createSingleFlight().policy);
    const controllers = [new AbortController(), new AbortController()] as const;
    let inner: CallContext | undefined;
    const operation = (context: CallContext): Promise<never> => {
      inner = context;
      return new Promise((_, reject) =>
        context.signal.addEventListener("abort", () => reject(context.signal.reason)),
      );
    };
    const calls = controllers.map((controller) =>
      shared.execute(operation, { key: "a", signal: controller.signal }),
    );
    await createFakeClock().advance(0);
    controllers[0].abort(new Error("first left"));
    await expect(calls[0]).rejects.toThrow("first left");
    expect(inner?.signal.aborted).toBe(false);
    controllers[1].abort(new Error("second left"));
    await expect(calls[1]).rejects.toThrow("second left");
    expect(inner?.signal.aborted).toBe(true);
    expect(await shared.execute(() => "fresh", { key: "a" })).toBe("fresh");
  });
});
