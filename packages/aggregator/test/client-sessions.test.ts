// Sessions of clients with real servers: a process each, an HTTP session each, and what becomes of them.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createMultiplexer, type Multiplexer, type PoolConfig } from "@fairlead/aggregator";
import { createRawClient, fixtureServerPath, isAlive, type RawClient } from "@fairlead/testbed";
import { afterEach, describe, expect, it, vi } from "vitest";

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const stdio = {
  transport: "stdio",
  era: "legacy",
  command: process.execPath,
  args: [fixtureServerPath, "--stdio"],
} as const;
const http = {
  transport: "streamable-http",
  era: "legacy",
  url: "http://localhost/mcp",
  command: process.execPath,
  args: [fixtureServerPath, "--http", "--socket", "{socket}"],
} as const;

async function start(
  pool: Omit<PoolConfig, "namespace">,
): Promise<{ multiplexer: Multiplexer; open: () => Promise<RawClient> }> {
  const multiplexer = createMultiplexer({ pools: [{ namespace: "p", startTimeoutMs: 30_000, ...pool }] });
  await multiplexer.initialize({ settleMs: 60_000 });
  const front = createServer((request, response) => void multiplexer.handler(request, response));
  await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
  closing.push(
    () => front.closeAllConnections(),
    () => front.close(),
    () => multiplexer.close(),
  );
  const url = `http://127.0.0.1:${(front.address() as AddressInfo).port}/mcp/p`;
  const open = async (): Promise<RawClient> => {
    const client = createRawClient(url);
    closing.push(() => client.close());
    await client.initialize();
    return client;
  };
  return { multiplexer, open };
}

/** Calls a tool that may be repeated; returns the process that answered. */
async function pidFor(client: RawClient): Promise<number> {
  const { result } = await client.request("tools/call", { name: "echo", arguments: { message: "m" } });
  const { _meta } = (result ?? {}) as { _meta?: { "fixture/pid": number } };
  return _meta?.["fixture/pid"] ?? Number.NaN;
}

const replicasOf = (multiplexer: Multiplexer) => multiplexer.getStatus().pools[0]?.replicas ?? [];

describe("a process for each client", () => {
  it("is its own, survives others' crashes, is replaced when it crashes, and ends with its client", async () => {
    const { multiplexer, open } = await start({ session: "per-client", upstreams: [stdio] });
    const [one, two] = [await open(), await open()];
    const [first, second] = [await pidFor(one), await pidFor(two)];
    const [shared] = replicasOf(multiplexer);
    expect(new Set([first, second, shared?.pid]).size).toBe(3);
    expect(shared?.sessions).toBe(2);
    expect(await pidFor(one)).toBe(first);

    process.kill(first, "SIGKILL");
    const replacement = await pidFor(one);
    expect([first, second, shared?.pid]).not.toContain(replacement);
    expect(await pidFor(two)).toBe(second);

    await one.end();
    await vi.waitFor(() => expect(isAlive(replacement)).toBe(false), { timeout: 20_000 });
    await multiplexer.close();
    expect([second, shared?.pid ?? 0].map(isAlive)).toEqual([false, false]);
  });

  it("beyond the bound takes the place of the one that was idle for longest", async () => {
    const { multiplexer, open } = await start({
      session: "per-client",
      sessionLimits: { max: 1 },
      upstreams: [stdio],
    });
    const [one, two] = [await open(), await open()];
    const first = await pidFor(one);
    const second = await pidFor(two);
    expect(second).not.toBe(first);
    expect(replicasOf(multiplexer)[0]?.sessions).toBe(1);
    await vi.waitFor(() => expect(isAlive(first)).toBe(false), { timeout: 20_000 });
    expect(await pidFor(one)).not.toBe(first);
  });
});

describe("a client of two servers over HTTP", () => {
  it("stays with the one that has its session, and goes to the other when that ends", async () => {
    const { multiplexer, open } = await start({ strategy: "round-robin", upstreams: [http, http] });
    const client = await open();
    const home = await pidFor(client);
    for (let call = 0; call < 6; call++) expect(await pidFor(client)).toBe(home);
    expect(
      replicasOf(multiplexer)
        .map(({ sessions }) => sessions)
        .toSorted((a, b) => a - b),
    ).toEqual([0, 1]);
    process.kill(home, "SIGKILL");
    const away = await pidFor(client);
    expect(replicasOf(multiplexer).map(({ pid }) => pid)).toContain(away);
    expect(away).not.toBe(home);
    for (let call = 0; call < 6; call++) expect(await pidFor(client)).toBe(away);
  });

  it("is spread with others over both", async () => {
    const { open } = await start({ strategy: "round-robin", upstreams: [http, http] });
    const clients = await Promise.all(Array.from({ length: 6 }, open));
    const homes: number[] = [];
    for (const client of clients) homes.push(await pidFor(client));
    expect(new Set(homes).size).toBe(2);
  });
});
