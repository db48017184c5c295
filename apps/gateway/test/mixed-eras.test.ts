// One pool, replicas of both eras: a call goes from one to the other in the other's words, and comes back in the client's.
import { createRawClient, type LedgerEntry, readLedger, waitUntil } from "@fairlead/testbed";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  httpFixture,
  ledgerOf,
  modernHttpFixture,
  modernStdioFixture,
  startGateway,
  stdioFixture,
  type TestGateway,
  withLedger,
} from "./gateway.ts";
import { legacyClient, modernClient } from "./sdk-clients.ts";

let gateway: TestGateway;

const stdio = { legacy: stdioFixture(withLedger), modern: modernStdioFixture(withLedger) };
const httpEnv = { ...withLedger, FIXTURE_SCHEME: "http" };
const http = { legacy: httpFixture(httpEnv), modern: modernHttpFixture(httpEnv) };

beforeAll(async () => {
  /** All calls go to the first as long as it is well. */
  const preferred = (first: object, second: object): object => ({
    upstreams: [
      { ...first, priority: 0 },
      { ...second, priority: 1 },
    ],
  });
  gateway = await startGateway({
    pools: {
      "stdio-legacy": preferred(stdio.legacy, stdio.modern),
      "stdio-modern": preferred(stdio.modern, stdio.legacy),
      "http-legacy": preferred(http.legacy, http.modern),
      "http-modern": preferred(http.modern, http.legacy),
      both: { strategy: "round-robin", upstreams: [stdio.legacy, stdio.modern] },
    },
  });
  await gateway.untilReady();
});
afterAll(() => gateway[Symbol.asyncDispose]());

function executions(nonce: string): LedgerEntry[] {
  return readLedger(ledgerOf(gateway)).entries.filter((entry) => entry.nonce === nonce);
}

describe.each([
  { sdk: "v1", connect: legacyClient },
  { sdk: "v2", connect: modernClient },
])("a client of the $sdk SDK", ({ sdk, connect }) => {
  it.each([
    { pool: "stdio-legacy", from: "legacy", to: "modern" },
    { pool: "stdio-modern", from: "modern", to: "legacy" },
    { pool: "http-legacy", from: "legacy", to: "modern" },
    { pool: "http-modern", from: "modern", to: "legacy" },
  ])(
    "sees no failure when the $from replica of $pool is killed during a repeatable call",
    async ({ pool, from, to }) => {
      await gateway.untilReady();
      const client = await connect(new URL(`${gateway.url}/mcp/${pool}`));
      try {
        const nonce = `${sdk}-${pool}`;
        const call = client.callTool("lookup", { nonce, holdMs: 300 });
        await waitUntil(() => executions(nonce).length > 0, { what: "the call to be executed" });
        const [first, second] = [await gateway.replica(`${pool}-1`), await gateway.replica(`${pool}-2`)];
        expect([first.era, second.era]).toEqual([from, to]);
        process.kill(first.pid ?? Number.NaN, "SIGKILL");
        expect(JSON.stringify(await call)).toContain(nonce);
        expect(executions(nonce).map(({ pid }) => pid)).toEqual([first.pid, second.pid]);
      } finally {
        await client.close();
      }
    },
  );
});

it("keeps the eras of replicas that were restarted", async () => {
  await gateway.untilReady();
  const { pools } = await gateway.status();
  const eras = pools.map(({ namespace, replicas }) => [namespace, ...replicas.map(({ era }) => era)]);
  expect(eras).toEqual([
    ["stdio-legacy", "legacy", "modern"],
    ["stdio-modern", "modern", "legacy"],
    ["http-legacy", "legacy", "modern"],
    ["http-modern", "modern", "legacy"],
    ["both", "legacy", "modern"],
  ]);
});

it("runs what may not be repeated once, by replicas of both eras", async () => {
  await gateway.untilReady();
  using client = createRawClient(`${gateway.url}/mcp/both`);
  await client.initialize();
  const nonces = Array.from({ length: 20 }, (_, at) => `append-${at}`);
  const calls = nonces.map((nonce) => client.request("tools/call", { name: "append", arguments: { nonce } }));
  for (const reply of await Promise.all(calls)) expect(reply.result).toBeDefined();
  expect(nonces.map((nonce) => executions(nonce).length)).toEqual(nonces.map(() => 1));
  expect(new Set(nonces.map((nonce) => executions(nonce)[0]?.pid)).size).toBe(2);
});

it("sends the further round of a call that asked for input to the replica that understands it", async () => {
  await gateway.untilReady();
  using client = createRawClient(`${gateway.url}/mcp/both`);
  const capable = { "io.modelcontextprotocol/clientCapabilities": { elicitation: { form: {} } } };
  for (let call = 0; call < 6; call++) {
    const params = { name: "confirm", arguments: { nonce: `n${call}` }, _meta: capable };
    const [asked] = (await client.modern("tools/call", params)).messages;
    expect(asked).toMatchObject({ result: { resultType: "input_required" } });
    const answered = {
      ...params,
      requestState: asked?.result?.["requestState"],
      inputResponses: { sure: { action: "accept", content: { sure: true } } },
    };
    const [completed] = (await client.modern("tools/call", answered)).messages;
    expect(completed).toMatchObject({
      result: { content: [{ text: `n${call} true state of n${call}` }] },
    });
  }
});

it("sends a further round to no replica that would take it for a first one", async () => {
  await gateway.untilReady();
  using client = createRawClient(`${gateway.url}/mcp/both`);
  const { pid } = await gateway.replica("both-2");
  for (let call = 0; call < 4; call++) {
    const params = { name: "echo", arguments: { message: "m" }, requestState: "s" };
    const [answer] = (await client.modern("tools/call", params)).messages;
    expect(answer).toMatchObject({ result: { _meta: { "fixture/pid": pid } } });
  }
});

it("takes a frozen replica of the modern era out, and back in when it answers discovery again", async () => {
  await using own = await startGateway({
    pools: {
      pool: {
        healthCheck: { intervalMs: 50, timeoutMs: 200, failureThreshold: 2 },
        upstreams: [modernHttpFixture(), modernStdioFixture()],
      },
    },
  });
  await own.untilReady();
  for (const id of ["pool-1", "pool-2"]) {
    const { pid } = await own.replica(id);
    process.kill(pid ?? Number.NaN, "SIGSTOP");
    await waitUntil(async () => (await own.replica(id)).status === "unhealthy", { what: `${id} to be out` });
    expect((await own.replica(id)).reason).toMatch(/did not answer server\/discover/);
    process.kill(pid ?? Number.NaN, "SIGCONT");
    await waitUntil(async () => (await own.replica(id)).status === "ready", { what: `${id} to be back` });
    expect(await own.replica(id)).toMatchObject({ pid, restarts: 0 });
  }
});
