import { createRetryBudget, createTimerWheel } from "@fairlead/core";
import { createFakeClock } from "@fairlead/core/testing";
import { describe, expect, it } from "vitest";
import type { PoolConfig } from "../config.ts";
import { AggregatorError } from "../errors.ts";
import { scanEnvelope } from "../wire/envelope.ts";
import { createPolicies } from "./policy.ts";
import type { PoolCall } from "./pool-call.ts";
import type { PoolRequest } from "./pool-request.ts";
import { createResultCache } from "./result-cache.ts";

function setUp(config: Partial<PoolConfig>) {
  const clock = createFakeClock();
  const runs: PoolRequest[] = [];
  const policies = createPolicies(
    { namespace: "p", upstreams: [], ...config },
    {
      clock,
      wheel: createTimerWheel({ clock }),
      budget: createRetryBudget(),
      run(request) {
        runs.push(request);
        return {} as PoolCall;
      },
      leaseNow: () => undefined,
      settle: () => {},
      onHedge: () => {},
      cache: (bounds) => createResultCache({ ...bounds, clock }),
    },
  );
  return { clock, policies, runs };
}
const answer = Buffer.from('{"jsonrpc":"2.0","id":1,"result":{}}');

describe("policies", () => {
  it("give every call without a word of its own the same, and no detour", () => {
    const { policies } = setUp({ timeoutMs: 5_000, maxAttempts: 2 });
    const policy = policies.of("tools/call", "a");
    expect(policy).toMatchObject({
      timeoutMs: 5_000,
      maxTimeoutMs: 600_000,
      maxAttempts: 2,
      dispatch: undefined,
    });
    expect(policies.of("tools/call", "b")).toBe(policy);
    expect(policies.of("resources/read", "file:///x")).toBe(policy);
    expect(policies.cache).toBeUndefined();
  });

  it("take a tool's word before the pool's, and only for tools", () => {
    const { policies } = setUp({
      hedge: { delayMs: 10 },
      tools: {
        a: { timeoutMs: 1, maxTimeoutMs: 2, maxAttempts: 1, retry: "never", hedge: { enabled: false } },
        cached: { cache: { ttlMs: 1_000 } },
      },
    });
    expect(policies.of("tools/call", "a")).toMatchObject({
      timeoutMs: 1,
      maxTimeoutMs: 2,
      maxAttempts: 1,
      retry: "never",
      dispatch: undefined,
    });
    expect(policies.of("tools/call", "b").dispatch).toBeDefined();
    expect(policies.of("prompts/get", "a").retry).toBeUndefined();
    expect(policies.cache).toBeDefined();
  });

  it("let a deadline follow how long a tool takes, within the one that is configured", async () => {
    const { policies, runs, clock } = setUp({
      timeoutMs: 30_000,
      adaptiveTimeout: { factor: 3, minMs: 500, warmUp: 20 },
    });
    const errors: string[] = [];
    const call = (tool: string): PoolRequest => {
      const policy = policies.of("tools/call", tool);
      const request = {
        policy,
        timeoutMs: policy.timeoutMs,
        onAnswer: () => {},
        onError: ({ code }: AggregatorError) => void errors.push(code),
      } as unknown as PoolRequest;
      policy.dispatch?.(request);
      const run = runs.at(-1);
      if (run === undefined) throw new Error("did not run");
      return run;
    };
    expect(call("a").timeoutMs).toBe(30_000);
    for (let at = 0; at < 30; at++) {
      const run = call("a");
      await clock.advance(400);
      run.onAnswer(answer, scanEnvelope(answer), "a");
    }
    expect(call("a").timeoutMs).toBeCloseTo(1_200, -1);
    expect(call("b").timeoutMs).toBe(30_000);
    // A limit that has become too short learns from the calls that it ended.
    for (let at = 0; at < 40; at++) {
      const run = call("a");
      await clock.advance(run.timeoutMs);
      run.onError(new AggregatorError("DEADLINE_EXCEEDED", "late"));
    }
    expect(call("a").timeoutMs).toBeGreaterThan(3_000);
    expect(errors).toHaveLength(40);
  });
});
