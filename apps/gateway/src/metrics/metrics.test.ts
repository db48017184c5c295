import { spawnSync } from "node:child_process";
import type { GateRequest, MultiplexerStatus } from "@fairlead/aggregator";
import { createFakeClock } from "@fairlead/core/testing";
import { afterEach, describe, expect, it } from "vitest";
import { createMetrics, type Metrics } from "./metrics.ts";

const status = {
  name: "fairlead",
  version: "1",
  status: "ready",
  startedAt: "",
  uptimeMs: 1,
  pools: [],
  clients: { sessions: 2, streams: 1 },
  calls: { total: 0, inFlight: 3, failed: 0 },
  problems: [],
} as Partial<MultiplexerStatus> as MultiplexerStatus;

let metrics: Metrics;
afterEach(() => metrics.close());

function create(): {
  observe(id: string, method: string, name: string): void;
  text(): Promise<string>;
  clock: ReturnType<typeof createFakeClock>;
} {
  const clock = createFakeClock();
  metrics = createMetrics({ status: () => status, tools: 3, clients: 2, version: "1", clock });
  return {
    clock,
    observe(id, method, name) {
      const request: GateRequest = {
        caller: { id },
        era: "modern",
        method,
        name,
        bytes: 1,
        params: undefined,
        meta: undefined,
        headers: {},
      };
      const watch = metrics.observe(request);
      watch.onAttempt?.({
        upstream: "a-1",
        outcome: "success",
        startedAt: 0,
        endedAt: 5,
        isHedge: false,
        trace: undefined,
      });
      watch.onEnd?.({ outcome: "ok", bytes: 1, attempts: 1 });
    },
    async text() {
      await clock.advance(1_000);
      return (await metrics.render()).text;
    },
  };
}

describe("the metrics", () => {
  it("stay bounded whatever names clients invent", async () => {
    const { observe, text } = create();
    for (let at = 0; at < 1_000; at++)
      observe(`client-${at}`, at % 2 === 0 ? "tools/call" : `made-up/${at}`, `tool-${at}`);
    const page = await text();
    const series = page.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    expect(series.length).toBeLessThan(120);
    expect(page).toContain('fairlead_tool_calls_total{tool="_other",outcome="ok"} 497');
    expect(page).toContain('fairlead_client_requests_total{client="_other",outcome="ok"} 998');
    expect(page).toContain('fairlead_requests_total{method="_other",outcome="ok"} 500');
  });

  it("show what the multiplexer knows, of each pool and upstream", async () => {
    const replica = { id: "a-1", status: "ready", inFlight: 2, restarts: 4, breaker: "open" };
    const cache = { entries: 1, bytes: 300, hits: 7, misses: 3, joins: 2 };
    const pools = [
      { namespace: "a", replicas: [replica], queued: 5, tools: 6, cache },
      { namespace: "b", replicas: [], queued: 0, tools: 0, cache: null },
    ] as unknown as MultiplexerStatus["pools"];
    metrics = createMetrics({ status: () => ({ ...status, pools }), tools: 3, clients: 2, version: "1" });
    const { text } = await metrics.render();
    for (const line of [
      'fairlead_upstream_up{pool="a",upstream="a-1"} 1',
      'fairlead_upstream_in_flight{pool="a",upstream="a-1"} 2',
      'fairlead_upstream_restarts{pool="a",upstream="a-1"} 4',
      'fairlead_breaker_state{pool="a",upstream="a-1",state="closed"} 0',
      'fairlead_breaker_state{pool="a",upstream="a-1",state="open"} 1',
      'fairlead_pool_queued{pool="a"} 5',
      'fairlead_pool_tools{pool="a"} 6',
      'fairlead_cache_entries{pool="a"} 1',
      'fairlead_cache_bytes{pool="a"} 300',
      'fairlead_cache_requests_total{pool="a",result="hit"} 7',
      'fairlead_cache_requests_total{pool="a",result="miss"} 3',
      'fairlead_cache_requests_total{pool="a",result="joined"} 2',
      "fairlead_in_flight 3",
      "fairlead_sessions 2",
      "fairlead_streams 1",
    ])
      expect(text.split("\n")).toContain(line);
    expect(text).not.toContain('fairlead_cache_entries{pool="b"}');
  });

  it("are rendered at most once a second", async () => {
    const { observe, text, clock } = create();
    const before = await text();
    observe("a", "tools/call", "t");
    expect((await metrics.render()).text).toBe(before);
    await clock.advance(1_000);
    expect((await metrics.render()).text).not.toBe(before);
  });

  it("keep Prometheus' conventions", async ({ skip }) => {
    const { observe, text } = create();
    observe("a", "tools/call", "t");
    metrics.refused("requests");
    metrics.drifted("a");
    metrics.reloaded(false);
    const page = await text();
    for (const [, name = ""] of page.matchAll(/^# TYPE (\S+) counter$/gm)) expect(name).toMatch(/_total$/);
    expect(page).not.toMatch(/\{[^}]*quantile=/);
    const {
      error,
      status: exitCode,
      stderr,
      stdout,
    } = spawnSync("promtool", ["check", "metrics"], { input: page, encoding: "utf8" });
    if (error !== undefined) skip("promtool is not installed");
    expect({ exitCode, output: `${stdout}${stderr}` }).toEqual({ exitCode: 0, output: "" });
  });
});
