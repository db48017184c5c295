// Prometheus metrics: bounded series, rendered at most once a second (a thousand histogram series block for 27 ms).
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { GateRequest, MultiplexerStatus, RequestWatch } from "@fairlead/aggregator";
import { type Clock, systemClock } from "@fairlead/core";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { createLabelBound } from "./label-bound.ts";
import { registerStatusSeries } from "./status-series.ts";

export interface MetricsOptions {
  readonly status: () => MultiplexerStatus;
  /** Tools, and clients, that have series of their own. */
  readonly tools: number;
  readonly clients: number;
  readonly version: string;
  readonly clock?: Clock;
}

export interface Metrics {
  observe(request: GateRequest): RequestWatch;
  refused(limit: string): void;
  drifted(pool: string): void;
  reloaded(ok: boolean): void;
  render(): Promise<{ readonly type: string; readonly text: string }>;
  close(): void;
}

/** Seconds; those of OpenTelemetry's MCP conventions. */
const BUCKETS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300];
const CACHE_MS = 1_000;
const METHODS: ReadonlySet<string> = new Set([
  "tools/call",
  "tools/list",
  "prompts/get",
  "prompts/list",
  "resources/read",
  "resources/list",
  "resources/templates/list",
  "resources/subscribe",
  "resources/unsubscribe",
  "completion/complete",
  "logging/setLevel",
  "server/discover",
  "subscriptions/listen",
]);

export function createMetrics({
  status,
  tools,
  clients,
  version,
  clock = systemClock,
}: MetricsOptions): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const loop = monitorEventLoopDelay({ resolution: 20 });
  loop.enable();
  const toolName = createLabelBound(tools);
  const clientName = createLabelBound(clients);

  const requests = new Counter({
    name: "fairlead_requests_total",
    help: "Requests of clients by method and outcome",
    labelNames: ["method", "outcome"],
    registers,
  });
  const durations = new Histogram({
    name: "fairlead_request_duration_seconds",
    help: "Time from a request to its answer",
    labelNames: ["method"],
    buckets: BUCKETS,
    registers,
  });
  const toolCalls = new Counter({
    name: "fairlead_tool_calls_total",
    help: "Calls of tools by name and outcome",
    labelNames: ["tool", "outcome"],
    registers,
  });
  const clientRequests = new Counter({
    name: "fairlead_client_requests_total",
    help: "Requests by client and outcome",
    labelNames: ["client", "outcome"],
    registers,
  });
  const attempts = new Counter({
    name: "fairlead_upstream_attempts_total",
    help: "Attempts on upstreams by outcome",
    labelNames: ["upstream", "outcome"],
    registers,
  });
  const attemptDurations = new Histogram({
    name: "fairlead_upstream_attempt_duration_seconds",
    help: "Time that attempts on upstreams took",
    labelNames: ["upstream"],
    buckets: BUCKETS,
    registers,
  });
  const failovers = new Counter({
    name: "fairlead_retries_total",
    help: "Attempts beyond the first one of their request",
    registers,
  });
  const refusals = new Counter({
    name: "fairlead_refusals_total",
    help: "Requests that a limit of their client refused",
    labelNames: ["limit"],
    registers,
  });
  const drift = new Counter({
    name: "fairlead_tool_drift_total",
    help: "Definitions of tools that changed after they were first seen",
    labelNames: ["pool"],
    registers,
  });
  const reloadOk = new Gauge({
    name: "fairlead_config_last_reload_successful",
    help: "Whether the last reading of the configuration was applied",
    registers,
  });
  const reloadAt = new Gauge({
    name: "fairlead_config_last_reload_success_timestamp_seconds",
    help: "When the configuration was last applied",
    registers,
  });
  reloadOk.set(1);
  reloadAt.set(Date.now() / 1_000);
  new Gauge({
    name: "fairlead_build_info",
    help: "Always 1",
    labelNames: ["version", "node"],
    registers,
  }).set({ version, node: process.versions.node }, 1);
  registerStatusSeries(registers, status);
  new Gauge({
    name: "fairlead_event_loop_lag_seconds",
    help: "How late the event loop was, since the last reading",
    // Not "quantile": that name belongs to summaries.
    labelNames: ["stat"],
    registers,
    collect() {
      this.set({ stat: "p50" }, loop.percentile(50) / 1e9);
      this.set({ stat: "p99" }, loop.percentile(99) / 1e9);
      this.set({ stat: "max" }, loop.max / 1e9);
      loop.reset();
    },
  });
  new Gauge({
    name: "process_resident_memory_bytes",
    help: "Resident memory of the gateway itself",
    registers,
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });

  let cached: { readonly at: number; readonly text: Promise<string> } | undefined;
  return {
    observe({ method: asked, name, caller }) {
      const startedAt = clock.now();
      const method = METHODS.has(asked) ? asked : "_other";
      let tries = 0;
      return {
        onAttempt({ upstream, outcome, startedAt: from, endedAt, isHedge }) {
          if (!isHedge && ++tries > 1) failovers.inc();
          attempts.inc({ upstream, outcome });
          attemptDurations.observe({ upstream }, (endedAt - from) / 1_000);
        },
        onEnd({ outcome }) {
          requests.inc({ method, outcome });
          clientRequests.inc({ client: clientName(caller.id), outcome });
          // A stream lasts as long as its client wants, and says nothing about speed.
          if (method !== "subscriptions/listen")
            durations.observe({ method }, (clock.now() - startedAt) / 1_000);
          if (method === "tools/call") toolCalls.inc({ tool: toolName(name ?? ""), outcome });
        },
      };
    },
    refused: (limit) => refusals.inc({ limit }),
    drifted: (pool) => drift.inc({ pool }),
    reloaded(ok) {
      reloadOk.set(ok ? 1 : 0);
      if (ok) reloadAt.set(Date.now() / 1_000);
    },
    async render() {
      const now = clock.now();
      if (cached === undefined || now - cached.at >= CACHE_MS) cached = { at: now, text: registry.metrics() };
      return { type: registry.contentType, text: await cached.text };
    },
    close: () => loop.disable(),
  };
}
