// The screen of `fairlead top`.
import { type MetricSample, quantileBetween, sumOf } from "../metrics-text.ts";
import type { ReplicaReport, StatusReport } from "../status-report.ts";
import { formatDuration } from "./status.ts";
import { printable, type Style } from "./style.ts";
import { cut, formatTable } from "./table.ts";

export interface TopSample {
  /** Monotonic, in milliseconds. */
  readonly at: number;
  readonly report: StatusReport;
  readonly metrics: readonly MetricSample[];
}

const ATTEMPTS = "fairlead_upstream_attempt_duration_seconds";

/** Rates and latencies are those between the two samples. */
export function formatTop(
  before: TopSample,
  now: TopSample,
  style: Style,
  width: number | undefined,
): string {
  const seconds = Math.max((now.at - before.at) / 1_000, 0.001);
  const { report, metrics } = now;
  const rate = (name: string, match: Readonly<Record<string, string>> = {}): number =>
    Math.max(0, sumOf(metrics, name, match) - sumOf(before.metrics, name, match)) / seconds;
  const failed = rate("fairlead_requests_total", { outcome: "error" });
  const head = [
    `${style("bold", printable(report.name))} ${printable(report.version)}  ${style(colourOf(report.status), report.status)}  up ${formatDuration(report.uptimeMs)}`,
    [
      `${rate("fairlead_requests_total").toFixed(1)} requests/s`,
      failed > 0 ? style("red", `${failed.toFixed(1)} failed/s`) : "0 failed/s",
      `${rate("fairlead_retries_total").toFixed(1)} retries/s`,
      `${rate("fairlead_refusals_total").toFixed(1)} refused/s`,
      `${report.calls.inFlight} in flight`,
      `${report.clients.sessions} sessions`,
      `loop ${milliseconds(sumOf(metrics, "fairlead_event_loop_lag_seconds", { stat: "p99" }))} p99`,
      `${Math.round(sumOf(metrics, "process_resident_memory_bytes") / 1024 / 1024)} MB`,
    ].join("   "),
  ];
  const rows = report.pools.flatMap((pool) =>
    pool.replicas.map((replica, at) => {
      const match = { upstream: replica.id };
      const p = (quantile: number): string =>
        milliseconds(quantileBetween(before.metrics, metrics, ATTEMPTS, match, quantile));
      return [
        at === 0 ? style("bold", printable(pool.namespace)) : "",
        printable(replica.id),
        style(colourOf(replica.status), printable(replica.status)),
        breaker(replica, style),
        bar(replica.inFlight),
        rate("fairlead_upstream_attempts_total", match).toFixed(1),
        p(0.5),
        p(0.99),
        String(replica.failures),
        String(replica.restarts),
        printable(replica.reason ?? "").replace(/\s+/g, " "),
      ];
    }),
  );
  const header = [
    "POOL",
    "SERVER",
    "STATE",
    "BREAKER",
    "NOW",
    "CALLS/S",
    "P50",
    "P99",
    "FAILED",
    "RESTARTS",
    "NOTE",
  ];
  const table = formatTable(header, rows, width === undefined ? {} : { maxWidth: width });
  const problems = report.problems.map(({ message }) =>
    cut(`! ${printable(message).replace(/\s+/g, " ")}`, width ?? 120),
  );
  return [
    ...head,
    "",
    table,
    ...(problems.length > 0 ? ["", ...problems.map((line) => style("yellow", line))] : []),
  ].join("\n");
}

function breaker({ breaker: state }: ReplicaReport, style: Style): string {
  if (state === "closed") return "closed";
  return style(state === "open" ? "red" : "yellow", state);
}

function bar(count: number): string {
  return count === 0 ? "0" : `${count} ${"▮".repeat(Math.min(count, 8))}`;
}

function milliseconds(seconds: number | undefined): string {
  if (seconds === undefined) return "-";
  const ms = seconds * 1_000;
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`;
}

function colourOf(status: string): "green" | "yellow" | "red" {
  if (status === "ready") return "green";
  return status === "crash-loop" || status === "unhealthy" || status === "stopped" ? "red" : "yellow";
}
