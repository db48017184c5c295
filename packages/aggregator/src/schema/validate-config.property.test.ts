// What `validateConfig` promises about any configuration: it never throws, and what it calls valid can be used.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { MultiplexerConfig } from "../config.ts";
import { createMultiplexer } from "../multiplexer.ts";
import { validateConfig } from "./validate-config.ts";

/** Mostly what is right, so that both halves of the property are met. */
function mostly<T, U>(good: fc.Arbitrary<T>, bad: fc.Arbitrary<U>): fc.Arbitrary<T | U> {
  return fc.oneof({ weight: 40, arbitrary: good }, { weight: 1, arbitrary: bad });
}
const some = <T extends object>(shape: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<Partial<T>> =>
  fc.record(shape, { requiredKeys: [] }) as fc.Arbitrary<Partial<T>>;

const odd = fc.constantFrom(-1, 0, 0.5, 10_000_000, Number.NaN, Infinity);
const number = mostly(fc.integer({ min: 10, max: 500 }), odd);
const ratio = mostly(fc.double({ min: 0.01, max: 1, noNaN: true }), odd);
const text = mostly(fc.constantFrom("x", "y"), fc.constantFrom("", "a b", "*"));
const strategy = mostly(fc.constantFrom("round-robin", "adaptive", "peak-ewma"), fc.constant("fastest"));
const url = mostly(
  fc.constantFrom("http://127.0.0.1:1/mcp", "http://u:p@h/mcp", "http://{port}/mcp"),
  fc.constantFrom("http://[", "ftp://x"),
);

const upstream = fc
  .tuple(
    fc.oneof(
      fc.record({ transport: fc.constant("stdio"), command: text }),
      fc.record({ transport: fc.constant("streamable-http"), url }),
    ),
    some({ weight: number, priority: number, tags: fc.array(text), maxConcurrency: number }),
  )
  .map(([place, options]) => ({ ...place, ...options }));
const pool = fc
  .tuple(
    fc.record({
      namespace: mostly(fc.constantFrom("a", "b", "c"), fc.constantFrom("a__b", "")),
      upstreams: mostly(fc.array(upstream, { minLength: 1, maxLength: 3 }), fc.constant([])),
    }),
    some({
      strategy,
      strategyOptions: mostly(fc.constant({}), fc.constant({ speed: 1 })),
      timeoutMs: number,
      maxAttempts: number,
      healthCheck: some({ intervalMs: number, timeoutMs: number }),
      breaker: some({ failureThreshold: number, resetTimeoutMs: number }),
      outlierEjection: some({ failureRatio: ratio, maxEjectedRatio: ratio, windowMs: number }),
      slowStart: some({ windowMs: number, minWeightRatio: ratio }),
      panicThresholdRatio: ratio,
    }),
  )
  .map(([place, options]) => ({ ...place, ...options }));
const rule = fc.record({
  name: mostly(fc.constantFrom("r", "s", "t"), fc.constant("")),
  match: some({ tools: fc.array(text, { minLength: 1 }), minParamsBytes: number }),
  route: some({
    strategy,
    priority: mostly(fc.integer({ min: 0, max: 9 }), odd),
    timeoutClass: mostly(fc.constant("long"), fc.constant("short")),
    tags: fc.array(text, { minLength: 1 }),
  }),
});
const config = fc
  .tuple(
    fc.record({ pools: fc.array(pool, { maxLength: 2 }) }),
    some({
      separator: mostly(fc.constantFrom("__", "-"), fc.constantFrom("", "*")),
      limits: some({ maxDepth: number, pageSize: number }),
      routing: fc.record({
        rules: fc.array(rule, { maxLength: 2 }),
        timeoutClasses: fc.constant({ long: { timeoutMs: 60_000 } }),
      }),
      poolDefaults: some({ strategy, timeoutMs: number }),
    }),
  )
  .map(([place, options]) => ({ ...place, ...options }));

describe("validateConfig", () => {
  it("has an answer to anything", () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        const { isValid, errors } = validateConfig(value);
        expect(isValid).toBe(errors.length === 0);
      }),
      { numRuns: 500 },
    );
  });

  it("calls valid only what a multiplexer can be made of", async () => {
    let valid = 0;
    await fc.assert(
      fc.asyncProperty(config, async (candidate) => {
        const { isValid, errors, warnings, recommendations } = validateConfig(candidate);
        for (const { message, fix } of [...errors, ...warnings, ...recommendations]) {
          expect(message).not.toBe("");
          expect(fix).not.toBe("");
        }
        if (!isValid) return;
        valid++;
        await createMultiplexer(candidate as MultiplexerConfig).close();
      }),
      { numRuns: 1_000 },
    );
    expect(valid).toBeGreaterThan(50);
  });
});
