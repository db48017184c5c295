// Sessions that come and go: processes, sessions and memory that are left behind.
import { childrenOf, fixtureServerPath, isAlive, waitUntil } from "@fairlead/testbed";
import { Pool } from "undici";
import { type Figure, figuresScenario } from "../figures.ts";
import { endSession, openLegacySession, post, repeat, startGateway } from "../gateway.ts";
import type { Scenario } from "../result.ts";

const CONCURRENCY = 16;
const PATH = "/mcp";

export const cycles: Scenario = figuresScenario({
  name: "cycles",
  description: "what sessions leave behind that come and go",
  summary:
    "Opens a session, lists, calls and ends it, # times; then looks at what is left, before and after the gateway's end.",
  count: { quick: 200, full: 1_000 },
  run: measureCycles,
});

async function measureCycles(count: number, onProgress: (line: string) => void): Promise<readonly Figure[]> {
  const upstream = { command: process.execPath, args: [fixtureServerPath, "--stdio"] };
  let errors = 0;
  let children: readonly number[] = [];
  const figures: Figure[] = [];
  {
    await using gateway = await startGateway({ pools: { pool: { upstreams: [upstream, upstream] } } });
    const { pid } = gateway.process;
    const pool = new Pool(gateway.url, { connections: CONCURRENCY });
    const cycle = async (at: number): Promise<void> => {
      const headers = await openLegacySession(pool, PATH);
      await post(pool, PATH, headers, { id: 1, method: "tools/list" });
      const params = { name: "pool__echo", arguments: { message: `m${at}` } };
      const answer = await post(pool, PATH, headers, { id: 2, method: "tools/call", params });
      if (!answer.includes(`"m${at}"`)) errors++;
      await endSession(pool, PATH, headers);
    };
    await repeat(CONCURRENCY * 2, CONCURRENCY, cycle);
    const processesBefore = childrenOf(pid).filter(isAlive).length;
    const before = await gateway.settledRssBytes();
    await repeat(count, CONCURRENCY, cycle);
    const { clients } = await gateway.status();
    const after = await gateway.settledRssBytes();
    children = childrenOf(pid);
    onProgress(`${count} cycles, ${children.length} processes below the gateway`);
    await pool.close();
    figures.push(
      { what: "sessions left", value: clients.sessions, unit: "sessions", atMost: 0 },
      { what: "processes below the gateway before", value: processesBefore, unit: "processes" },
      {
        what: "processes below the gateway after",
        value: children.filter(isAlive).length,
        unit: "processes",
      },
      { what: "zombies", value: children.filter((child) => !isAlive(child)).length, unit: "processes" },
      { what: "RSS kept per cycle", value: (after - before) / 1024 / count, unit: "KiB" },
    );
  }
  await waitUntil(() => !children.some(isAlive), {
    what: "the end of all processes",
    timeoutMs: 5_000,
  }).catch(() => undefined);
  figures.push(
    {
      what: "processes left after the gateway's end",
      value: children.filter(isAlive).length,
      unit: "processes",
    },
    { what: "calls that failed", value: errors, unit: "calls", atMost: 0 },
  );
  return figures;
}
