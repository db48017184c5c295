// How the gateway ends: in order on SIGTERM, and without leaving processes behind however it ends.
import { childrenOf, createRawClient, isAlive, readLedger, waitUntil } from "@fairlead/testbed";
import { expect, it } from "vitest";
import {
  httpFixture,
  ledgerOf,
  startGateway,
  stdioFixture,
  type TestGateway,
  withLedger,
} from "./gateway.ts";

const pools = {
  pool: {
    strategy: "round-robin",
    upstreams: [stdioFixture(withLedger), stdioFixture(withLedger), httpFixture(withLedger)],
  },
};

/** Calls until the gateway no longer takes connections; returns the calls that reached it and got no answer. */
async function callUntilGone(gateway: TestGateway, at: number, onAnswer: () => void): Promise<string[]> {
  using client = createRawClient(`${gateway.url}/mcp`);
  for (let call = 0; ; call++) {
    const nonce = `${at}-${call}`;
    try {
      const { status, messages } = await client.modern("tools/call", {
        name: "pool__lookup",
        arguments: { nonce, delayMs: 20 },
      });
      const text = JSON.stringify(messages.at(-1)?.result?.["content"]);
      if (status !== 200 || text !== JSON.stringify([{ type: "text", text: nonce }]))
        return [`${nonce}: ${status} ${text}`];
      onAnswer();
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // Refused, or met by the end of an idle connection: then it must not have been taken.
      const taken = readLedger(ledgerOf(gateway)).counts.has(nonce);
      return taken || (code !== "ECONNREFUSED" && code !== "ECONNRESET") ? [`${nonce}: ${code}`] : [];
    }
  }
}

it("answers every call that it took when SIGTERM comes under load, and leaves no process", async () => {
  await using gateway = await startGateway({ pools });
  await gateway.untilReady();
  let answers = 0;
  const workers = Array.from({ length: 16 }, (_, at) =>
    callUntilGone(gateway, at, () => {
      answers++;
    }),
  );
  await waitUntil(() => answers > 100, { what: "load" });
  const children = childrenOf(gateway.process.pid);
  expect(children.length).toBeGreaterThanOrEqual(3);
  gateway.process.kill("SIGTERM");
  expect((await Promise.all(workers)).flat()).toEqual([]);
  expect(await gateway.process.exited).toEqual({ code: 0, signal: null });
  await waitUntil(() => !children.some(isAlive), { what: "the children to be gone" });
});

it("leaves no process when it is killed itself", async () => {
  await using gateway = await startGateway({ pools });
  await gateway.untilReady();
  const { pools: all } = await gateway.status();
  const servers = all.flatMap(({ replicas }) => replicas.map(({ pid }) => pid ?? 0));
  gateway.process.kill("SIGKILL");
  await waitUntil(() => !servers.some(isAlive), { what: "the servers to be gone" });
});

it("is alive but not ready while it ends, and a second signal ends it at once", async () => {
  await using gateway = await startGateway({ pools });
  await gateway.untilReady();
  expect((await fetch(`${gateway.url}/readyz`)).status).toBe(200);
  using client = createRawClient(`${gateway.url}/mcp`);
  await client.initialize();
  const call = client.request("tools/call", { name: "pool__slow", arguments: { delayMs: 20_000, steps: 1 } });
  call.catch(() => {});
  await waitUntil(async () => (await gateway.status()).calls.inFlight === 1, { what: "the call to run" });
  gateway.process.kill("SIGTERM");
  await gateway.process.waitForLine(/finishing the calls under way/);
  gateway.process.kill("SIGTERM");
  expect((await gateway.process.exited).code).toBe(1);
  await expect(call).rejects.toThrow();
});
