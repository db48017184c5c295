// The gateway as the process under measurement, and the clients of the scenarios that are about sessions.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Pool } from "undici";
import { type MeasuredProcess, startMeasured } from "./process.ts";
import { freePort } from "./targets/target.ts";

export interface MeasuredGateway extends AsyncDisposable {
  readonly url: string;
  readonly process: MeasuredProcess;
  /** A folder that goes away with it; its path is `${FAIRLEAD_CONFIG_DIR}` in the configuration. */
  readonly folder: string;
  status(): Promise<GatewayStatus>;
  /** Resident memory after garbage collections, in bytes. */
  settledRssBytes(): Promise<number>;
}

/** The part of `/api/status` that is looked at. */
interface GatewayStatus {
  readonly clients: { readonly sessions: number; readonly streams: number };
  readonly pools: readonly {
    readonly namespace: string;
    readonly tools: number;
    readonly replicas: readonly {
      readonly id: string;
      readonly status: string;
      readonly pid: number | null;
      readonly calls: number;
      readonly failures: number;
    }[];
  }[];
}

export interface GatewayOptions {
  readonly pools: Readonly<Record<string, unknown>>;
  /** Rather than at `/readyz`, which wants an upstream, it counts as started when this path answers. @defaultValue "/readyz" */
  readonly readyPath?: string;
}

/** Load comes from one client that stands for many; what is measured is not its limits. */
export const NO_LIMITS: Readonly<Record<string, unknown>> = {
  maxClients: 0,
  limits: { requestsPerMinute: 0, concurrency: 0, streams: 0, sessions: 0, bytesPerMinute: 0 },
  breaker: { failureThreshold: 0 },
};

const COLLECTIONS = 5;
const COLLECTION_PAUSE_MS = 300;

export async function startGateway({
  pools,
  readyPath = "/readyz",
}: GatewayOptions): Promise<MeasuredGateway> {
  const folder = await mkdtemp(join(tmpdir(), "fairlead-benchmark-"));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const config = join(folder, "fairlead.config.yaml");
  await writeFile(
    config,
    JSON.stringify({ server: { port }, logging: { level: "error" }, clients: NO_LIMITS, pools }),
  );
  const collect = fileURLToPath(new URL("targets/collect-on-signal.ts", import.meta.url));
  const main = fileURLToPath(import.meta.resolve("@fairlead/gateway")).replace(/index\.(ts|js)$/, "main.$1");
  const started = await startMeasured({
    command: process.execPath,
    args: ["--conditions=@fairlead/source", "--expose-gc", `--import=${collect}`, main, "--config", config],
    readyUrl: url + readyPath,
  });
  return {
    url,
    process: started,
    folder,
    status: async () => (await (await fetch(`${url}/api/status`)).json()) as GatewayStatus,
    async settledRssBytes() {
      for (let left = COLLECTIONS; left > 0; left--) {
        process.kill(started.pid, "SIGUSR2");
        await sleep(COLLECTION_PAUSE_MS);
      }
      return started.rssBytes();
    },
    async [Symbol.asyncDispose]() {
      await started.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export type SessionHeaders = Record<string, string>;

const JSON_HEADERS: SessionHeaders = {
  "content-type": "application/json",
  accept: "application/json, text/event-stream",
};

/** Begins a legacy session: `initialize`, then `notifications/initialized`. @throws Error when there is no session */
export async function openLegacySession(pool: Pool, path: string): Promise<SessionHeaders> {
  const params = {
    protocolVersion: "2025-11-25",
    capabilities: {},
    clientInfo: { name: "benchmark", version: "0" },
  };
  const response = await pool.request({
    path,
    method: "POST",
    headers: JSON_HEADERS,
    body: JSON.stringify({ jsonrpc: "2.0", id: "initialize", method: "initialize", params }),
  });
  const text = await response.body.text();
  const id = response.headers["mcp-session-id"];
  if (typeof id !== "string")
    throw new Error(`no session: HTTP ${response.statusCode} ${text.slice(0, 200)}`);
  const headers = { ...JSON_HEADERS, "mcp-session-id": id, "mcp-protocol-version": "2025-11-25" };
  await post(pool, path, headers, { method: "notifications/initialized" });
  return headers;
}

/** Sends one message and resolves to the body of the answer. */
export async function post(
  pool: Pool,
  path: string,
  headers: SessionHeaders,
  message: Readonly<Record<string, unknown>>,
): Promise<string> {
  const body = JSON.stringify({ jsonrpc: "2.0", ...message });
  const response = await pool.request({ path, method: "POST", headers, body });
  return response.body.text();
}

export async function endSession(pool: Pool, path: string, headers: SessionHeaders): Promise<void> {
  const response = await pool.request({ path, method: "DELETE", headers });
  await response.body.text();
}

/** Runs `task` `count` times, at most `concurrency` at a time. */
export async function repeat(
  count: number,
  concurrency: number,
  task: (at: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await task(next++);
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
}
