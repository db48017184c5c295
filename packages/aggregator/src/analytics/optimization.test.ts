import { createFakeClock } from "@fairlead/core/testing";
import { describe, expect, it } from "vitest";
import type { PoolConfig } from "../config.ts";
import type { PoolPerformance, UpstreamPerformance } from "./analytics.ts";
import type { CallFigures } from "./call-window.ts";
import { createFailoverHistory } from "./failover-history.ts";
import { adviceFor } from "./optimization.ts";

const figures = (calls: number, ms = 10, errorRate = 0): CallFigures => ({
  calls,
  failed: calls * errorRate,
  cancelled: 0,
  throughput: calls / 60,
  errorRate,
  latencyMs: { mean: ms, p50: ms, p95: ms, p99: ms, max: ms },
});

const upstream = (id: string, more: Partial<UpstreamPerformance> = {}): UpstreamPerformance => ({
  id,
  status: "ready",
  breaker: "closed",
  inFlight: 0,
  share: 0.5,
  ...figures(100),
  ...more,
});

const pool = (more: Partial<PoolPerformance> = {}): PoolPerformance => ({
  namespace: "p",
  strategy: "least-connections",
  inFlight: 0,
  queueSize: 0,
  upstreams: [upstream("a"), upstream("b")],
  ...figures(100),
  ...more,
});

function advice(performance: PoolPerformance, config: Partial<PoolConfig> = {}, failovers = 0): string[] {
  const clock = createFakeClock();
  const history = createFailoverHistory(clock);
  for (let call = 0; call < failovers; call++) history.moved("p", "a", "b", "gone");
  const given = adviceFor(
    performance,
    { namespace: "p", upstreams: [], timeoutMs: 100, ...config },
    history,
    clock.now(),
  );
  for (const { message, fix } of given) {
    expect(message).toMatch(/\d/);
    expect(fix).not.toBe("");
  }
  return given.map(({ code, upstream: about }) => (about === undefined ? code : `${code} ${about}`));
}

describe("adviceFor", () => {
  it("has nothing to say about a pool that does well, or has hardly been used", () => {
    expect(advice(pool())).toEqual([]);
    const few = upstream("a", figures(5, 900, 1));
    expect(advice(pool({ ...figures(5, 900, 1), upstreams: [few, upstream("b")] }))).toEqual([]);
  });

  it.each<[string, PoolPerformance, Partial<PoolConfig>, number, string[]]>([
    [
      "failing upstream",
      pool({ upstreams: [upstream("a", figures(50, 10, 0.06)), upstream("b")] }),
      {},
      0,
      ["UPSTREAM_FAILING a"],
    ],
    [
      "slow upstream",
      pool({ upstreams: [upstream("a"), upstream("b", figures(50, 31)), upstream("c")] }),
      {},
      0,
      ["UPSTREAM_SLOW b"],
    ],
    ["failovers", pool(), {}, 5, ["FREQUENT_FAILOVERS a"]],
    ["queue", pool({ queueSize: 7 }), {}, 0, ["CALLS_QUEUE"]],
    ["tight deadline", pool(figures(100, 85)), {}, 0, ["DEADLINE_TIGHT"]],
    ["loose deadline", pool(figures(1_000, 1)), { timeoutMs: 30_000 }, 0, ["DEADLINE_LOOSE"]],
    [
      "strategy that does not look",
      pool({ strategy: "round-robin", upstreams: [upstream("a"), upstream("b", figures(50, 20))] }),
      {},
      0,
      ["STRATEGY_BLIND"],
    ],
    [
      "single upstream",
      pool({ ...figures(100, 10, 0.02), upstreams: [upstream("a")] }),
      {},
      0,
      ["NO_REDUNDANCY"],
    ],
  ])("sees a %s", (_what, performance, config, failovers, expected) => {
    expect(advice(performance, config, failovers)).toEqual(expected);
  });
});

describe("failover history", () => {
  it("makes one entry of calls that move together, and remembers 200", async () => {
    const clock = createFakeClock();
    const history = createFailoverHistory(clock);
    expect(history.moved("p", "a", "b", "gone")).toBe(true);
    expect(history.moved("p", "a", "c", "gone")).toBe(false);
    expect(history.moved("p", "a", "b", "slow")).toBe(true);
    expect(history.entries).toMatchObject([
      { from: "a", to: "b", reason: "slow", calls: 1 },
      { from: "a", to: "c", reason: "gone", calls: 2, kind: "automatic" },
    ]);
    await clock.advance(1_001);
    expect(history.moved("p", "a", "b", "gone")).toBe(true);
    for (let more = 0; more < 500; more++) history.moved("p", `x${more}`, "b", "gone");
    expect(history.entries).toHaveLength(200);
    expect(history.entries[0]?.from).toBe("x499");
  });

  it("tells an operator's move from calls that failed", () => {
    const history = createFailoverHistory(createFakeClock());
    history.moved("p", "a", "b", "maintenance");
    history.forced("p", "a", "maintenance");
    history.forced("p", "idle", "maintenance");
    expect(history.entries).toMatchObject([
      { kind: "forced", from: "idle", to: null, calls: 0 },
      { kind: "forced", from: "a", to: "b", calls: 1 },
    ]);
    expect(history.callsFrom("p", "a", 0)).toBe(1);
  });
});
