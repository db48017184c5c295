// Hedging and kept results with real processes and a real server: what runs is written down where it runs.
import { randomUUID } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { scripted, start } from "./harness.ts";
import { httpUpstream, textResult } from "./http-upstream.ts";

describe("hedging", () => {
  it("gets read-only calls past a slow upstream, and runs nothing else twice", async () => {
    const directory = await mkdtemp(join(tmpdir(), "fairlead-hedge-"));
    const ledger = join(directory, "ledger");
    try {
      await using harness = await start({
        pools: [
          {
            namespace: "p",
            strategy: "round-robin",
            timeoutMs: 60_000,
            hedge: { delayMs: 30 },
            upstreams: [scripted({ LEDGER: ledger, SLOW_MS: "1000" }), scripted({ LEDGER: ledger })],
          },
        ],
      });
      const nonces = Array.from({ length: 30 }, () => randomUUID());
      // One kind after the other, so that each upstream gets half of each.
      const answers = await Promise.all(
        ["p__read", "p__work"].flatMap((name) => nonces.map((nonce) => harness.call(name, { nonce }))),
      );
      expect(answers.filter(({ error }) => error !== undefined)).toEqual([]);
      const executions = (await readFile(ledger, "utf8")).trim().split("\n");
      for (const nonce of nonces) {
        expect(executions.filter((line) => line === `work ${nonce}`)).toHaveLength(1);
        expect(executions.filter((line) => line === `read ${nonce}`).length).toBeLessThanOrEqual(2);
      }
      const hedges = harness.multiplexer.getStatus().pools[0]?.hedges;
      expect(hedges?.won).toBeGreaterThan(0);
      expect(executions).toHaveLength(60 + (hedges?.started ?? 0));
    } finally {
      await rm(directory, { recursive: true });
    }
  }, 60_000);
});

describe("kept results", () => {
  it("are a caller's own unless they are shared, and outlive their upstream", async () => {
    await using server = await httpUpstream(() => textResult(String(server.calls.length)));
    const upstreams = [{ transport: "streamable-http", era: "legacy", url: server.url }] as const;
    await using harness = await start({
      pools: [
        { namespace: "own", upstreams, tools: { read: { cache: { ttlMs: 60_000 } } } },
        { namespace: "all", upstreams, tools: { read: { cache: { ttlMs: 60_000, shared: true } } } },
      ],
    });
    const read = async (pool: string, caller: string, args: object = {}): Promise<string | undefined> =>
      (await harness.call(`${pool}__read`, args, { caller })).text;
    const ada = await read("own", "ada");
    expect(await read("own", "ada")).toBe(ada);
    expect(await read("own", "ada", { other: true })).not.toBe(ada);
    expect(await read("own", "bob")).not.toBe(ada);
    const all = await read("all", "ada");
    expect(await read("all", "bob")).toBe(all);
    expect((await harness.call("all__work", {}, { caller: "bob" })).text).not.toBe(all);
    await harness.multiplexer.drain("all-1");
    expect(await read("all", "eve")).toBe(all);
    expect(harness.multiplexer.getStatus().pools.map(({ cache }) => cache)).toMatchObject([
      { entries: 3, hits: 1, misses: 3 },
      { entries: 1, hits: 2, misses: 1 },
    ]);
    // Other options, other results.
    await harness.multiplexer.updatePool({ namespace: "own", upstreams });
    expect(harness.multiplexer.getStatus().pools[0]?.cache).toBeNull();
    expect(await read("own", "ada")).not.toBe(ada);
  }, 60_000);

  it("are asked for once, however many ask at the same time", async () => {
    let letGo = (): void => {};
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    await using server = await httpUpstream(async () => {
      await held;
      return textResult(String(server.calls.length));
    });
    const upstreams = [{ transport: "streamable-http", era: "legacy", url: server.url }] as const;
    await using harness = await start({
      pools: [{ namespace: "p", upstreams, tools: { read: { cache: { ttlMs: 60_000, shared: true } } } }],
    });
    const cache = (): unknown => harness.multiplexer.getStatus().pools[0]?.cache;
    const answers = Array.from({ length: 20 }, (_, at) => harness.call("p__read", {}, { caller: `c${at}` }));
    await vi.waitFor(() => expect(cache()).toMatchObject({ misses: 1, joins: 19 }), { timeout: 20_000 });
    letGo();
    expect(new Set((await Promise.all(answers)).map(({ text }) => text))).toEqual(new Set(["1"]));
    expect(server.calls).toHaveLength(1);
  }, 60_000);

  it("answer a modern client with what a legacy server said once", async () => {
    await using server = await httpUpstream(() => textResult(String(server.calls.length)));
    await using harness = await start({
      pools: [
        {
          namespace: "p",
          upstreams: [{ transport: "streamable-http", era: "legacy", url: server.url }],
          tools: { read: { cache: { ttlMs: 60_000, shared: true } } },
        },
      ],
    });
    const { text } = await harness.call("p__read");
    const version = "2026-07-28";
    const response = await fetch(`${harness.url}/mcp`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "mcp-protocol-version": version,
        "mcp-method": "tools/call",
        "mcp-name": "p__read",
      },
      body: JSON.stringify({
        jsonrpc: "2.0",
        id: "m",
        method: "tools/call",
        params: {
          name: "p__read",
          arguments: {},
          _meta: {
            "io.modelcontextprotocol/protocolVersion": version,
            "io.modelcontextprotocol/clientCapabilities": {},
          },
        },
      }),
    });
    expect(await response.json()).toMatchObject({
      id: "m",
      result: { resultType: "complete", content: [{ text }] },
    });
    expect(server.calls).toHaveLength(1);
  }, 60_000);
});

describe("options that cannot be", () => {
  it("are refused whole, at the start and while it runs", async () => {
    await using harness = await start({ pools: [{ namespace: "p", upstreams: [scripted()] }] });
    const { multiplexer } = harness;
    const before = multiplexer.getStatus().pools[0]?.replicas[0]?.pid;
    for (const wrong of [
      { outlierEjection: { maxEjectedRatio: 7 } },
      { breaker: { failureThreshold: -1 } },
      { adaptiveTimeout: { factor: 0 } },
      { strategy: "fastest" },
    ]) {
      const change = multiplexer.updatePool({
        namespace: "p",
        ...wrong,
        upstreams: [scripted({ VERSION: "2" })],
      });
      await expect(change).rejects.toMatchObject({ code: "INVALID_CONFIG" });
    }
    expect(multiplexer.getStatus().pools[0]?.replicas[0]?.pid).toBe(before);
    expect((await harness.call("p__work")).error).toBeUndefined();
  }, 60_000);
});
