// The gateway's `GET /api/status` as a type, read loosely: a newer gateway may say more, an older one less.

/** Answer of `GET <gateway>/api/status`. */
export interface StatusReport {
  readonly name: string;
  readonly version: string;
  readonly status: "starting" | "ready" | "degraded" | "draining";
  /** ISO 8601. */
  readonly startedAt: string;
  readonly uptimeMs: number;
  /** URL of the MCP endpoint that serves everything. */
  readonly endpoint: string;
  readonly pools: readonly PoolReport[];
  readonly clients: { readonly sessions: number; readonly streams: number };
  readonly calls: { readonly total: number; readonly inFlight: number; readonly failed: number };
  readonly problems: readonly ProblemReport[];
}

/** One pool: the replicas that serve one namespace. */
export interface PoolReport {
  readonly namespace: string;
  /** Path of the endpoint that serves only this pool, with original names. */
  readonly path: string;
  readonly strategy: string;
  readonly tools: number;
  readonly resources: number;
  readonly resourceTemplates: number;
  readonly prompts: number;
  readonly replicas: readonly ReplicaReport[];
}

/** One upstream of a pool. */
export interface ReplicaReport {
  readonly id: string;
  readonly transport: "stdio" | "streamable-http";
  readonly era: "legacy" | "modern" | null;
  readonly protocolVersion: string | null;
  readonly status:
    | "starting"
    | "ready"
    | "unhealthy"
    | "waiting"
    | "crash-loop"
    | "draining"
    | "disabled"
    | "stopped";
  /** Why it is not ready. */
  readonly reason: string | null;
  /** ISO 8601. */
  readonly nextTryAt: string | null;
  readonly restarts: number;
  readonly pid: number | null;
  readonly inFlight: number;
  readonly breaker: "closed" | "open" | "half-open";
  readonly calls: number;
  readonly failures: number;
  readonly server: { readonly name: string; readonly version: string } | null;
}

/** Something that the operator should know, with what to do about it. */
export interface ProblemReport {
  readonly code: string;
  readonly message: string;
  readonly fix: string;
}

/** Reads a status; what is missing gets a neutral value, and `undefined` means that it is not a status at all. */
export function parseStatusReport(value: unknown): StatusReport | undefined {
  const report = objectOf(value);
  if (typeof report["status"] !== "string" || !Array.isArray(report["pools"])) return undefined;
  const clients = objectOf(report["clients"]);
  const calls = objectOf(report["calls"]);
  return {
    name: textOf(report["name"], "gateway"),
    version: textOf(report["version"], "?"),
    status: report["status"] as StatusReport["status"],
    startedAt: textOf(report["startedAt"], ""),
    uptimeMs: numberOf(report["uptimeMs"]),
    endpoint: textOf(report["endpoint"], ""),
    pools: report["pools"].map(parsePool),
    clients: { sessions: numberOf(clients["sessions"]), streams: numberOf(clients["streams"]) },
    calls: {
      total: numberOf(calls["total"]),
      inFlight: numberOf(calls["inFlight"]),
      failed: numberOf(calls["failed"]),
    },
    problems: listOf(report["problems"]).map((problem) => ({
      code: textOf(problem["code"], "PROBLEM"),
      message: textOf(problem["message"], ""),
      fix: textOf(problem["fix"], ""),
    })),
  };
}

function parsePool(value: unknown): PoolReport {
  const pool = objectOf(value);
  return {
    namespace: textOf(pool["namespace"], "?"),
    path: textOf(pool["path"], ""),
    strategy: textOf(pool["strategy"], "?"),
    tools: numberOf(pool["tools"]),
    resources: numberOf(pool["resources"]),
    resourceTemplates: numberOf(pool["resourceTemplates"]),
    prompts: numberOf(pool["prompts"]),
    replicas: listOf(pool["replicas"]).map(parseReplica),
  };
}

function parseReplica(replica: Fields): ReplicaReport {
  const server = objectOf(replica["server"]);
  return {
    id: textOf(replica["id"], "?"),
    transport: textOf(replica["transport"], "?") as ReplicaReport["transport"],
    era: textOf(replica["era"], null) as ReplicaReport["era"],
    protocolVersion: textOf(replica["protocolVersion"], null),
    status: textOf(replica["status"], "?") as ReplicaReport["status"],
    reason: textOf(replica["reason"], null),
    nextTryAt: textOf(replica["nextTryAt"], null),
    restarts: numberOf(replica["restarts"]),
    pid: typeof replica["pid"] === "number" ? replica["pid"] : null,
    inFlight: numberOf(replica["inFlight"]),
    breaker: textOf(replica["breaker"], "closed") as ReplicaReport["breaker"],
    calls: numberOf(replica["calls"]),
    failures: numberOf(replica["failures"]),
    server:
      typeof server["name"] === "string"
        ? { name: server["name"], version: textOf(server["version"], "?") }
        : null,
  };
}

type Fields = Readonly<Record<string, unknown>>;

function objectOf(value: unknown): Fields {
  return typeof value === "object" && value !== null ? (value as Fields) : {};
}

function listOf(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value.map(objectOf) : [];
}

function textOf<T extends string | null>(value: unknown, fallback: T): string | T {
  return typeof value === "string" ? value : fallback;
}

function numberOf(value: unknown): number {
  return typeof value === "number" ? value : 0;
}
