// Idle sessions: what one costs in memory, and whether it is given back.
import { fileURLToPath } from "node:url";
import { freePort } from "@fairlead/testbed";
import { Pool } from "undici";
import type { FiguresResult } from "../figures.ts";
import {
  endSession,
  openLegacySession,
  post,
  repeat,
  type SessionHeaders,
  startGateway,
} from "../gateway.ts";
import { startMeasured } from "../process.ts";

export interface SessionsOptions {
  readonly sessions: number;
  readonly onProgress: (line: string) => void;
}

const CONCURRENCY = 32;
const WARM_UP = 300;
const PATH = "/mcp";
const KIB = 1024;
const upstreamScript = fileURLToPath(new URL("../targets/upstream.ts", import.meta.url));

/** Opens `sessions` legacy sessions, each with one call, lets them idle, and ends them. */
export async function runSessions({ sessions, onProgress }: SessionsOptions): Promise<FiguresResult> {
  const port = await freePort();
  const upstreamUrl = `http://127.0.0.1:${port}/mcp`;
  const upstream = await startMeasured({
    command: process.execPath,
    args: [upstreamScript, String(port)],
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
    await repeat(sessions, CONCURRENCY, use);
    const seconds = (performance.now() - startedAt) / 1_000;
    const { clients } = await gateway.status();
    const during = await gateway.settledRssBytes();
    onProgress(`${clients.sessions} sessions: ${(during / 2 ** 20).toFixed(1)} MiB`);
    await end();
    const left = (await gateway.status()).clients.sessions;
    const after = await gateway.settledRssBytes();
    await pool.close();
    return {
      scenario: "sessions",
      options: { sessions },
      figures: [
        { what: "sessions open at the same time", value: clients.sessions, unit: "sessions" },
        { what: "RSS before", value: before / 2 ** 20, unit: "MiB" },
        { what: "RSS with the sessions idle", value: during / 2 ** 20, unit: "MiB" },
        { what: "memory of an idle session", value: (during - before) / KIB / sessions, unit: "KiB" },
        { what: "RSS after they ended", value: after / 2 ** 20, unit: "MiB" },
        { what: "kept per ended session", value: (after - before) / KIB / sessions, unit: "KiB" },
        { what: "sessions left", value: left, unit: "sessions" },
        {
          what: "time to open one, with its call, 32 at a time",
          value: (seconds * 1_000) / sessions,
          unit: "ms",
        },
      ],
    };
  } finally {
    await upstream.stop();
  }
}
