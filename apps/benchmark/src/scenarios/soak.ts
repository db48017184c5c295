// Many calls in a row: whether memory stays level.
import { fileURLToPath } from "node:url";
import { freePort } from "@fairlead/testbed";
import { type FiguresResult, slope } from "../figures.ts";
import { startGateway } from "../gateway.ts";
import { runLoad } from "../load.ts";
import { startMeasured } from "../process.ts";

export interface SoakOptions {
  readonly calls: number;
  readonly onProgress: (line: string) => void;
}

const CONCURRENCY = 32;
const CHUNKS = 40;
/** Share of the run that counts as warm-up: just-in-time compilers and pools of memory settle. */
const WARM_UP_SHARE = 0.25;
const MIB = 2 ** 20;
const upstreamScript = fileURLToPath(new URL("../targets/upstream.ts", import.meta.url));

/** Makes `calls` calls, looks at the memory 40 times, and fits a line through what follows the warm-up. */
export async function runSoak({ calls, onProgress }: SoakOptions): Promise<FiguresResult> {
  const port = await freePort();
  const upstreamUrl = `http://127.0.0.1:${port}/mcp`;
  const upstream = await startMeasured({
    command: process.execPath,
    args: [upstreamScript, String(port)],
    readyUrl: upstreamUrl,
  });
  try {
    await using gateway = await startGateway({ pools: { pool: { upstreams: [{ url: upstreamUrl }] } } });
    const url = `${gateway.url}/mcp`;
    const points: { x: number; y: number; settled: number }[] = [];
    let errors = 0;
    let made = 0;
    const startedAt = performance.now();
    for (let chunk = 0; chunk < CHUNKS; chunk++) {
      const load = { url, tool: "pool__echo", concurrency: CONCURRENCY, payloadBytes: 180 };
      const result = await runLoad({ ...load, calls: Math.round(calls / CHUNKS), warmUpCalls: 0 });
      errors += result.errors;
      made += result.calls;
      const rss = gateway.process.rssBytes() / MIB;
      const settled = (await gateway.settledRssBytes()) / MIB;
      points.push({ x: made / 100_000, y: rss, settled });
      onProgress(`${made} calls: ${rss.toFixed(1)} MiB, collected ${settled.toFixed(1)} MiB`);
    }
    const seconds = (performance.now() - startedAt) / 1_000;
    const level = points.slice(Math.floor(CHUNKS * WARM_UP_SHARE));
    const settled = level.map((point) => ({ x: point.x, y: point.settled }));
    return {
      scenario: "soak",
      options: { calls },
      figures: [
        { what: "calls", value: made, unit: "calls" },
        { what: "errors", value: errors, unit: "calls" },
        { what: "RSS after the warm-up", value: level[0]?.y ?? Number.NaN, unit: "MiB" },
        { what: "RSS at the end", value: level.at(-1)?.y ?? Number.NaN, unit: "MiB" },
        { what: "slope of RSS", value: slope(level), unit: "MiB per 100,000 calls" },
        { what: "slope of RSS after collections", value: slope(settled), unit: "MiB per 100,000 calls" },
        { what: "duration", value: seconds, unit: "s" },
      ],
    };
  } finally {
    await upstream.stop();
  }
}
