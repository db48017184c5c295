// Sessions that come and go: processes, sessions and memory that are left behind.
import { childrenOf, fixtureServerPath, isAlive, waitUntil } from "@fairlead/testbed";
import { Pool } from "undici";
import type { FiguresResult } from "../figures.ts";
import { endSession, openLegacySession, post, repeat, startGateway } from "../gateway.ts";

export interface CyclesOptions {
  readonly cycles: number;
  readonly onProgress: (line: string) => void;
}

const CONCURRENCY = 16;
const PATH = "/mcp";

/** Opens a session, lists, calls and ends it, `cycles` times; then looks at what is left, before and after the gateway's end. */
export async function runCycles({ cycles, onProgress }: CyclesOptions): Promise<FiguresResult> {
  const upstream = { command: process.execPath, args: [fixtureServerPath, "--stdio"] };
  let errors = 0;
  let children: readonly number[] = [];
  const figures = [];
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
    await repeat(cycles, CONCURRENCY, cycle);
    const { clients } = await gateway.status();
    const after = await gateway.settledRssBytes();
    children = childrenOf(pid);
    onProgress(`${cycles} cycles, ${children.length} processes below the gateway`);
    await pool.close();
    figures.push(
      { what: "sessions left", value: clients.sessions, unit: "sessions" },
      { what: "processes below the gateway before", value: processesBefore, unit: "processes" },
      {
        what: "processes below the gateway after",
        value: children.filter(isAlive).length,
        unit: "processes",
      },
      { what: "zombies", value: children.filter((child) => !isAlive(child)).length, unit: "processes" },
      { what: "RSS kept per cycle", value: (after - before) / 1024 / cycles, unit: "KiB" },
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
    { what: "calls that failed", value: errors, unit: "calls" },
  );
  return { scenario: "cycles", options: { cycles }, figures };
}
