// Prometheus metrics: bounded series, rendered at most once a second (a thousand histogram series block for 27 ms).
import { monitorEventLoopDelay } from "node:perf_hooks";
import type {
  AttemptEnd,
  GateRequest,
  MultiplexerStatus,
  RequestEnd,
  RequestWatch,
} from "@fairlead/aggregator";
import { type Clock, systemClock } from "@fairlead/core";
import { Gauge, Registry } from "prom-client";
import { createLabelBound } from "./label-bound.ts";
import { registerStatusSeries } from "./status-series.ts";
import { type Counter, createCounter, createHistogram, type Histogram, type Tally } from "./tally.ts";

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

  const counter = (name: string, help: string, ...labels: string[]): ReturnType<typeof createCounter> =>
    createCounter({ name, help, labels, registry });
  const histogram = (name: string, help: string, ...labels: string[]): ReturnType<typeof createHistogram> =>
    createHistogram({ name, help, labels, buckets: BUCKETS, registry });
  const gauge = (name: string, help: string): Gauge => new Gauge({ name, help, registers });

  const requests = counter(
    "fairlead_requests_total",
    "Requests of clients by method and outcome",
    "method",
    "outcome",
  );
  const durations = histogram(
    "fairlead_request_duration_seconds",
    "Time from a request to its answer",
    "method",
  );
  const toolCalls = counter(
    "fairlead_tool_calls_total",
    "Calls of tools by name and outcome",
    "tool",
    "outcome",
  );
  const clientRequests = counter(
    "fairlead_client_requests_total",
    "Requests by client and outcome",
    "client",
    "outcome",
  );
  const attempts = counter(
    "fairlead_upstream_attempts_total",
    "Attempts on upstreams by outcome",
    "upstream",
    "outcome",
  );
  const attemptDurations = histogram(
    "fairlead_upstream_attempt_duration_seconds",
    "Time that attempts on upstreams took",
    "upstream",
  );
  const failovers = counter("fairlead_retries_total", "Attempts beyond the first one of their request")();
  const refusals = counter(
    "fairlead_refusals_total",
    "Requests that a limit of their client refused",
    "limit",
  );
  const drift = counter(
    "fairlead_tool_drift_total",
    "Definitions of tools that changed after they were first seen",
    "pool",
  );
  const reloadOk = gauge(
    "fairlead_config_last_reload_successful",
    "Whether the last reading of the configuration was applied",
  );
  const reloadAt = gauge(
    "fairlead_config_last_reload_success_timestamp_seconds",
    "When the configuration was last applied",
  );
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

  const series: RequestSeries = {
    clock,
    toolName,
    clientName,
    requests,
    durations,
    toolCalls,
    clientRequests,
    attempts,
    attemptDurations,
    failovers,
  };
  let cached: { readonly at: number; readonly text: Promise<string> } | undefined;
  return {
    observe: (request) => new RequestMeter(request, series),
    refused: (limit) => refusals(limit).add(1),
    drifted: (pool) => drift(pool).add(1),
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

/** Where requests are counted. */
interface RequestSeries {
  readonly clock: Clock;
  readonly toolName: (name: string) => string;
  readonly clientName: (name: string) => string;
  readonly requests: Counter;
  readonly durations: Histogram;
  readonly toolCalls: Counter;
  readonly clientRequests: Counter;
  readonly attempts: Counter;
  readonly attemptDurations: Histogram;
  readonly failovers: Tally;
}

/** Follows one request. A class, because one is made per request. */
class RequestMeter implements RequestWatch {
  readonly #series: RequestSeries;
  readonly #request: GateRequest;
  readonly #startedAt: number;
  #tries = 0;

  constructor(request: GateRequest, series: RequestSeries) {
    this.#request = request;
    this.#series = series;
    this.#startedAt = series.clock.now();
  }

  onAttempt({ upstream, outcome, startedAt, endedAt, isHedge }: AttemptEnd): void {
    const { attempts, attemptDurations, failovers } = this.#series;
    if (!isHedge && ++this.#tries > 1) failovers.add(1);
    attempts(upstream, outcome).add(1);
    attemptDurations(upstream).record((endedAt - startedAt) / 1_000);
  }

  onEnd({ outcome }: RequestEnd): void {
    const { requests, clientRequests, durations, toolCalls, toolName, clientName, clock } = this.#series;
    const { method: asked, name, caller } = this.#request;
    const method = METHODS.has(asked) ? asked : "_other";
    requests(method, outcome).add(1);
    clientRequests(clientName(caller.id), outcome).add(1);
    // A stream lasts as long as its client wants, and says nothing about speed.
    if (method !== "subscriptions/listen") durations(method).record((clock.now() - this.#startedAt) / 1_000);
    if (method === "tools/call") toolCalls(toolName(name ?? ""), outcome).add(1);
  }
}
