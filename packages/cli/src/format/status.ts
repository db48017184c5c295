// The gateway's status for people: a header, one table of all replicas, what needs attention.
import type { CliOutput } from "../io.ts";
import type { PoolReport, ReplicaReport, StatusReport } from "../status-report.ts";
import { printable, type Style } from "./style.ts";
import { formatTable } from "./table.ts";

export interface FormatStatusOptions {
  /** Milliseconds since the epoch, for "next try in …". */
  readonly now: number;
  readonly output: CliOutput;
  readonly style: Style;
}

export function formatStatus(report: StatusReport, { now, output, style }: FormatStatusOptions): string {
  const state = style(colourOf(report.status), report.status);
  const head = `${printable(report.name)} ${printable(report.version)}  ${state}  up ${formatDuration(report.uptimeMs)}  ${printable(report.endpoint)}`;
  const rows = report.pools.flatMap((pool) =>
    pool.replicas.map((replica, index) => replicaRow(pool, replica, index === 0, now, style)),
  );
  const table = formatTable(
    [
      "POOL",
      "TOOLS",
      "STRATEGY",
      "REPLICA",
      "TRANSPORT",
      "ERA",
      "STATE",
      "BREAKER",
      "CALLS",
      "FAILED",
      "NOTE",
    ],
    rows,
    { ...(output.isTTY ? { maxWidth: output.columns } : {}) },
  );
  const { clients, calls } = report;
  const totals = `clients: ${clients.sessions} sessions, ${clients.streams} streams   calls: ${calls.total}, ${calls.inFlight} in flight, ${calls.failed} failed`;
  const problems = report.problems.map(
    ({ code, message, fix }) =>
      `${style("yellow", printable(code))}: ${printable(message)}\n  fix: ${printable(fix)}`,
  );
  return [head, table, totals, ...problems].join("\n\n");
}

/** Milliseconds as the two largest units: `3m 12s`. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(Math.round(ms / 1000), 0);
  const parts: readonly (readonly [number, string])[] = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "m"],
    [seconds % 60, "s"],
  ];
  const first = parts.findIndex(([count]) => count > 0);
  if (first < 0) return "0s";
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count}${unit}`)
    .join(" ");
}

function replicaRow(
  pool: PoolReport,
  replica: ReplicaReport,
  first: boolean,
  now: number,
  style: Style,
): readonly string[] {
  return [
    first ? style("bold", printable(pool.namespace)) : "",
    first ? String(pool.tools) : "",
    first ? printable(pool.strategy) : "",
    printable(replica.id),
    printable(replica.transport),
    replica.era ?? "-",
    style(colourOf(replica.status), printable(replica.status)),
    replica.breaker === "closed" ? "closed" : style("yellow", printable(replica.breaker)),
    String(replica.calls),
    String(replica.failures),
    printable(noteOf(replica, now)),
  ];
}

function noteOf({ reason, nextTryAt, restarts, inFlight, pid }: ReplicaReport, now: number): string {
  const next = nextTryAt === null ? Number.NaN : Date.parse(nextTryAt);
  return [
    reason?.replace(/\s+/g, " "),
    Number.isNaN(next) ? undefined : `next try ${next <= now ? "now" : `in ${formatDuration(next - now)}`}`,
    inFlight > 0 ? `${inFlight} in flight` : undefined,
    restarts > 0 ? `${restarts} ${restarts === 1 ? "restart" : "restarts"}` : undefined,
    pid === null ? undefined : `pid ${pid}`,
  ]
    .filter((part) => part !== undefined)
    .join(", ");
}

function colourOf(status: string): "green" | "yellow" | "red" {
  if (status === "ready") return "green";
  return status === "crash-loop" || status === "unhealthy" || status === "stopped" ? "red" : "yellow";
}
