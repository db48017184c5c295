// Upstreams that hang, that come late, and that refuse everything at once, beside one that is well.
import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fixtureServerPath, waitUntil } from "@fairlead/testbed";
import { Pool } from "undici";
import { type Figure, figuresScenario, percentile } from "../figures.ts";
import { openLegacySession, post, startGateway } from "../gateway.ts";
import type { Scenario } from "../result.ts";

const LISTS = 200;
const CALLS = 2_000;
const PATH = "/mcp";

export const frozen: Scenario = figuresScenario({
  name: "frozen",
  description: "start, lists and calls beside upstreams that hang, come late or refuse",
  summary:
    "Starts with # upstreams that never answer, one that comes late and one that is well; then has one of two replicas refuse everything.",
  count: { quick: 4, full: 16 },
  run: measureFrozen,
});

async function measureFrozen(count: number, onProgress: (line: string) => void): Promise<readonly Figure[]> {
  const figures = [...(await withFrozen(count)), ...(await withRefusing())];
  for (const { what, value, unit } of figures) onProgress(`${what}: ${value.toFixed(1)} ${unit}`);
  return figures;
}

async function withFrozen(count: number): Promise<readonly Figure[]> {
  const upstream = (env: Readonly<Record<string, string>> = {}): object => ({
    command: process.execPath,
    args: [fixtureServerPath, "--stdio"],
    era: "legacy",
    env,
  });
  const hang = (file: string): object => upstream({ FIXTURE_HANG_UNTIL: `\${FAIRLEAD_CONFIG_DIR}/${file}` });
  const stuck = Array.from({ length: count }, (_, at) => [`frozen${at}`, { upstreams: [hang("never")] }]);
  const startedAt = performance.now();
  await using gateway = await startGateway({
    pools: {
      well: { upstreams: [upstream()] },
      late: { upstreams: [hang("late")], startTimeoutMs: 60_000 },
      ...Object.fromEntries(stuck),
    },
    readyPath: "/livez",
  });
  const listeningMs = performance.now() - startedAt;
  const pool = new Pool(gateway.url, { connections: 1 });
  const session = await openLegacySession(pool, PATH);
  const list = () => post(pool, PATH, session, { id: 1, method: "tools/list" });
  await waitUntil(async () => (await list()).includes("well__echo"), { what: "the tools", intervalMs: 5 });
  const listedMs = performance.now() - startedAt;

  const lists: number[] = [];
  for (let at = 0; at < LISTS; at++) {
    const since = performance.now();
    await list();
    lists.push(performance.now() - since);
  }
  await writeFile(join(gateway.folder, "late"), "");
  const wellAt = performance.now();
  await waitUntil(async () => (await list()).includes("late__echo"), { what: "the late one", intervalMs: 5 });
  const joinedMs = performance.now() - wellAt;
  await pool.close();
  return [
    { what: "start until the port answers", value: listeningMs, unit: "ms" },
    { what: "start until the tools of the well one are listed", value: listedMs, unit: "ms" },
    { what: "tools/list, p50", value: percentile(lists, 50), unit: "ms", atMost: 50 },
    { what: "tools/list, longest", value: Math.max(...lists), unit: "ms" },
    { what: "a late one joins after it is well", value: joinedMs, unit: "ms", atMost: 2_000 },
  ];
}

/** Two replicas; after a while one answers every call with 503 at once, which a naive balancer takes for speed. */
async function withRefusing(): Promise<readonly Figure[]> {
  const servers = [createReplica(), createReplica()] as const;
  const urls = await Promise.all(servers.map((one) => one.listen()));
  try {
    await using gateway = await startGateway({
      pools: { pool: { upstreams: urls.map((url) => ({ url, era: "legacy" })) } },
    });
    const pool = new Pool(gateway.url, { connections: 8 });
    const session = await openLegacySession(pool, PATH);
    let errors = 0;
    const calls = async (count: number): Promise<void> => {
      let next = 0;
      const caller = async (): Promise<void> => {
        while (next < count) {
          const message = `m${next++}`;
          const params = { name: "pool__echo", arguments: { message } };
          const answer = await post(pool, PATH, session, { id: message, method: "tools/call", params });
          if (!answer.includes(`"text":"${message}"`)) errors++;
        }
      };
      await Promise.all(Array.from({ length: 8 }, caller));
    };
    await calls(200);
    const [bad] = servers;
    bad.refuse();
    await calls(CALLS);
    await pool.close();
    return [
      { what: "one of two answers 503 at once: read-only calls", value: CALLS, unit: "calls" },
      { what: "of these failed", value: errors, unit: "calls", atMost: 0 },
      { what: "of these were sent to the bad one", value: bad.refused, unit: "calls", atMost: CALLS / 20 },
    ];
  } finally {
    for (const one of servers) one.close();
  }
}

interface Replica {
  listen(): Promise<string>;
  refuse(): void;
  readonly refused: number;
  close(): void;
}

function createReplica(): Replica {
  let refuses = false;
  let refused = 0;
  const results = (method: string, message: unknown): unknown =>
    ({
      initialize: {
        protocolVersion: "2025-11-25",
        capabilities: { tools: {} },
        serverInfo: { name: "replica", version: "1" },
      },
      "tools/list": {
        tools: [{ name: "echo", inputSchema: { type: "object" }, annotations: { readOnlyHint: true } }],
      },
      "tools/call": { content: [{ type: "text", text: message }] },
    })[method] ?? {};
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      if (request.method !== "POST") {
        response.writeHead(405).end();
        return;
      }
      const { id, method, params } = JSON.parse(Buffer.concat(chunks).toString()) as {
        id?: unknown;
        method: string;
        params?: { arguments?: { message?: unknown } };
      };
      if (refuses && method === "tools/call") {
        refused++;
        response.writeHead(503).end("busy");
      } else if (id === undefined) response.writeHead(202).end();
      else {
        response.writeHead(200, { "content-type": "application/json" });
        response.end(
          JSON.stringify({ jsonrpc: "2.0", id, result: results(method, params?.arguments?.message) }),
        );
      }
    });
  });
  return {
    listen: () =>
      new Promise((resolve) => {
        server.listen(0, "127.0.0.1", () =>
          resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`),
        );
      }),
    refuse() {
      refuses = true;
    },
    get refused() {
      return refused;
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
