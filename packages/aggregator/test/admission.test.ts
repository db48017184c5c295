// Who waits, who is served first and who is told to come back, over real HTTP with a real process.
import { describe, expect, it } from "vitest";
import { start, upstream } from "./harness.ts";
import { httpUpstream, textResult } from "./http-upstream.ts";

/** An upstream with room for one call, which takes until the test says so. */
async function busyUpstream() {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const server = await httpUpstream(async () => {
    await opened;
    return textResult("done");
  });
  const config = { transport: "streamable-http", era: "legacy", url: server.url, maxConcurrency: 1 } as const;
  return { config, open, calls: server.calls, [Symbol.asyncDispose]: server[Symbol.asyncDispose] };
}

describe("a pool whose upstreams are busy", () => {
  it("serves callers in turn and the urgent first, and tells who has no place when to come back", async () => {
    await using busy = await busyUpstream();
    await using harness = await start({
      pools: [
        {
          namespace: "p",
          maxQueue: 5,
          queueAgeingMs: 60_000,
          queueTimeoutMs: 60_000,
          timeoutMs: 60_000,
          upstreams: [busy.config],
        },
      ],
    });
    const inside = (): number => harness.multiplexer.getStatus().calls.inFlight;
    const pending: Promise<unknown>[] = [];
    /** One after another, so that the order of arrival is known. */
    const call = async (caller: string, priority = 5): Promise<void> => {
      const before = inside();
      const full = before === 6;
      pending.push(harness.call("p__work", { caller }, { caller, priority }));
      if (!full) await expect.poll(inside).toBe(before + 1);
    };
    for (let at = 0; at < 5; at++) await call("flood");
    await call("ada");
    const refused = await harness.call("p__work", {}, { caller: "flood" });
    expect(refused).toMatchObject({
      status: 503,
      error: { code: -31_503, data: { code: "QUEUE_FULL", outcome: "not-executed" } },
    });
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    expect(refused.error?.message).toMatch(/try again in \d+(\.\d)? s/);
    await call("boss", 9);
    // The newest of the flood made room for the boss, who came last and is served first of those that wait.
    await pending[4];
    busy.open();
    await Promise.all(pending);
    const order = busy.calls.map((served) => served.arguments["caller"]);
    expect(order).toEqual(["flood", "boss", "flood", "ada", "flood", "flood"]);
  }, 60_000);

  it("gives up after queueTimeoutMs and says so", async () => {
    await using busy = await busyUpstream();
    await using harness = await start({
      pools: [{ namespace: "p", queueTimeoutMs: 50, upstreams: [busy.config] }],
    });
    const running = harness.call("p__work");
    await expect.poll(() => upstream(harness, "p-1")?.inFlight).toBe(1);
    const refused = await harness.call("p__work");
    expect(refused).toMatchObject({ status: 503, error: { data: { code: "QUEUE_TIMEOUT" } } });
    busy.open();
    expect((await running).error).toBeUndefined();
  }, 60_000);
});

describe("an upstream that answers 503 at once", () => {
  it("is ejected and not fed, and read-only calls do not notice", async () => {
    await using broken = await httpUpstream(() => ({ status: 503 }));
    await using well = await httpUpstream(() => textResult("well"));
    await using harness = await start({
      pools: [
        {
          namespace: "p",
          strategy: "round-robin",
          outlierEjection: { consecutiveFailures: 3, baseEjectionMs: 60_000, maxEjectionMs: 60_000 },
          upstreams: [
            { transport: "streamable-http", era: "legacy", url: broken.url },
            { transport: "streamable-http", era: "legacy", url: well.url },
          ],
        },
      ],
    });
    for (let at = 0; at < 40; at++) expect((await harness.call("p__read")).text).toBe("well");
    expect(broken.calls).toHaveLength(3);
    expect(harness.events).toContainEqual(
      expect.objectContaining({ type: "upstream-ejected", upstream: "p-1", reason: "consecutive-failures" }),
    );
    expect(upstream(harness, "p-1")).toMatchObject({ ejected: true, failures: 3 });
  }, 60_000);

  it("is noticed by health checks, which let it back as soon as it has room again", async () => {
    let isDown = false;
    await using server = await httpUpstream(
      () => textResult("well"),
      () => isDown,
    );
    await using harness = await start({
      pools: [
        {
          namespace: "p",
          queueTimeoutMs: 50,
          // Without the health checks it would be out for a minute.
          breaker: { failureThreshold: 2, resetTimeoutMs: 60_000 },
          upstreams: [{ transport: "streamable-http", era: "legacy", url: server.url }],
        },
      ],
    });
    isDown = true;
    const { error } = await harness.call("p__read");
    expect(error?.data?.code).toBe("FAILOVER_EXHAUSTED");
    await expect.poll(() => upstream(harness, "p-1")?.status, { timeout: 20_000 }).toBe("unhealthy");
    const { calls } = server;
    await harness.call("p__read");
    expect(calls).toHaveLength(0);
    isDown = false;
    await expect.poll(async () => (await harness.call("p__read")).text, { timeout: 20_000 }).toBe("well");
  }, 60_000);

  it("may be said to have executed nothing, and then no call notices", async () => {
    await using broken = await httpUpstream(() => ({ status: 503 }));
    await using well = await httpUpstream(() => textResult("well"));
    const upstreams = [
      { transport: "streamable-http", era: "legacy", url: broken.url },
      { transport: "streamable-http", era: "legacy", url: well.url },
    ] as const;
    await using harness = await start({
      pools: [
        { namespace: "p", strategy: "round-robin", on503: "rejected", upstreams },
        { namespace: "q", strategy: "round-robin", upstreams },
      ],
    });
    for (let at = 0; at < 10; at++) expect((await harness.call("p__work")).text).toBe("well");
    const answers = [await harness.call("q__work"), await harness.call("q__work")];
    expect(answers.map(({ error }) => error?.data?.code ?? "answered").sort()).toEqual([
      "OUTCOME_UNKNOWN",
      "answered",
    ]);
  }, 60_000);
});

describe("a health check of one's own", () => {
  it("decides who gets calls, and closes the breaker of who is well again", async () => {
    let sick = false;
    await using first = await httpUpstream(({ name }) =>
      name === "work" && sick ? { status: 500 } : textResult("first"),
    );
    await using harness = await start({
      pools: [
        {
          namespace: "p",
          outlierEjection: { enabled: false },
          breaker: { failureThreshold: 2 },
          healthCheck: {
            intervalMs: 20,
            failureThreshold: 1,
            async check({ id, request }) {
              const { content } = (await request("tools/call", { name: "read", arguments: {} })) as {
                content: { text: string }[];
              };
              if (sick || content[0]?.text !== "first") throw new Error(`${id} is sick`);
            },
          },
          upstreams: [{ transport: "streamable-http", era: "legacy", url: first.url }],
        },
      ],
    });
    expect((await harness.call("p__work")).text).toBe("first");
    sick = true;
    await expect
      .poll(() => upstream(harness, "p-1"))
      .toMatchObject({
        status: "unhealthy",
        reason: expect.stringContaining("p-1 is sick"),
      });
    sick = false;
    await expect.poll(() => upstream(harness, "p-1")?.status, { timeout: 10_000 }).toBe("ready");
    expect((await harness.call("p__work")).text).toBe("first");
  }, 60_000);
});
