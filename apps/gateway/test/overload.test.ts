// More calls than a pool has room for: the others are turned away at once, while those that fill it still wait, and whoever
// asks how the gateway is gets an answer. Nothing here depends on how fast the machine is: nothing ends until it is let go.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createRawClient, type RawClient, waitUntil } from "@fairlead/testbed";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startGateway, type TestGateway } from "./gateway.ts";

const SLOTS = 4;
const QUEUE = 8;
const TOO_MANY = 10 * (SLOTS + QUEUE);

let gateway: TestGateway;
/** Calls that the server has and does not answer. */
const held: (() => void)[] = [];
const results: Readonly<Record<string, object>> = {
  initialize: {
    protocolVersion: "2025-11-25",
    capabilities: { tools: {} },
    serverInfo: { name: "held", version: "1" },
  },
  "tools/list": { tools: [{ name: "hold", inputSchema: { type: "object" } }] },
};
const server = createServer((request, response) => {
  void request.toArray().then((chunks) => {
    if (request.method !== "POST") return response.writeHead(405).end();
    const { id, method } = JSON.parse(Buffer.concat(chunks).toString()) as { id?: number; method: string };
    if (id === undefined) return response.writeHead(202).end();
    const answer = (result: object): void => {
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify({ jsonrpc: "2.0", id, result }));
    };
    if (method === "tools/call")
      return held.push(() => answer({ content: [{ type: "text", text: "let go" }] }));
    return answer(results[method] ?? {});
  });
});
let client: RawClient;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  gateway = await startGateway({
    pools: {
      a: {
        maxQueue: QUEUE,
        queueTimeoutMs: 600_000,
        timeoutMs: 600_000,
        healthCheck: { intervalMs: 0 },
        upstreams: [{ url: `http://127.0.0.1:${port}/mcp`, maxConcurrency: SLOTS }],
      },
    },
  });
  await gateway.untilReady();
  client = createRawClient(`${gateway.url}/mcp`);
});
afterAll(async () => {
  client.close();
  await gateway[Symbol.asyncDispose]();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const call = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "a__hold", arguments: {} } };
const queued = async (): Promise<number | undefined> => (await gateway.status()).pools[0]?.queued;

it("turns away at once what it has no room for, answers for its health, and goes on with what it has", async () => {
  const inside = Array.from({ length: SLOTS + QUEUE }, () => client.post(call));
  await waitUntil(async () => held.length === SLOTS && (await queued()) === QUEUE, {
    timeoutMs: 30_000,
    what: "the pool to be full",
  });
  // All of them end although nothing that is inside has ended.
  const refused = await Promise.all(Array.from({ length: TOO_MANY }, () => client.post(call)));
  expect(held).toHaveLength(SLOTS);
  for (const { status, headers, messages } of refused) {
    expect(status).toBe(503);
    expect(Number(headers["retry-after"])).toBeGreaterThanOrEqual(1);
    expect(messages[0]?.error?.data).toMatchObject({ code: "QUEUE_FULL", outcome: "not-executed" });
  }
  expect(await queued()).toBe(QUEUE);
  for (const path of ["/livez", "/readyz", "/metrics", "/api/status"])
    expect((await fetch(`${gateway.url}${path}`)).status, path).toBe(200);
  expect((await client.post({ jsonrpc: "2.0", id: 2, method: "ping" })).messages[0]?.result).toEqual({});
  expect((await client.post({ jsonrpc: "2.0", id: 3, method: "tools/list" })).status).toBe(200);
  // Room is used as it comes.
  let isOver = false;
  const letGo = (async () => {
    while (!isOver) {
      for (const answer of held.splice(0)) answer();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  })();
  for (const { status, text } of await Promise.all(inside)) {
    expect(status).toBe(200);
    expect(text).toContain("let go");
  }
  isOver = true;
  await letGo;
  expect((await gateway.status()).calls.inFlight).toBe(0);
});
