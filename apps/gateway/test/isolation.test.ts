// Clients that use the same ids at the same time must never see each other's answers.
import { createRawClient, type RawClient } from "@fairlead/testbed";
import { expect, it } from "vitest";
import { httpFixture, startGateway, stdioFixture } from "./gateway.ts";

const CLIENTS = 16;
const CALLS = 10_000;

/** Every client counts its ids from 0, so all of them are in use by all clients at once. */
async function callAll(client: RawClient, at: number, era: "legacy" | "modern"): Promise<string[]> {
  const mismatches: string[] = [];
  const perClient = CALLS / CLIENTS;
  const worker = async (first: number): Promise<void> => {
    for (let id = first; id < perClient; id += 4) {
      const nonce = `client ${at} call ${id}`;
      const params = { name: "pool__echo", arguments: { nonce } };
      const answer =
        era === "legacy"
          ? await client.request("tools/call", params, { id })
          : (await client.modern("tools/call", params, { id })).messages.find((message) => message.id === id);
      const text = JSON.stringify(answer?.result?.["content"]);
      if (answer?.id !== id || text !== JSON.stringify([{ type: "text", text: nonce }])) {
        mismatches.push(`${nonce} got ${JSON.stringify(answer)}`);
      }
    }
  };
  await Promise.all([0, 1, 2, 3].map(worker));
  return mismatches;
}

it("gives 16 clients with equal ids their own answers, over 10,000 interleaved calls", async () => {
  await using gateway = await startGateway({
    pools: { pool: { strategy: "round-robin", upstreams: [stdioFixture(), stdioFixture(), httpFixture()] } },
  });
  await gateway.untilReady();
  const clients = Array.from({ length: CLIENTS }, () => createRawClient(`${gateway.url}/mcp`));
  try {
    const results = await Promise.all(
      clients.map(async (client, at) => {
        const era = at % 2 === 0 ? "legacy" : "modern";
        if (era === "legacy") await client.initialize();
        return callAll(client, at, era);
      }),
    );
    expect(results.flat()).toEqual([]);
    const { calls, pools } = await gateway.status();
    expect(calls).toMatchObject({ total: CALLS, failed: 0, inFlight: 0 });
    for (const replica of pools.flatMap((pool) => pool.replicas))
      expect(replica.calls).toBeGreaterThan(CALLS / 4);
  } finally {
    for (const client of clients) client.close();
  }
});
