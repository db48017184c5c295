// Closed-loop load: a fixed number of callers, each sending its next call when the last was answered. Every answer
// is checked against what was asked, so that speed is never bought with wrong answers; errors are counted.
import { createHistogram, type RecordableHistogram } from "node:perf_hooks";
import { Pool } from "undici";

export interface LoadOptions {
  /** MCP endpoint. */
  readonly url: string;
  /** Public name of a tool that answers with its `message` argument. */
  readonly tool: string;
  /** Calls that are counted. */
  readonly calls: number;
  /** Calls before that, which are not. */
  readonly warmUpCalls: number;
  readonly concurrency: number;
  /** Bytes of the message beside the nonce. */
  readonly payloadBytes: number;
}

export interface LoadResult {
  readonly calls: number;
  /** Calls that were answered with an error. */
  readonly errors: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Runs the load; `onWarm` is called between the warm-up and the calls that count. @throws Error at the first answer to another call */
export async function runLoad(options: LoadOptions, onWarm: () => void = () => {}): Promise<LoadResult> {
  const { url, concurrency, calls, warmUpCalls } = options;
  const { origin, pathname } = new URL(url);
  const pool = new Pool(origin, { connections: concurrency });
  try {
    const session = await openSession(pool, pathname);
    await run(pool, pathname, session, { ...options, calls: warmUpCalls }, createHistogram());
    onWarm();
    const histogram = createHistogram();
    const startedAt = performance.now();
    const errors = await run(pool, pathname, session, options, histogram);
    const seconds = (performance.now() - startedAt) / 1_000;
    return {
      calls,
      errors,
      seconds,
      p50Ms: histogram.percentile(50) / 1e6,
      p99Ms: histogram.percentile(99) / 1e6,
    };
  } finally {
    await pool.close();
  }
}

/** Calls for a while without measuring anything, so that just-in-time compilers have seen what is coming. */
export async function warmUp(options: Omit<LoadOptions, "calls" | "warmUpCalls">, ms: number): Promise<void> {
  const { origin, pathname } = new URL(options.url);
  const pool = new Pool(origin, { connections: options.concurrency });
  try {
    const session = await openSession(pool, pathname);
    const endless = { ...options, calls: Number.POSITIVE_INFINITY, warmUpCalls: 0 };
    await run(pool, pathname, session, endless, createHistogram(), ms);
  } finally {
    await pool.close();
  }
}

type Headers = Record<string, string>;

async function openSession(pool: Pool, path: string): Promise<Headers> {
  const headers: Headers = {
    "content-type": "application/json",
    accept: "application/json, text/event-stream",
  };
  const params = {
    protocolVersion: "2025-11-25",
    capabilities: {},
    clientInfo: { name: "benchmark", version: "0" },
  };
  const body = JSON.stringify({ jsonrpc: "2.0", id: "initialize", method: "initialize", params });
  const response = await pool.request({ path, method: "POST", headers, body });
  await response.body.text();
  const id = response.headers["mcp-session-id"];
  return typeof id === "string" ? { ...headers, "mcp-session-id": id } : headers;
}

async function run(
  pool: Pool,
  path: string,
  headers: Headers,
  { tool, calls, concurrency, payloadBytes }: LoadOptions,
  histogram: RecordableHistogram,
  maxMs = Number.POSITIVE_INFINITY,
): Promise<number> {
  const padding = "x".repeat(payloadBytes);
  let next = 0;
  let errors = 0;
  const until = performance.now() + maxMs;
  const caller = async (): Promise<void> => {
    while (next < calls && performance.now() < until) {
      const id = next++;
      const message = `${id} ${padding}`;
      const body = JSON.stringify({
        jsonrpc: "2.0",
        id,
        method: "tools/call",
        params: { name: tool, arguments: { message } },
      });
      const startedAt = process.hrtime.bigint();
      const response = await pool.request({ path, method: "POST", headers, body });
      const text = await response.body.text();
      histogram.record(process.hrtime.bigint() - startedAt);
      if (text.includes(`"${message}"`)) continue;
      if (!text.includes('"error"')) {
        throw new Error(`wrong answer to call ${id} (HTTP ${response.statusCode}): ${text.slice(0, 300)}`);
      }
      errors++;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, caller));
  return errors;
}
