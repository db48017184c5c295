// What must be the same after many times: sessions that come and go, streams, replicas that die at any moment. The benchmark
// has the figures of these; here only what must never happen counts.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import {
  childrenOf,
  createRawClient,
  isAlive,
  type RawClient,
  type RawStream,
  waitUntil,
} from "@fairlead/testbed";
import { expect, it } from "vitest";
import { startGateway, stdioFixture } from "./gateway.ts";

const CYCLES = 200;
const STREAMS = 100;
const KILLS = 6;

async function echo(client: RawClient, name: string, message: string): Promise<unknown> {
  const { result, error } = await client.request("tools/call", { name, arguments: { message } });
  return error ?? result?.["content"];
}

it("leaves no session, no stream and no process behind after many sessions", {
  timeout: 120_000,
}, async () => {
  await using gateway = await startGateway({ pools: { a: { upstreams: [stdioFixture(), stdioFixture()] } } });
  await gateway.untilReady();
  const before = childrenOf(gateway.process.pid).length;
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let at = next++; at < CYCLES; at = next++) {
      using client = createRawClient(`${gateway.url}/mcp`);
      await client.initialize();
      expect(await echo(client, "a__echo", `m${at}`)).toEqual([{ type: "text", text: `m${at}` }]);
      expect(await client.end()).toBeLessThan(300);
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  expect((await gateway.status()).clients).toEqual({ sessions: 0, streams: 0 });
  await waitUntil(() => childrenOf(gateway.process.pid).length <= before, {
    what: "processes to be as before",
  });
  const children = childrenOf(gateway.process.pid);
  gateway.process.kill("SIGTERM");
  expect((await gateway.process.exited).code).toBe(0);
  expect(children.filter(isAlive)).toEqual([]);
});

it("tells every open stream of a change, once, and forgets streams that are cut", {
  timeout: 120_000,
}, async () => {
  await using gateway = await startGateway({ pools: { a: { upstreams: [stdioFixture()] } } });
  await gateway.untilReady();
  const clients = Array.from({ length: STREAMS }, () => createRawClient(`${gateway.url}/mcp`));
  try {
    const streams: RawStream[] = [];
    for (const client of clients) {
      await client.initialize();
      streams.push(await client.listen());
    }
    await waitUntil(async () => (await gateway.status()).clients.streams === STREAMS, {
      what: "the streams",
    });
    const heard: number[] = streams.map(() => 0);
    for (const [at, { messages }] of streams.entries()) {
      void (async () => {
        for await (const { method } of messages)
          if (method === "notifications/tools/list_changed") heard[at] = (heard[at] ?? 0) + 1;
      })().catch(() => {});
    }
    await clients[0]?.request("tools/call", { name: "a__add_tool", arguments: { name: "added" } });
    await waitUntil(() => heard.every((count) => count > 0), { what: "all streams to hear of it" });
    for (const { abort } of streams) abort();
    await waitUntil(async () => (await gateway.status()).clients.streams === 0, { what: "the streams' end" });
    expect(heard).toEqual(streams.map(() => 1));
  } finally {
    for (const client of clients) client.close();
  }
});

it("fails no read-only call while its only process is killed again and again", {
  timeout: 120_000,
}, async () => {
  const restart = { baseDelayMs: 20, maxDelayMs: 50, crashLoopThreshold: 1_000 };
  await using gateway = await startGateway({
    pools: {
      a: {
        upstreams: [{ ...stdioFixture(), era: "legacy" }],
        restart,
        queueTimeoutMs: 20_000,
        breaker: { failureThreshold: 1_000 },
      },
    },
  });
  await gateway.untilReady();
  let stopped = false;
  const problems: unknown[] = [];
  const caller = async (worker: number): Promise<void> => {
    using client = createRawClient(`${gateway.url}/mcp`);
    await client.initialize();
    for (let at = 0; !stopped; at++) {
      const answer = await echo(client, "a__echo", `${worker} ${at}`);
      if (JSON.stringify(answer) !== JSON.stringify([{ type: "text", text: `${worker} ${at}` }]))
        problems.push(answer);
    }
  };
  const callers = Promise.all([0, 1, 2, 3].map(caller));
  for (let kill = 0; kill < KILLS; kill++) {
    const { pid, calls } = await gateway.replica("a-1");
    // Killed while it works: each call is hit once, and then gets its time.
    await waitUntil(async () => (await gateway.replica("a-1")).calls >= calls + 20, { what: "some calls" });
    if (pid !== null) process.kill(pid, "SIGKILL");
    await waitUntil(async () => (await gateway.replica("a-1")).pid !== pid, { what: "the next process" });
    await gateway.untilReady();
  }
  stopped = true;
  await callers;
  expect(problems).toEqual([]);
});

it("does not feed a replica that answers everything with 503 at once", { timeout: 60_000 }, async () => {
  const good = await replica();
  const bad = await replica();
  try {
    await using gateway = await startGateway({
      pools: { a: { upstreams: [good, bad].map(({ url }) => ({ url, era: "legacy" })) } },
    });
    await gateway.untilReady();
    using client = createRawClient(`${gateway.url}/mcp`);
    await client.initialize();
    bad.refuse();
    for (let at = 0; at < 300; at++)
      expect(await echo(client, "a__echo", `m${at}`)).toEqual([{ type: "text", text: `m${at}` }]);
    expect(bad.refused()).toBeGreaterThan(0);
    expect(bad.refused()).toBeLessThan(60);
  } finally {
    good.close();
    bad.close();
  }
});

/** A server with one read-only tool, without sessions, that can be told to refuse calls. */
async function replica(): Promise<{ url: string; refuse(): void; refused(): number; close(): void }> {
  let refuses = false;
  let refused = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      if (request.method !== "POST") {
        response.writeHead(405).end();
        return;
      }
      const { id, method, params } = JSON.parse(Buffer.concat(chunks).toString()) as {
        id?: number;
        method: string;
        params?: { arguments?: { message?: string } };
      };
      if (id === undefined) {
        response.writeHead(202).end();
        return;
      }
      if (method === "tools/call" && refuses) {
        refused++;
        response.writeHead(503).end();
        return;
      }
      const results: Readonly<Record<string, unknown>> = {
        initialize: {
          protocolVersion: "2025-11-25",
          capabilities: { tools: {} },
          serverInfo: { name: "replica", version: "1" },
        },
        "tools/list": {
          tools: [{ name: "echo", inputSchema: { type: "object" }, annotations: { readOnlyHint: true } }],
        },
        "tools/call": { content: [{ type: "text", text: params?.arguments?.message }] },
      };
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify({ jsonrpc: "2.0", id, result: results[method] ?? {} }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    refuse: () => {
      refuses = true;
    },
    refused: () => refused,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
