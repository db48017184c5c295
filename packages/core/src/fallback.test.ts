import { describe, expect, it } from "vitest";
import { createFakeClock } from "./fake-clock.ts";
import { createFallback } from "./fallback.ts";
import { pipeline } from "./pipeline.ts";

describe("a fallback", () => {
  it("answers when everything further in has failed, and is told why", async () => {
    const fallback = createFallback({ handle: (error, { key }) => `${key}: ${String(error)}` });
    const guarded = pipeline({ fallback, clock: createFakeClock() });
    expect(await guarded.execute(() => Promise.resolve("fresh"))).toBe("fresh");
    const answer = await guarded.execute<string>(() => Promise.reject(new Error("down")), { key: "alpha" });
    expect(answer).toBe("alpha: Error: down");
  });

  it("does not answer for errors that are not its own, nor to a caller that has gone", async () => {
    const fallback = createFallback({
      handle: () => "stale",
      shouldHandle: (error) => !(error instanceof TypeError),
    });
    const guarded = pipeline({ fallback });
    await expect(guarded.execute(() => Promise.reject(new TypeError("bug")))).rejects.toThrow("bug");
    const controller = new AbortController();
    const call = guarded.execute(() => new Promise(() => {}), controller);
    controller.abort(new Error("client left"));
    await expect(call).rejects.toThrow("client left");
  });
});
