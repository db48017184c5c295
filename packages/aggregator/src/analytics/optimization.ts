// Advice that follows from measurements. Each piece says what was measured, and is only given on enough calls to mean
// something.
import type { PoolConfig } from "../config.ts";
import type { PoolPerformance } from "./analytics.ts";
import type { FailoverHistory } from "./failover-history.ts";

export interface OptimizationAdvice {
  readonly code:
    | "UPSTREAM_FAILING"
    | "UPSTREAM_SLOW"
    | "FREQUENT_FAILOVERS"
    | "CALLS_QUEUE"
    | "DEADLINE_TIGHT"
    | "DEADLINE_LOOSE"
    | "STRATEGY_BLIND"
    | "NO_REDUNDANCY";
  readonly severity: "warning" | "info";
  readonly pool: string;
  readonly upstream?: string;
  /** What was measured. */
  readonly message: string;
  /** What to do about it. */
  readonly fix: string;
}

/** Fewer calls in the window say nothing. */
const MIN_CALLS = 20;
const MAX_ERROR_RATE = 0.05;
const SLOW_FACTOR = 3;
const UNEVEN_FACTOR = 2;
const MANY_FAILOVERS = 5;
const FAILOVER_WINDOW_MS = 600_000;
const TIGHT_RATIO = 0.8;
const LOOSE_FACTOR = 50;
const LOOSE_CALLS = 200;
/** Strategies that take no notice of how long upstreams take. */
const BLIND = new Set(["round-robin", "weighted-round-robin", "random"]);

export function adviceFor(
  pool: PoolPerformance,
  config: PoolConfig,
  history: FailoverHistory,
  now: number,
): OptimizationAdvice[] {
  return [
    ...aboutUpstreams(pool),
    ...aboutFailovers(pool, history, now),
    ...aboutQueue(pool),
    ...aboutDeadline(pool, config),
    ...aboutStrategy(pool),
    ...aboutRedundancy(pool),
  ];
}

function aboutUpstreams({ namespace, upstreams }: PoolPerformance): OptimizationAdvice[] {
  const busy = upstreams.filter(({ calls }) => calls >= MIN_CALLS);
  return busy.flatMap((upstream): OptimizationAdvice[] => {
    const { id, calls, errorRate, latencyMs } = upstream;
    const about = { pool: namespace, upstream: id };
    if (errorRate > MAX_ERROR_RATE) {
      return [
        {
          code: "UPSTREAM_FAILING",
          severity: "warning",
          ...about,
          message: `${percent(errorRate)} of ${calls} calls failed on ${id} in the last minute`,
          fix: "look at its state and its stderr; drain it if its siblings can carry the load",
        },
      ];
    }
    const siblings = median(busy.filter((other) => other !== upstream).map((other) => other.latencyMs.p95));
    if (siblings === undefined || latencyMs.p95 <= SLOW_FACTOR * siblings) return [];
    return [
      {
        code: "UPSTREAM_SLOW",
        severity: "warning",
        ...about,
        message: `95 % of calls on ${id} end within ${latencyMs.p95} ms; on its siblings within ${siblings} ms`,
        fix: "look at that machine; give it less weight until it is as fast as the others",
      },
    ];
  });
}

function aboutFailovers(
  { namespace, upstreams }: PoolPerformance,
  history: FailoverHistory,
  now: number,
): OptimizationAdvice[] {
  return upstreams.flatMap(({ id }): OptimizationAdvice[] => {
    const calls = history.callsFrom(namespace, id, now - FAILOVER_WINDOW_MS);
    if (calls < MANY_FAILOVERS) return [];
    return [
      {
        code: "FREQUENT_FAILOVERS",
        severity: "warning",
        pool: namespace,
        upstream: id,
        message: `${calls} calls left ${id} for other upstreams in the last ten minutes`,
        fix: "see failoverHistory for the reasons; repair it, or take it out",
      },
    ];
  });
}

function aboutQueue({ namespace, queueSize, upstreams }: PoolPerformance): OptimizationAdvice[] {
  const ready = upstreams.filter(({ status }) => status === "ready").length;
  if (queueSize === 0 || queueSize < ready) return [];
  return [
    {
      code: "CALLS_QUEUE",
      severity: "warning",
      pool: namespace,
      message: `${queueSize} calls of ${namespace} wait, and ${ready} of ${upstreams.length} upstreams are ready`,
      fix:
        ready < upstreams.length
          ? "bring back the upstreams that are down"
          : "add upstreams, or raise maxConcurrency if they can take more",
    },
  ];
}

function aboutDeadline(
  { namespace, calls, latencyMs }: PoolPerformance,
  { timeoutMs = 30_000 }: PoolConfig,
): OptimizationAdvice[] {
  if (calls >= MIN_CALLS && latencyMs.p99 > TIGHT_RATIO * timeoutMs) {
    return [
      {
        code: "DEADLINE_TIGHT",
        severity: "warning",
        pool: namespace,
        message: `1 % of calls take ${latencyMs.p99} ms or longer, and timeoutMs ends them at ${timeoutMs} ms`,
        fix: "raise timeoutMs, or put slow tools under tools.<name>.timeoutMs",
      },
    ];
  }
  if (calls >= LOOSE_CALLS && latencyMs.max > 0 && timeoutMs > LOOSE_FACTOR * latencyMs.max) {
    return [
      {
        code: "DEADLINE_LOOSE",
        severity: "info",
        pool: namespace,
        message: `the longest of ${calls} calls took ${latencyMs.max} ms; one that hangs is given ${timeoutMs} ms`,
        fix: `lower timeoutMs, say to ${Math.ceil((latencyMs.max * 10) / 1_000) * 1_000}`,
      },
    ];
  }
  return [];
}

function aboutStrategy({ namespace, strategy, upstreams }: PoolPerformance): OptimizationAdvice[] {
  const busy = upstreams.filter(({ calls }) => calls >= MIN_CALLS).map(({ latencyMs }) => latencyMs.p50);
  const [slowest, fastest] = [Math.max(...busy), Math.min(...busy)];
  if (!BLIND.has(strategy) || busy.length < 2 || slowest < UNEVEN_FACTOR * fastest) return [];
  return [
    {
      code: "STRATEGY_BLIND",
      severity: "info",
      pool: namespace,
      message: `${strategy} gives all upstreams their share, though half of the calls take ${fastest} ms on one and ${slowest} ms on another`,
      fix: "use shortest-expected-delay or peak-ewma",
    },
  ];
}

function aboutRedundancy({ namespace, calls, errorRate, upstreams }: PoolPerformance): OptimizationAdvice[] {
  if (upstreams.length !== 1 || calls < MIN_CALLS || errorRate === 0) return [];
  return [
    {
      code: "NO_REDUNDANCY",
      severity: "info",
      pool: namespace,
      message: `${percent(errorRate)} of ${calls} calls of ${namespace} failed, and there is no second upstream to try`,
      fix: "add one, if the server keeps no state of its own",
    },
  ];
}

function median(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)];
}

function percent(ratio: number): string {
  return `${Math.round(ratio * 1_000) / 10} %`;
}
