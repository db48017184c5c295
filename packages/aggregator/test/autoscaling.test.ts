// Replicas that come and go with the load: real processes, and a clock of the test's where time matters.
import { createFakeClock } from "@fairlead/core/testing";
import { describe, expect, it } from "vitest";
import { createMultiplexer, type MultiplexerEvent } from "../src/index.ts";
import { keepCalling, scripted, start, upstream } from "./harness.ts";

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe("replicas", () => {
  it("are started while calls wait and ended when they are no longer needed, without a failed call", async () => {
    const replicas = {
      max: 3,
      targetInFlight: 1,
      scaleUpWaitMs: 20,
      upCooldownMs: 50,
      downCooldownMs: 300,
    };
    await using harness = await start({
      pools: [
        {
          namespace: "p",
          queueTimeoutMs: 20_000,
          upstreams: [scripted({}, { maxConcurrency: 1, replicas })],
        },
      ],
    });
    const pids = (): number[] =>
      harness.multiplexer.getStatus().pools[0]?.replicas.flatMap(({ pid }) => pid ?? []) ?? [];
    const scaling = () => harness.multiplexer.getStatus().pools[0]?.scaling[0];
    expect(scaling()).toEqual({ upstream: "p-1", min: 1, max: 3, replicas: 1 });
    expect(upstream(harness, "p-1.1")).toMatchObject({ status: "ready", upstream: "p-1" });
    const load = keepCalling(harness, "p__work", { callers: 6, ms: 20 });
    await expect.poll(scaling, { timeout: 20_000 }).toMatchObject({ replicas: 3 });
    await expect.poll(() => pids().length, { timeout: 20_000 }).toBe(3);
    const most = pids();
    expect(most.every(isAlive)).toBe(true);
    const calls = load.calls;
    await expect.poll(() => load.calls, { timeout: 20_000 }).toBeGreaterThan(calls + 20);
    expect(await load.stop()).toEqual([]);
    await expect.poll(scaling, { timeout: 20_000 }).toMatchObject({ replicas: 1 });
    await expect.poll(() => most.filter(isAlive).length, { timeout: 20_000 }).toBe(1);
    expect((await harness.call("p__work")).error).toBeUndefined();
    const scaled = harness.events.filter((event) => event.type === "upstream-scaled");
    // Up, and only then down.
    expect(scaled.map(({ from, to }) => to - from)).toEqual([1, 1, -1, -1]);
    expect(scaled.at(-1)).toMatchObject({
      upstream: "p-1",
      from: 2,
      to: 1,
      reason: expect.stringMatching(/quiet/),
    });
  }, 90_000);

  it("follow the configuration, one upstream's replicas under one id", async () => {
    await using harness = await start({
      pools: [{ namespace: "p", upstreams: [scripted({}, { replicas: 2 })] }],
    });
    const { multiplexer } = harness;
    const ids = (): string[] => multiplexer.getStatus().pools[0]?.replicas.map(({ id }) => id) ?? [];
    expect(ids()).toEqual(["p-1.1", "p-1.2"]);
    const before = upstream(harness, "p-1.1")?.pid;
    const load = keepCalling(harness, "p__work");
    await multiplexer.updateServer("p-1", { replicas: 3 });
    expect(ids()).toEqual(["p-1.1", "p-1.2", "p-1.3"]);
    await multiplexer.restartServer("p-1.2");
    await multiplexer.updateServer("p-1", { replicas: 1 });
    await expect.poll(ids).toEqual(["p-1.1"]);
    expect(upstream(harness, "p-1.1")?.pid).toBe(before);
    await multiplexer.updateServer("p-1", { replicas: undefined });
    await expect.poll(ids).toEqual(["p-1"]);
    expect(await load.stop()).toEqual([]);
    await multiplexer.updateServer("p-1", { replicas: 2 });
    await expect(multiplexer.removeServer("p-1.1")).rejects.toThrow(/p-1\.1 is a replica of p-1/);
    await expect(multiplexer.updateServer("p-1", { replicas: { min: 3, max: 2 } })).rejects.toThrow(
      /replicas\.max is out of range, got 2/,
    );
    await multiplexer.drain("p-1");
    for (const id of ["p-1.1", "p-1.2"]) expect(upstream(harness, id)?.status).toBe("draining");
  }, 60_000);

  it("change only as fast as the clock of the cooldowns, and not while an operator has them rest", async () => {
    const clock = createFakeClock();
    const events: MultiplexerEvent[] = [];
    const scaled = () => events.filter((event) => event.type === "upstream-scaled").map(({ to }) => to);
    await using multiplexer = createMultiplexer(
      {
        pools: [
          {
            namespace: "p",
            queueTimeoutMs: 1e9,
            timeoutMs: 1e9,
            maxTimeoutMs: 1e9,
            healthCheck: { intervalMs: 0 },
            upstreams: [
              scripted(
                { SLOW_MS: "100000000" },
                { maxConcurrency: 1, replicas: { max: 3, upCooldownMs: 60_000, downCooldownMs: 600_000 } },
              ),
            ],
          },
        ],
      },
      { clock, onEvent: (event) => events.push(event) },
    );
    await multiplexer.initialize();
    const abort = new AbortController();
    const calls = Array.from({ length: 4 }, () =>
      multiplexer
        .executeRequest({ method: "tools/call", params: { name: "p__work" } }, { signal: abort.signal })
        .catch(() => "aborted"),
    );
    const ready = (count: number) =>
      expect
        .poll(
          () => multiplexer.getStatus().pools[0]?.replicas.filter(({ status }) => status === "ready").length,
        )
        .toBe(count);
    await clock.advance(500);
    expect(scaled()).toEqual([2]);
    await ready(2);
    await clock.advance(50_000);
    expect(scaled()).toEqual([2]);
    await clock.advance(10_000);
    expect(scaled()).toEqual([2, 3]);
    await ready(3);
    abort.abort();
    expect(await Promise.all(calls)).toEqual(Array(4).fill("aborted"));
    await multiplexer.drain("p-1.2");
    await clock.advance(700_000);
    expect(scaled()).toEqual([2, 3]);
    multiplexer.undrain("p-1.2");
    await clock.advance(601_000);
    expect(scaled()).toEqual([2, 3, 2]);
    await clock.advance(601_000);
    expect(scaled()).toEqual([2, 3, 2, 1]);
  }, 60_000);
});
