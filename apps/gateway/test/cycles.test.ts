// Reloads and ends under load, again and again: no call is dropped. A few by default; FAIRLEAD_SUITE_RELOADS and
// FAIRLEAD_SUITE_ENDS make it more.
import { writeFile } from "node:fs/promises";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { freePort, readLedger, type StartedProcess, tempDir } from "@fairlead/testbed";
import { expect, it } from "vitest";
import { ledgerOf, NO_LIMITS, startGateway, startOnPort, stdioFixture, withLedger } from "./gateway.ts";

const RELOADS = Number(process.env["FAIRLEAD_SUITE_RELOADS"] ?? 4);
const ENDS = Number(process.env["FAIRLEAD_SUITE_ENDS"] ?? 2);
const WORKERS = 8;

interface Load {
  answered: number;
  /** Calls that got another answer than theirs, or none although they were executed. */
  readonly dropped: string[];
  /** Calls that nobody took, and that no server executed: no gateway, or one that has just begun or is about to end. */
  refused: number;
}

/** One call over a kept connection. */
function call(url: string, agent: Agent, nonce: string): Promise<string> {
  const params = { name: "a__lookup", arguments: { nonce } };
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params });
  const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
  return new Promise((resolve) => {
    const outgoing = request(`${url}/mcp`, { method: "POST", agent, headers }, (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => {
        text += chunk.toString();
      });
      response.on("end", () => {
        if (text.includes(nonce)) resolve("answered");
        else
          resolve(text.includes('"outcome":"not-executed"') ? "refused" : `${response.statusCode} ${text}`);
      });
      response.on("error", (error) => resolve(`answer cut: ${error.message}`));
    });
    outgoing.on("error", ({ code, message }: NodeJS.ErrnoException) => {
      // Also what meets the very end of a connection; whether it was executed is in the ledger.
      resolve(code === "ECONNREFUSED" || code === "ECONNRESET" ? "refused" : `${code}: ${message}`);
    });
    outgoing.end(body);
  });
}

async function underLoad(url: string, ledger: string, until: () => boolean): Promise<Load> {
  const load: Load = { answered: 0, dropped: [], refused: 0 };
  const refused: string[] = [];
  const agent = new Agent({ keepAlive: true, maxSockets: WORKERS });
  const worker = async (at: number): Promise<void> => {
    for (let turn = 0; !until(); turn++) {
      const nonce = `n-${at}-${turn}-end`;
      const outcome = await call(url, agent, nonce);
      if (outcome === "answered") load.answered++;
      else if (outcome === "refused") {
        refused.push(nonce);
        await new Promise((resolve) => setTimeout(resolve, 20));
      } else load.dropped.push(outcome);
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, (_, at) => worker(at)));
  agent.destroy();
  const { counts } = readLedger(ledger);
  load.refused = refused.length;
  load.dropped.push(
    ...refused.filter((nonce) => counts.has(nonce)).map((nonce) => `${nonce} was executed, not answered`),
  );
  return load;
}

it(`drops no call through ${RELOADS} reloads that add, change and remove servers`, {
  timeout: 60_000 + RELOADS * 5_000,
}, async () => {
  const base = {
    clients: NO_LIMITS,
    pools: { a: { upstreams: [stdioFixture(withLedger), stdioFixture(withLedger)] } },
  };
  await using gateway = await startGateway(base);
  await gateway.untilReady();
  const headers = { authorization: `Bearer ${await gateway.adminToken()}` };
  let isOver = false;
  const load = underLoad(gateway.url, ledgerOf(gateway), () => isOver);
  for (let cycle = 0; cycle < RELOADS; cycle++) {
    const upstreams = [
      { ...stdioFixture(withLedger), id: "a-1", weight: 1 + (cycle % 3) },
      { ...stdioFixture({ ...withLedger, FIXTURE_NAME: `fixture-${cycle % 4}` }), id: "a-2" },
    ];
    const extra = cycle % 2 === 0 ? { b: { upstreams: [{ url: "http://127.0.0.1:9/mcp" }] } } : {};
    await writeFile(
      gateway.file,
      JSON.stringify({ ...base, pools: { a: { maxQueue: 500 + cycle, upstreams }, ...extra } }),
    );
    const report = (await (
      await fetch(`${gateway.url}/api/config/reload`, { method: "POST", headers })
    ).json()) as {
      ok: boolean;
      error: string | null;
    };
    expect(report.error).toBeNull();
  }
  isOver = true;
  const { answered, dropped } = await load;
  console.log(`${RELOADS} reloads: ${answered} calls answered, ${dropped.length} dropped`);
  expect(dropped).toEqual([]);
  expect(answered).toBeGreaterThan(WORKERS);
});

it(`drops no call through ${ENDS} ends by SIGTERM`, { timeout: 60_000 + ENDS * 20_000 }, async () => {
  await using directory = await tempDir();
  const file = join(directory.path, "fairlead.config.yaml");
  await writeFile(
    file,
    JSON.stringify({ clients: NO_LIMITS, pools: { a: { upstreams: [stdioFixture(withLedger)] } } }),
  );
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const start = (): Promise<StartedProcess> => startOnPort(file, port, directory.path);
  let isOver = false;
  let gateway = await start();
  const load = underLoad(url, join(directory.path, "ledger"), () => isOver);
  try {
    for (let cycle = 0; cycle < ENDS; cycle++) {
      await new Promise((resolve) => setTimeout(resolve, 200));
      gateway.kill("SIGTERM");
      expect((await gateway.exited).code).toBe(0);
      gateway = await start();
    }
  } finally {
    isOver = true;
  }
  const { answered, dropped, refused } = await load;
  await gateway[Symbol.asyncDispose]();
  console.log(
    `${ENDS} ends: ${answered} calls answered, ${dropped.length} dropped, ${refused} refused in between`,
  );
  expect(dropped).toEqual([]);
  expect(answered).toBeGreaterThan(ENDS);
});
