import { describe, expect, it } from "vitest";
import { classifyPrompt, createAdaptiveTimeout, type PromptRequest } from "./adaptive-timeout.ts";
import type { CallContext } from "./call-context.ts";
import { createFakeClock } from "./fake-clock.ts";
import { pipeline } from "./pipeline.ts";
import { RootContext } from "./root-context.ts";

function about(request?: PromptRequest): CallContext {
  return new RootContext({ request });
}

describe("the adaptive timeout", () => {
  it("gives simple requests 60 seconds and complex ones 180", () => {
    const timeout = createAdaptiveTimeout();
    expect(timeout.timeoutMs(about())).toBe(60_000);
    expect(timeout.timeoutMs(about({ prompt: "Simple question" }))).toBe(60_000);
    expect(timeout.timeoutMs(about({ prompt: "Analyze this complex data...".repeat(1_000) }))).toBe(180_000);
    expect(timeout.timeoutMs(about({ prompt: "Short", intent: "analysis" }))).toBe(180_000);
    expect(timeout.timeoutMs(about({ promptLength: 10, role: "analyst" }))).toBe(180_000);
  });

  it("takes any classifier, with the words of one's own", () => {
    const classify = classifyPrompt({ longPromptChars: 5, complexIntents: ["poem"], complexRoles: [] });
    expect(classify(about({ prompt: "123456" }))).toBe("complex");
    expect(classify(about({ intent: "poem" }))).toBe("complex");
    expect(classify(about({ role: "analyst" }))).toBe("simple");
    expect(createAdaptiveTimeout({ classify: () => "complex" }).timeoutMs(about())).toBe(180_000);
  });

  it("learns from recent durations, one class apart from the other, within its bounds", () => {
    const timeout = createAdaptiveTimeout({ learned: { minMs: 500 }, clock: createFakeClock() });
    for (let call = 0; call < 20; call += 1) timeout.record?.(400, "success", about());
    expect(timeout.timeoutMs(about())).toBe(1_200);
    expect(timeout.timeoutMs(about({ intent: "analysis" }))).toBe(180_000);
    for (let call = 0; call < 400; call += 1) timeout.record?.(10, "success", about());
    expect(timeout.timeoutMs(about())).toBe(500);
    for (let call = 0; call < 400; call += 1) timeout.record?.(170_000, "success", about());
    expect(timeout.timeoutMs(about())).toBe(180_000);
  });

  it("is not moved by one slow outlier", () => {
    const timeout = createAdaptiveTimeout({ learned: {}, clock: createFakeClock() });
    for (let call = 0; call < 50; call += 1) timeout.record?.(1_000, "success", about());
    timeout.record?.(179_000, "success", about());
    for (let call = 0; call < 6; call += 1) timeout.record?.(1_000, "success", about());
    expect(timeout.timeoutMs(about())).toBe(3_000);
  });

  it("grows back when it has become too short, and does not learn from quick failures", () => {
    const timeout = createAdaptiveTimeout({ learned: { quantile: 0.9 }, clock: createFakeClock() });
    for (let call = 0; call < 5; call += 1) timeout.record?.(1, "failure", about());
    for (let call = 0; call < 200; call += 1) timeout.record?.(1_000, "success", about());
    for (let call = 0; call < 200; call += 1) timeout.record?.(5, "failure", about());
    expect(timeout.timeoutMs(about())).toBe(3_000);
    for (let call = 0; call < 40; call += 1) timeout.record?.(3_000, "failure", about());
    expect(timeout.timeoutMs(about())).toBe(9_000);
  });

  it("goes back to the fixed limit when what it knew is old", async () => {
    const clock = createFakeClock();
    const timeout = createAdaptiveTimeout({ learned: {}, clock });
    for (let call = 0; call < 50; call += 1) timeout.record?.(1_000, "success", about());
    expect(timeout.timeoutMs(about())).toBe(3_000);
    await clock.advance(300_000);
    expect(timeout.timeoutMs(about())).toBe(60_000);
  });

  it("limits the attempts of a pipeline and learns from them", async () => {
    const clock = createFakeClock();
    const guarded = pipeline({ clock, attemptTimeoutMs: createAdaptiveTimeout({ learned: {}, clock }) });
    for (let call = 0; call < 30; call += 1) {
      const quick = guarded.execute(() => clock.sleep(1_000));
      await clock.advance(1_000);
      await quick;
    }
    const slow = Promise.allSettled([guarded.execute(() => new Promise(() => {}))]);
    await clock.advance(3_100);
    expect(await slow).toMatchObject([{ reason: { code: "ATTEMPT_TIMEOUT", timeoutMs: 3_000 } }]);
    expect(clock.pending).toBe(0);
  });

  it("names the option that is out of range", () => {
    expect(() => createAdaptiveTimeout({ simpleMs: 0 })).toThrow(/^simpleMs must .* got 0$/);
    expect(() => createAdaptiveTimeout({ learned: { factor: 0.5 } })).toThrow(
      /^learned.factor must .* got 0.5$/,
    );
    expect(() => createAdaptiveTimeout({ learned: { minMs: 1e9 } })).toThrow(/^learned.minMs must /);
  });
});
