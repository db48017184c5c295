// Many calls in a row: whether memory stays level.
import { type Figure, figuresScenario, slope } from "../figures.ts";
import { startGateway } from "../gateway.ts";
import { runClosedLoop } from "../load/closed-loop.ts";
import { openConnection } from "../load/connection.ts";
import { startMeasured } from "../process.ts";
import type { Scenario } from "../result.ts";
import { fileOf, freePort } from "../targets/target.ts";

const CONCURRENCY = 32;
const CHUNKS = 40;
/** Share of the run that counts as warm-up: just-in-time compilers and pools of memory settle. */
const WARM_UP_SHARE = 0.25;
const MIB = 2 ** 20;

export const soak: Scenario = figuresScenario({
  name: "soak",
  description: "whether memory stays level over many calls",
  summary:
    "Makes # calls, 32 at a time, looks at the memory 40 times, and fits a line through what follows the first quarter.",
  count: { quick: 100_000, full: 1_000_000 },
  run: measureSoak,
});

async function measureSoak(calls: number, onProgress: (line: string) => void): Promise<readonly Figure[]> {
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
    const connection = await openConnection({
      url: `${gateway.url}/mcp`,
      tool: "pool__echo",
      payloadBytes: 180,
      sockets: CONCURRENCY,
    });
    const points: { x: number; y: number; settled: number }[] = [];
    let errors = 0;
    let made = 0;
    const startedAt = performance.now();
    for (let chunk = 0; chunk < CHUNKS; chunk++) {
      const result = await runClosedLoop(connection, {
        calls: Math.round(calls / CHUNKS),
        concurrency: CONCURRENCY,
      });
      errors += result.errors;
      made += result.calls;
      const rss = gateway.process.rssBytes() / MIB;
      const settled = (await gateway.settledRssBytes()) / MIB;
      points.push({ x: made / 100_000, y: rss, settled });
      onProgress(`${made} calls: ${rss.toFixed(1)} MiB, collected ${settled.toFixed(1)} MiB`);
    }
    const seconds = (performance.now() - startedAt) / 1_000;
    await connection.close();
    const level = points.slice(Math.floor(CHUNKS * WARM_UP_SHARE));
    const settled = level.map((point) => ({ x: point.x, y: point.settled }));
    return [
      { what: "calls", value: made, unit: "calls" },
      { what: "errors", value: errors, unit: "calls", atMost: 0 },
      { what: "RSS after the warm-up", value: level[0]?.y ?? Number.NaN, unit: "MiB" },
      { what: "RSS at the end", value: level.at(-1)?.y ?? Number.NaN, unit: "MiB" },
      { what: "slope of RSS", value: slope(level), unit: "MiB per 100,000 calls" },
      {
        what: "slope of RSS after collections",
        value: slope(settled),
        unit: "MiB per 100,000 calls",
        atMost: 1,
      },
      { what: "duration", value: seconds, unit: "s" },
    ];
  } finally {
    await upstream.stop();
  }
}
