// A status as a gateway sends it.
import type { ReplicaReport, StatusReport } from "../src/index.ts";

export function replica(id: string, overrides: Partial<ReplicaReport> = {}): ReplicaReport {
  return {
    id,
    transport: "stdio",
    era: "legacy",
    protocolVersion: "2025-11-25",
    status: "ready",
    reason: null,
    nextTryAt: null,
    restarts: 0,
    pid: 4242,
    inFlight: 0,
    breaker: "closed",
    calls: 7,
    failures: 1,
    server: { name: "everything", version: "2.0.0" },
    ...overrides,
  };
}

export function statusReport(): StatusReport {
  return {
    name: "fairlead",
    version: "0.1.0",
    status: "degraded",
    startedAt: "2026-11-20T10:00:00.000Z",
    uptimeMs: 3_725_000,
    endpoint: "http://127.0.0.1:3005/mcp",
    pools: [
      {
        namespace: "everything",
        path: "/mcp/everything",
        strategy: "round-robin",
        tools: 13,
        resources: 7,
        resourceTemplates: 2,
        prompts: 4,
        replicas: [
          replica("everything-1"),
          replica("everything-2", {
            status: "crash-loop",
            era: null,
            protocolVersion: null,
            reason: "spawn ENOENT",
            nextTryAt: "2026-11-20T11:02:30.000Z",
            breaker: "open",
            pid: null,
            calls: 0,
            failures: 0,
            server: null,
          }),
        ],
      },
    ],
    clients: { sessions: 2, streams: 1 },
    calls: { total: 7, inFlight: 0, failed: 1 },
    problems: [
      { code: "UPSTREAM_CRASH_LOOP", message: "everything-2 keeps exiting", fix: "check its command" },
    ],
  };
}
