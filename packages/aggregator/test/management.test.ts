// Pools and upstreams come, go and change under load, with real processes; the tool that is called is one that may not run
// twice, so that every disturbance would show as a failed call.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSeededRandom } from "@fairlead/core/testing";
import { describe, expect, it } from "vitest";
import { type Harness, keepCalling, scripted, start, upstream } from "./harness.ts";

const pid = async (harness: Harness, name: string): Promise<number> =>
  Number((await harness.call(name)).text);
const eventTypes = ({ events }: Harness): string[] =>
  events.map(({ type }) => type).filter((type) => /^(pool|upstream)-(?!state)|failover/.test(type));

describe("pools", () => {
  it("come and go while calls run", async () => {
    await using harness = await start({ pools: [{ namespace: "steady", upstreams: [scripted()] }] });
    const { multiplexer } = harness;
    const load = keepCalling(harness, "steady__work");
    for (let cycle = 0; cycle < 3; cycle++) {
      await multiplexer.addPool({ namespace: "guest", upstreams: [scripted()] });
      expect(await harness.tools()).toEqual(["steady__work", "steady__read", "guest__work", "guest__read"]);
      expect(await harness.tools("/mcp/guest")).toEqual(["work", "read"]);
      const running = harness.call("guest__work", { ms: 100 });
      await expect.poll(() => upstream(harness, "guest-1")?.inFlight).toBe(1);
      const removed = multiplexer.removePool("guest");
      expect(await harness.tools()).toEqual(["steady__work", "steady__read"]);
      expect((await harness.call("guest__work")).error?.message).toContain("Unknown tool");
      expect((await harness.request("tools/list", {}, { path: "/mcp/guest" })).status).toBe(404);
      expect((await running).error).toBeUndefined();
      await removed;
    }
    expect(await load.stop()).toEqual([]);
    expect(load.calls).toBeGreaterThan(0);
    expect(multiplexer.getStatus().pools.map(({ namespace }) => namespace)).toEqual(["steady"]);
    expect(eventTypes(harness)).toEqual(Array(3).fill(["pool-added", "pool-removed"]).flat());
  }, 60_000);

  it("are told to clients that are connected", async () => {
    await using harness = await start({ pools: [{ namespace: "steady", upstreams: [scripted()] }] });
    const initialize = await fetch(`${harness.url}/mcp`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        jsonrpc: "2.0",
        id: 1,
        method: "initialize",
        params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "c", version: "1" } },
      }),
    });
    const session = initialize.headers.get("mcp-session-id") ?? "";
    const stream = await fetch(`${harness.url}/mcp`, {
      headers: { accept: "text/event-stream", "mcp-session-id": session },
    });
    const reader = (stream.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream()).getReader();
    await harness.multiplexer.addPool({ namespace: "guest", upstreams: [scripted()] });
    expect((await reader.read()).value).toContain("notifications/tools/list_changed");
    await harness.multiplexer.removePool("guest");
    expect((await reader.read()).value).toContain("notifications/tools/list_changed");
    await reader.cancel();
  }, 60_000);

  it("change by their differences only", async () => {
    const [kept, changed] = [scripted({ VERSION: "kept" }), scripted({ VERSION: "old" })];
    await using harness = await start({ pools: [{ namespace: "p", upstreams: [kept, changed] }] });
    const before = { kept: upstream(harness, "p-1")?.pid, changed: upstream(harness, "p-2")?.pid };
    const load = keepCalling(harness, "p__work");
    // In another order and without ids: what is reached the same way stays, whatever its place.
    await harness.multiplexer.updatePool({
      namespace: "p",
      strategy: "round-robin",
      timeoutMs: 20_000,
      upstreams: [scripted({ VERSION: "new" }), { ...kept, weight: 3 }, scripted({ VERSION: "more" })],
    });
    expect(await load.stop()).toEqual([]);
    expect(upstream(harness, "p-1")).toMatchObject({ pid: before.kept, weight: 3, status: "ready" });
    expect(upstream(harness, "p-2")).toMatchObject({ server: { version: "new" }, status: "ready" });
    expect(upstream(harness, "p-2")?.pid).not.toBe(before.changed);
    expect(upstream(harness, "p-3")).toMatchObject({ server: { version: "more" }, status: "ready" });
    expect(harness.multiplexer.getStatus().pools[0]?.strategy).toBe("round-robin");
  }, 60_000);

  it("with one upstream are replaced without a failed call, even by one under another id", async () => {
    await using harness = await start({
      pools: [{ namespace: "p", upstreams: [scripted({}, { id: "a" })] }],
    });
    const load = keepCalling(harness, "p__work", { ms: 20 });
    for (const id of ["b", "c"])
      await harness.multiplexer.updatePool({ namespace: "p", upstreams: [scripted({}, { id })] });
    await expect.poll(() => upstream(harness, "b")).toBeUndefined();
    expect(await load.stop()).toEqual([]);
    expect(harness.multiplexer.getStatus().pools[0]?.replicas.map(({ id }) => id)).toEqual(["c"]);
  }, 60_000);

  it("are refused when their names are taken, and nothing of them is left", async () => {
    await using harness = await start({
      pools: [{ namespace: "p", upstreams: [scripted({ TOOLS: "_work" }, { id: "own" })] }],
    });
    const { multiplexer } = harness;
    await expect(multiplexer.addPool({ namespace: "p", upstreams: [scripted()] })).rejects.toThrow(
      /namespace "p" is taken/,
    );
    await expect(
      multiplexer.addPool({ namespace: "q", upstreams: [scripted({}, { id: "own" })] }),
    ).rejects.toThrow(/upstream id "own" is taken/);
    // p + __ + _work and p_ + __ + work are the same name.
    await expect(multiplexer.addPool({ namespace: "p_", upstreams: [scripted()] })).rejects.toMatchObject({
      code: "NAME_COLLISION",
    });
    expect(multiplexer.getStatus().pools.map(({ namespace }) => namespace)).toEqual(["p"]);
    await expect(multiplexer.removePool("q")).rejects.toMatchObject({ code: "POOL_UNKNOWN" });
    await expect(multiplexer.updatePool({ namespace: "q", upstreams: [scripted()] })).rejects.toMatchObject({
      code: "POOL_UNKNOWN",
    });
  }, 60_000);
});

describe("any sequence of changes", () => {
  it("fails no call, and runs none twice", async () => {
    const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 1e9));
    console.log(`changes: SEED=${seed}`);
    const random = createSeededRandom(seed);
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
    const directory = await mkdtemp(join(tmpdir(), "fairlead-changes-"));
    const ledger = join(directory, "ledger");
    try {
      await using harness = await start({
        pools: [
          {
            namespace: "p",
            timeoutMs: 60_000,
            queueTimeoutMs: 30_000,
            upstreams: [scripted({ LEDGER: ledger }, { id: "a" })],
          },
        ],
      });
      const { multiplexer } = harness;
      const load = keepCalling(harness, "p__work", { ms: 3, nonces: true });
      const ids = ["a", "b", "c"];
      const replicas = () => multiplexer.getStatus().pools[0]?.replicas ?? [];
      const present = (): string[] =>
        replicas()
          .filter(({ reason, status }) => reason !== "leaves the pool" && status !== "stopped")
          .map(({ id }) => id);
      const serving = (): string[] =>
        replicas()
          .filter(({ status }) => status === "ready")
          .map(({ id }) => id);
      let changes = 0;
      const step = async (): Promise<void> => {
        const id = pick(ids);
        const known = present().includes(id);
        // Somebody has to serve: the last one is not taken away by hand.
        const others = serving().filter((other) => other !== id).length > 0;
        const kind = pick([
          "add",
          "remove",
          "update",
          "weight",
          "drain",
          "undrain",
          "restart",
          "failover",
          "pool",
          "enabled",
        ]);
        if (kind === "add" && !known) await multiplexer.addServer("p", scripted({ LEDGER: ledger }, { id }));
        else if (kind === "remove" && known && others) await multiplexer.removeServer(id);
        else if (kind === "update" && known)
          await multiplexer.updateServer(id, { env: { LEDGER: ledger, VERSION: String(changes) } });
        else if (kind === "weight" && known)
          await multiplexer.updateServer(id, { weight: 1 + Math.floor(random() * 5) });
        else if (kind === "drain" && known && others) await multiplexer.drain(id);
        else if (kind === "undrain" && known) multiplexer.undrain(id);
        else if (kind === "restart" && known) await multiplexer.restartServer(id);
        else if (kind === "failover" && known && others) await multiplexer.forceFailover(id, "test");
        else if (kind === "enabled" && known && others)
          await multiplexer.updateServer(id, { enabled: random() < 0.5 });
        else if (kind === "pool") {
          const upstreams = ids
            .filter((each) => each === "a" || random() < 0.6)
            .map((each) => scripted({ LEDGER: ledger }, { id: each }));
          await multiplexer.updatePool({
            namespace: "p",
            timeoutMs: 60_000,
            queueTimeoutMs: 30_000,
            strategy: pick(["round-robin", "least-connections"]),
            upstreams,
          });
        } else return;
        changes++;
      };
      for (let at = 0; at < 60; at++) await step();
      expect(await load.stop()).toEqual([]);
      console.log(`changes: ${changes} under ${load.calls} calls`);
      expect(changes).toBeGreaterThan(10);
      const executed = (await readFile(ledger, "utf8")).trim().split("\n");
      expect(executed).toHaveLength(load.calls);
      expect(new Set(executed).size).toBe(load.calls);
    } finally {
      await rm(directory, { recursive: true });
    }
  }, 120_000);
});

describe("upstreams", () => {
  it("join, leave, rest, restart and are replaced while calls run", async () => {
    await using harness = await start({ pools: [{ namespace: "p", upstreams: [scripted(), scripted()] }] });
    const { multiplexer } = harness;
    const load = keepCalling(harness, "p__work");
    for (let cycle = 0; cycle < 2; cycle++) {
      expect(await multiplexer.addServer("p", scripted({ VERSION: "3" }))).toBe("p-3");
      expect(upstream(harness, "p-3")).toMatchObject({ status: "ready", server: { version: "3" } });
      const joined = upstream(harness, "p-3")?.pid;
      await multiplexer.updateServer("p-3", { weight: 2, tags: ["fast"] });
      expect(upstream(harness, "p-3")).toMatchObject({ pid: joined, weight: 2, tags: ["fast"] });
      await multiplexer.updateServer("p-3", { env: { VERSION: "4" } });
      expect(upstream(harness, "p-3")).toMatchObject({ server: { version: "4" }, weight: 2 });
      await multiplexer.drain("p-1");
      expect(upstream(harness, "p-1")).toMatchObject({ status: "draining", inFlight: 0 });
      multiplexer.undrain("p-1");
      expect(upstream(harness, "p-1")).toMatchObject({ status: "ready" });
      const old = upstream(harness, "p-2")?.pid;
      await multiplexer.restartServer("p-2");
      await expect.poll(() => upstream(harness, "p-2")?.status).toBe("ready");
      expect(upstream(harness, "p-2")?.pid).not.toBe(old);
      await multiplexer.forceFailover("p-1", "maintenance");
      expect(upstream(harness, "p-1")).toMatchObject({ status: "draining", reason: "maintenance" });
      multiplexer.undrain("p-1");
      await multiplexer.removeServer("p-3");
      expect(upstream(harness, "p-3")).toBeUndefined();
    }
    expect(await load.stop()).toEqual([]);
    const cycle = ["added", "updated", "updated", "restarted", "failover", "removed"].map((type) =>
      type === "failover" ? type : `upstream-${type}`,
    );
    expect(eventTypes(harness)).toEqual([...cycle, ...cycle]);
  }, 90_000);

  it("that is alone restarts without a gap", async () => {
    await using harness = await start({ pools: [{ namespace: "p", upstreams: [scripted()] }] });
    const before = await pid(harness, "p__work");
    const load = keepCalling(harness, "p__work", { ms: 20 });
    await harness.multiplexer.restartServer("p-1");
    expect(await load.stop()).toEqual([]);
    expect(await pid(harness, "p__work")).not.toBe(before);
    await expect.poll(() => harness.multiplexer.getStatus().pools[0]?.replicas.length).toBe(1);
  }, 60_000);

  it("hand their repeatable calls over when they are failed over, and finish the others", async () => {
    await using harness = await start({
      pools: [
        { namespace: "p", strategy: "round-robin", upstreams: [scripted({ SLOW_MS: "60000" }), scripted()] },
      ],
    });
    const reads = [harness.call("p__read", { ms: 1 }), harness.call("p__read", { ms: 1 })];
    await expect.poll(() => upstream(harness, "p-1")?.inFlight).toBe(1);
    const failover = harness.multiplexer.forceFailover("p-1", "stuck");
    const answers = await Promise.all(reads);
    expect(new Set(answers.map(({ text }) => text))).toEqual(
      new Set([String(upstream(harness, "p-2")?.pid)]),
    );
    await failover;
    expect(harness.events.find(({ type }) => type === "failover")).toMatchObject({
      moved: 1,
      reason: "stuck",
    });
    await expect(harness.multiplexer.forceFailover("p-2", "also")).rejects.toMatchObject({
      code: "NO_SERVERS_AVAILABLE",
    });
  }, 60_000);

  it("go on as they were when the new one does not start", async () => {
    await using harness = await start({ pools: [{ namespace: "p", upstreams: [scripted()] }] });
    const before = await pid(harness, "p__work");
    const load = keepCalling(harness, "p__work");
    await expect(
      harness.multiplexer.updateServer("p-1", { command: "no-such-program-anywhere" }),
    ).rejects.toMatchObject({
      code: "CONNECTION_FAILED",
      message: expect.stringContaining("goes on as it was"),
    });
    expect(await load.stop()).toEqual([]);
    expect(await pid(harness, "p__work")).toBe(before);
    await expect(harness.multiplexer.removeServer("p-1")).rejects.toThrow(/last upstream of pool "p"/);
    await expect(harness.multiplexer.drain("p-9")).rejects.toMatchObject({ code: "SERVER_UNKNOWN" });
  }, 60_000);

  it("that are disabled do not run until they are enabled", async () => {
    await using harness = await start({
      pools: [{ namespace: "p", upstreams: [scripted(), scripted({}, { enabled: false })] }],
    });
    expect(upstream(harness, "p-2")).toMatchObject({ status: "disabled", pid: null });
    expect(harness.multiplexer.getStatus().status).toBe("ready");
    const load = keepCalling(harness, "p__work");
    await harness.multiplexer.updateServer("p-2", { enabled: true });
    await expect.poll(() => upstream(harness, "p-2")?.status).toBe("ready");
    await harness.multiplexer.updateServer("p-1", { enabled: false });
    expect(upstream(harness, "p-1")).toMatchObject({ status: "disabled", pid: null });
    expect(await load.stop()).toEqual([]);
    expect(await pid(harness, "p__work")).toBe(upstream(harness, "p-2")?.pid);
  }, 60_000);

  it("of another zone serve when none of the gateway's own does", async () => {
    await using harness = await start({
      zone: "east",
      pools: [
        { namespace: "p", upstreams: [scripted({}, { zone: "west" }), scripted({}, { zone: "east" })] },
      ],
    });
    const east = upstream(harness, "p-2")?.pid;
    expect(new Set(await Promise.all(Array.from({ length: 6 }, () => pid(harness, "p__work"))))).toEqual(
      new Set([east]),
    );
    await harness.multiplexer.drain("p-2");
    expect(await pid(harness, "p__work")).toBe(upstream(harness, "p-1")?.pid);
  }, 60_000);
});
