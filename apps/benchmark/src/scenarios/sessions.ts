// Idle sessions: what one costs in memory, and whether it is given back.
import { Pool } from "undici";
import { type Figure, figuresScenario } from "../figures.ts";
import {
  endSession,
  openLegacySession,
  post,
  repeat,
  type SessionHeaders,
  startGateway,
} from "../gateway.ts";
import { startMeasured } from "../process.ts";
import type { Scenario } from "../result.ts";
import { fileOf, freePort } from "../targets/target.ts";

const CONCURRENCY = 32;
const WARM_UP = 300;
const PATH = "/mcp";
const KIB = 1024;

export const sessions: Scenario = figuresScenario({
  name: "sessions",
  description: "memory of idle sessions, and whether it is given back",
  summary:
    "Opens # legacy sessions, each with one call, lets them idle, ends them, and does the same once more: what was given back serves the second time.",
  count: { quick: 1_000, full: 10_000 },
  run: measureSessions,
});

/** Separate from {@link sessions} so that a test can ask for few. */
export async function measureSessions(
  count: number,
  onProgress: (line: string) => void,
): Promise<readonly Figure[]> {
  const port = await freePort();
  const upstreamUrl = `http://127.0.0.1:${port}/mcp`;
  const upstream = await startMeasured({
    command: process.execPath,
    args: [fileOf("upstream.ts"), "--port", String(port)],
    role: "server",
    readyUrl: upstreamUrl,
  });
  try {
    await using gateway = await startGateway({ pools: { pool: { upstreams: [{ url: upstreamUrl }] } } });
    const pool = new Pool(gateway.url, { connections: CONCURRENCY });
    const open: SessionHeaders[] = [];
    const use = async (): Promise<void> => {
      const headers = await openLegacySession(pool, PATH);
      open.push(headers);
      const params = { name: "pool__echo", arguments: { message: "hello" } };
      await post(pool, PATH, headers, { id: 1, method: "tools/call", params });
    };
    const end = async (): Promise<void> => {
      await repeat(open.length, CONCURRENCY, async () => {
        const headers = open.pop();
        if (headers !== undefined) await endSession(pool, PATH, headers);
      });
    };
    await repeat(WARM_UP, CONCURRENCY, use);
    await end();
    const before = await gateway.settledRssBytes();
    onProgress(`before: ${(before / 2 ** 20).toFixed(1)} MiB`);
    const startedAt = performance.now();
    await repeat(count, CONCURRENCY, use);
    const seconds = (performance.now() - startedAt) / 1_000;
    const { clients } = await gateway.status();
    const during = await gateway.settledRssBytes();
    onProgress(`${clients.sessions} sessions: ${(during / 2 ** 20).toFixed(1)} MiB`);
    await end();
    const left = (await gateway.status()).clients.sessions;
    const after = await gateway.settledRssBytes();
    await repeat(count, CONCURRENCY, use);
    await end();
    const again = await gateway.settledRssBytes();
    await pool.close();
    return [
      { what: "sessions open at the same time", value: clients.sessions, unit: "sessions" },
      { what: "RSS before", value: before / 2 ** 20, unit: "MiB" },
      { what: "RSS with the sessions idle", value: during / 2 ** 20, unit: "MiB" },
      { what: "memory of an idle session", value: (during - before) / KIB / count, unit: "KiB", atMost: 64 },
      { what: "RSS after they ended", value: after / 2 ** 20, unit: "MiB" },
      { what: "kept per ended session", value: (after - before) / KIB / count, unit: "KiB" },
      { what: "RSS after as many again", value: again / 2 ** 20, unit: "MiB" },
      { what: "more kept per session of the second time", value: (again - after) / KIB / count, unit: "KiB" },
      { what: "sessions left", value: left, unit: "sessions", atMost: 0 },
      {
        what: "time to open one, with its call, 32 at a time",
        value: (seconds * 1_000) / count,
        unit: "ms",
      },
    ];
  } finally {
    await upstream.stop();
  }
}
