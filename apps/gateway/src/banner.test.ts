import { Writable } from "node:stream";
import type { MultiplexerStatus, PoolStatus, UpstreamStatus } from "@fairlead/aggregator";
import { expect, it } from "vitest";
import { printBanner } from "./banner.ts";

const ready: UpstreamStatus = {
  id: "files-1",
  upstream: "files-1",
  transport: "stdio",
  priority: 1,
  weight: 1,
  effectiveWeight: 1,
  zone: null,
  tags: [],
  capabilities: [],
  era: "legacy",
  protocolVersion: "2025-11-25",
  status: "ready",
  reason: null,
  nextTryAt: null,
  restarts: 0,
  pid: 1,
  inFlight: 0,
  sessions: 0,
  breaker: "closed",
  ejected: false,
  load: null,
  calls: 0,
  failures: 0,
  server: { name: "files", version: "1" },
};
const waiting: UpstreamStatus = {
  ...ready,
  id: "files-2",
  transport: "streamable-http",
  era: null,
  protocolVersion: null,
  status: "waiting",
  reason: "connect ECONNREFUSED 127.0.0.1:9",
  nextTryAt: "2026-11-20T10:00:01.000Z",
};
const pool: PoolStatus = {
  namespace: "files",
  path: "/mcp/files",
  strategy: "round-robin",
  tools: 14,
  resources: 0,
  resourceTemplates: 0,
  prompts: 0,
  queued: 0,
  hedges: { started: 0, won: 0 },
  cache: null,
  scaling: [],
  replicas: [ready, waiting],
};
const status: MultiplexerStatus = {
  name: "fairlead",
  version: "0.1.0",
  status: "degraded",
  startedAt: "2026-11-20T10:00:00.000Z",
  uptimeMs: 1_000,
  isHealthy: true,
  totalServers: 2,
  healthyServers: 1,
  currentStrategy: "round-robin",
  queueSize: 0,
  avgResponseTime: 0,
  throughput: 0,
  errorRate: 0,
  uptime: 1_000,
  pools: [pool],
  clients: { sessions: 0, streams: 0 },
  calls: { total: 0, inFlight: 0, failed: 0 },
  problems: [
    { code: "UPSTREAM_DOWN", message: "files-2: connect ECONNREFUSED 127.0.0.1:9", fix: "start the server" },
  ],
};
const notATerminal = Object.assign(new Writable(), { isTTY: false }) as NodeJS.WriteStream;

it("shows each replica with its state, what is wrong with the fix, and how to connect", () => {
  const lines = printBanner(status, "http://127.0.0.1:3005", notATerminal).split("\n");
  expect(lines).toEqual([
    "",
    "POOL   REPLICA  TRANSPORT        ERA                TOOLS  STATE",
    "files  files-1  stdio            legacy 2025-11-25  14     ready",
    "       files-2  streamable-http  -                         waiting, next try 10:00:01Z (connect ECONNREFUSED 127.0.0.1:9)",
    "",
    "! files-2: connect ECONNREFUSED 127.0.0.1:9",
    "  fix: start the server",
    "",
    "Endpoint  http://127.0.0.1:3005/mcp   (14 tools; each pool alone at http://127.0.0.1:3005/mcp/<pool>)",
    "State     http://127.0.0.1:3005/api/status",
    "Connect   claude mcp add --transport http fairlead http://127.0.0.1:3005/mcp",
    '          or in mcp.json: { "mcpServers": { "fairlead": { "url": "http://127.0.0.1:3005/mcp" } } }',
    "",
  ]);
});
