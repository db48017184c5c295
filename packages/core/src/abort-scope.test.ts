import { describe, expect, it } from "vitest";
import { createAbortScope, Scope } from "./abort-scope.ts";
import type { CallContext } from "./call-context.ts";
import { compose } from "./compose.ts";
import { createFakeClock } from "./fake-clock.ts";
import { createHedge } from "./hedge.ts";
import { pipeline } from "./pipeline.ts";
import { createStreamGuard } from "./stream-guard.ts";

function hang({ signal }: CallContext): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
}

describe("an abort scope", () => {
  it("ends all calls that run with it, and tells their operations", async () => {
    const scope = new Scope();
    const guarded = pipeline({ retry: {} });
    const signals: AbortSignal[] = [];
    const calls = [1, 2, 3].map(() =>
      guarded.execute(
        (context) => {
          signals.push(context.signal);
          return hang(context);
        },
        { signal: scope },
      ),
    );
    expect(scope.size).toBe(3);
    scope.abort(new Error("client left"));
    scope.abort(new Error("too late"));
    for (const call of calls) await expect(call).rejects.toThrow("client left");
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true, true]);
    expect(scope.size).toBe(0);
  });

  it("lets go of calls that have ended", async () => {
    const scope = new Scope();
    const guarded = pipeline({ attemptTimeoutMs: 1_000 });
    await Promise.all([1, 2, 3].map((value) => guarded.execute(() => value, { signal: scope })));
    await Promise.allSettled([guarded.execute(() => Promise.reject(new Error("down")), { signal: scope })]);
    expect(scope.size).toBe(0);
    expect(await guarded.execute(() => "still good", { signal: scope })).toBe("still good");
  });

  it("lets nothing start once it is aborted", async () => {
    const scope = createAbortScope();
    scope.abort();
    const expected = expect.objectContaining({ name: "AbortError" });
    const unreachable = (): never => expect.unreachable();
    await expect(pipeline().execute(unreachable, { signal: scope })).rejects.toEqual(expected);
    await expect(compose().execute(unreachable, { signal: scope })).rejects.toEqual(expected);
    await expect(createStreamGuard().read(unreachable, { signal: scope }).next()).rejects.toEqual(expected);
    expect(() => scope.throwIfAborted()).toThrow("aborted");
  });

  it("has a signal for everything else, whenever it is read", () => {
    const early = createAbortScope();
    const { signal } = early;
    early.abort("enough");
    expect([signal.aborted, signal.reason]).toEqual([true, "enough"]);
    const late = createAbortScope();
    late.abort("enough");
    expect([late.signal.aborted, late.signal.reason]).toEqual([true, "enough"]);
  });

  it("reaches through composed policies and streams", async () => {
    const clock = createFakeClock();
    const scope = createAbortScope();
    const layers = compose(
      async (context, next) => next(context),
      pipeline({ clock, timeoutMs: 1_000, hedge: createHedge({ clock, delayMs: 10 }) }).policy,
    );
    const call = layers.execute(hang, { signal: scope });
    async function* silent(): AsyncGenerator<number> {
      yield 1;
      await clock.sleep(10_000);
    }
    const reading = (async () => {
      for await (const _ of createStreamGuard({ clock }).read(() => silent(), { signal: scope }));
    })();
    await clock.advance(50);
    scope.abort(new Error("client left"));
    await expect(call).rejects.toThrow("client left");
    await expect(reading).rejects.toThrow("client left");
  });
});
