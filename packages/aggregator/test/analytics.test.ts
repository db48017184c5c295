import { expect, it } from "vitest";
import { keepCalling, scripted, start } from "./harness.ts";

it("tells how it does: in the status in short, in the analytics by pool and upstream", async () => {
  await using harness = await start({
    pools: [
      { namespace: "p", strategy: "round-robin", upstreams: [scripted(), scripted()] },
      { namespace: "q", upstreams: [scripted()] },
    ],
  });
  const { multiplexer } = harness;
  expect(multiplexer.getStatus()).toMatchObject({
    isHealthy: true,
    totalServers: 3,
    healthyServers: 3,
    currentStrategy: "round-robin, least-connections",
    queueSize: 0,
    avgResponseTime: 0,
    throughput: 0,
    errorRate: 0,
  });
  await Promise.all(Array.from({ length: 10 }, () => harness.call("p__read", { ms: 5 })));
  await harness.call("q__read");
  await harness.call("q__absent");
  const status = multiplexer.getStatus();
  expect(status.avgResponseTime).toBeGreaterThan(4);
  expect(status.throughput).toBeGreaterThan(0);
  expect(status.uptime).toBe(status.uptimeMs);

  const { windowMs, dashboard, optimization, failoverHistory } = multiplexer.getPerformanceAnalytics();
  expect({ windowMs, optimization, failoverHistory }).toEqual({
    windowMs: 60_000,
    optimization: [],
    failoverHistory: [],
  });
  expect(dashboard).toMatchObject({
    calls: 11,
    failed: 0,
    cancelled: 0,
    errorRate: 0,
    inFlight: 0,
    rules: {},
  });
  const [p, q] = dashboard.pools;
  expect(p).toMatchObject({ namespace: "p", strategy: "round-robin", calls: 10 });
  expect(p?.upstreams).toMatchObject([
    { id: "p-1", status: "ready", breaker: "closed", calls: 5, share: 0.5 },
    { id: "p-2", status: "ready", breaker: "closed", calls: 5, share: 0.5 },
  ]);
  expect(p?.upstreams[0]?.latencyMs.p50).toBeGreaterThan(4);
  expect(q).toMatchObject({ namespace: "q", calls: 1 });
  expect(JSON.parse(JSON.stringify(dashboard))).toEqual(dashboard);
});

it("counts what failed and what was cancelled, each for itself", async () => {
  await using harness = await start({
    pools: [{ namespace: "p", upstreams: [scripted()], tools: { work: { timeoutMs: 30 } } }],
  });
  const late = await harness.call("p__work", { ms: 60_000 });
  expect(late.error?.data?.code).toBe("DEADLINE_EXCEEDED");
  const controller = new AbortController();
  const given = harness.multiplexer
    .executeRequest(
      { method: "tools/call", params: { name: "p__read", arguments: { ms: 60_000 } } },
      { signal: controller.signal },
    )
    .catch(() => "cancelled");
  controller.abort();
  expect(await given).toBe("cancelled");
  await harness.call("p__read");
  const { calls, failed, cancelled, errorRate } = harness.multiplexer.getPerformanceAnalytics().dashboard;
  expect({ calls, failed, cancelled, errorRate }).toEqual({
    calls: 3,
    failed: 1,
    cancelled: 1,
    errorRate: 0.5,
  });
});

it("remembers failovers, one entry for calls that moved together, and tells of them as they happen", async () => {
  await using harness = await start({
    pools: [{ namespace: "p", strategy: "round-robin", upstreams: [scripted(), scripted()] }],
  });
  const { multiplexer } = harness;
  const moved: string[] = [];
  const stop = multiplexer.on("calls-moved", ({ upstream, to }) => moved.push(`${upstream} → ${to}`));
  const calls = Array.from({ length: 6 }, () => harness.call("p__read", { ms: 1_500 }));
  await expect.poll(() => multiplexer.getStatus().calls.inFlight).toBe(6);
  const [first] = multiplexer.getStatus().pools[0]?.replicas ?? [];
  process.kill(first?.pid ?? 0, "SIGKILL");
  expect((await Promise.all(calls)).map(({ error }) => error)).toEqual(Array(6).fill(undefined));
  expect(moved).toEqual(["p-1 → p-2"]);
  expect(multiplexer.getPerformanceAnalytics().failoverHistory).toMatchObject([
    { kind: "automatic", pool: "p", from: "p-1", to: "p-2", calls: 3 },
  ]);
  stop();

  await expect.poll(() => multiplexer.getStatus().healthyServers, { timeout: 10_000 }).toBe(2);
  await multiplexer.forceFailover("p-2", "maintenance");
  expect(multiplexer.getPerformanceAnalytics().failoverHistory[0]).toMatchObject({
    kind: "forced",
    from: "p-2",
    to: null,
    reason: "maintenance",
    calls: 0,
  });
});

it("tells listeners of one kind, or all, until they stop; a fault of theirs is reported, not passed on", async () => {
  await using harness = await start({ pools: [{ namespace: "p", upstreams: [scripted()] }] });
  const { multiplexer } = harness;
  const seen: string[] = [];
  const stop = multiplexer.on("pool-added", ({ type, pool }) => seen.push(`${type} ${pool}`));
  multiplexer.on("pool-removed", () => {
    throw new Error("listener broke");
  });
  multiplexer.on("internal-error", ({ error }) => seen.push(String(error)));
  const load = keepCalling(harness, "p__read");
  await multiplexer.addPool({ namespace: "q", upstreams: [scripted()] });
  await multiplexer.removePool("q");
  stop();
  await multiplexer.addPool({ namespace: "r", upstreams: [scripted()] });
  expect(await load.stop()).toEqual([]);
  expect(seen).toEqual(["pool-added q", "Error: listener broke"]);
  // The one that the options gave hears of everything.
  expect(harness.events.map(({ type }) => type)).toEqual(
    expect.arrayContaining(["upstream-state", "pool-added", "pool-removed", "internal-error"]),
  );
});
