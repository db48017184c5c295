// Servers die under load. What may run twice never fails; what may not runs at most once, and nobody is left in doubt
// without being told so.

import type { UpstreamStatus } from "@fairlead/aggregator";
import { createRawClient, readLedger, waitUntil } from "@fairlead/testbed";
import { expect, it } from "vitest";
import {
  httpFixture,
  ledgerOf,
  startGateway,
  stdioFixture,
  type TestGateway,
  withLedger,
} from "./gateway.ts";

interface Load {
  /** Nonces that were answered with a result, and the errors of those that were not. */
  readonly answered: string[];
  readonly errors: {
    readonly nonce: string;
    readonly data: Record<string, unknown>;
    readonly message: string;
  }[];
  stop(): Promise<void>;
}

/** Calls a tool from several clients, one call after the other each, until stopped. */
async function startLoad(gateway: TestGateway, tool: string, clients: number): Promise<Load> {
  const answered: string[] = [];
  const errors: Load["errors"] = [];
  let stopped = false;
  const worker = async (at: number): Promise<void> => {
    using client = createRawClient(`${gateway.url}/mcp`);
    await client.initialize();
    for (let call = 0; !stopped; call++) {
      const nonce = `${tool}-${at}-${call}`;
      const reply = await client.request("tools/call", {
        name: `pool__${tool}`,
        arguments: { nonce, holdMs: 50 },
      });
      if (reply.result !== undefined) answered.push(nonce);
      else
        errors.push({
          nonce,
          data: reply.error?.data as Record<string, unknown>,
          message: reply.error?.message ?? "",
        });
    }
  };
  const workers = Promise.all(Array.from({ length: clients }, (_, at) => worker(at)));
  return {
    answered,
    errors,
    async stop() {
      stopped = true;
      await workers;
    },
  };
}

/** Kills every replica once, each after its predecessor's replacement is ready and load has flowed again. */
async function killOneAfterAnother(gateway: TestGateway, load: Load): Promise<void> {
  for (const id of ["pool-1", "pool-2", "pool-3"]) {
    const before = load.answered.length;
    await waitUntil(() => load.answered.length > before + 100, {
      what: "calls to be answered",
      timeoutMs: 30_000,
    });
    // Killed in the middle of calls, which it holds for a while after it has executed them.
    const busy = async (): Promise<UpstreamStatus | undefined> => {
      const replica = await gateway.replica(id);
      return replica.inFlight > 0 ? replica : undefined;
    };
    const { pid, restarts } = await waitUntil(busy, { what: `calls on ${id}` });
    process.kill(pid ?? Number.NaN, "SIGKILL");
    await waitUntil(
      async () => {
        const now = await gateway.replica(id);
        return now.status === "ready" && now.restarts === restarts + 1 && now.pid !== pid;
      },
      { what: `a replacement of ${id}`, timeoutMs: 30_000 },
    );
  }
}

async function startPool(): Promise<{ gateway: TestGateway; ledger: string }> {
  const gateway = await startGateway({
    pools: {
      pool: {
        strategy: "round-robin",
        upstreams: [stdioFixture(withLedger), stdioFixture(withLedger), httpFixture(withLedger)],
      },
    },
  });
  await gateway.untilReady();
  return { gateway, ledger: ledgerOf(gateway) };
}

it("fails no call that may be repeated while replicas are killed one after another", async () => {
  const { gateway } = await startPool();
  await using _ = gateway;
  const load = await startLoad(gateway, "lookup", 12);
  await killOneAfterAnother(gateway, load);
  await load.stop();
  expect(load.errors).toEqual([]);
  expect(load.answered.length).toBeGreaterThan(300);
});

it("runs what may not be repeated at most once, answers every call, and names unknown outcomes", async () => {
  const { gateway, ledger } = await startPool();
  await using _ = gateway;
  const load = await startLoad(gateway, "append", 12);
  await killOneAfterAnother(gateway, load);
  await load.stop();

  const { counts } = readLedger(ledger);
  expect([...counts].filter(([, count]) => count > 1)).toEqual([]);
  for (const nonce of load.answered) expect(counts.get(nonce), nonce).toBe(1);
  // Three kills under a load of twelve: some calls were caught in the middle.
  expect(load.errors.length).toBeGreaterThan(0);
  for (const { data, message } of load.errors) {
    expect(data).toMatchObject({ code: "OUTCOME_UNKNOWN", outcome: "unknown", pool: "pool" });
    expect(message).toMatch(/may have been executed/);
  }
});

it("fails no call that may be repeated while the only replica is killed again and again, as soon as it has calls", async () => {
  const clients = 6;
  await using gateway = await startGateway({
    pools: {
      pool: {
        queueTimeoutMs: 20_000,
        restart: { baseDelayMs: 20, maxDelayMs: 100, crashLoopThreshold: 100 },
        upstreams: [httpFixture()],
      },
    },
  });
  await gateway.untilReady();
  const load = await startLoad(gateway, "lookup", clients);
  for (let kill = 0; kill < 8; kill++) {
    const busy = async (): Promise<UpstreamStatus | undefined> => {
      const replica = await gateway.replica("pool-1");
      return replica.status === "ready" && replica.inFlight === clients ? replica : undefined;
    };
    const { pid } = await waitUntil(busy, { what: "calls", intervalMs: 5, timeoutMs: 30_000 });
    process.kill(pid ?? Number.NaN, "SIGKILL");
    await waitUntil(async () => (await gateway.replica("pool-1")).pid !== pid, {
      what: "its end",
      intervalMs: 5,
    });
  }
  await load.stop();
  expect(load.errors).toEqual([]);
  expect(load.answered.length).toBeGreaterThanOrEqual(clients);
});

it("waits for the only replica to come back instead of failing the next call", async () => {
  await using gateway = await startGateway({
    pools: { pool: { upstreams: [stdioFixture()] } },
  });
  await gateway.untilReady();
  using client = createRawClient(`${gateway.url}/mcp`);
  await client.initialize();
  const { pid } = await gateway.replica("pool-1");
  process.kill(pid ?? Number.NaN, "SIGKILL");
  const reply = await client.request("tools/call", {
    name: "pool__echo",
    arguments: { nonce: "after the crash" },
  });
  expect(reply).toMatchObject({ result: { content: [{ type: "text", text: "after the crash" }] } });
});
