// How the multiplexer does, from what was measured in the last minute: figures for a dashboard, advice that follows from
// them, and the failovers that are remembered. Computed when asked for; nothing runs in between.
import type { Clock } from "@fairlead/core";
import { type PoolMember, stateOf } from "../pool/member.ts";
import type { Pool } from "../pool/pool.ts";
import type { Router } from "../router/router.ts";
import type { ReplicaStatus } from "../upstream/replica-state.ts";
import { type CallFigures, figuresOf, WINDOW_MS } from "./call-window.ts";
import type { FailoverEntry, FailoverHistory } from "./failover-history.ts";
import { adviceFor, type OptimizationAdvice } from "./optimization.ts";

export interface PerformanceAnalytics {
  /** How far back the figures reach, in milliseconds. */
  readonly windowMs: number;
  readonly dashboard: PerformanceDashboard;
  /** What to change, most urgent first; empty when nothing stands out. */
  readonly optimization: readonly OptimizationAdvice[];
  /** Newest first, at most 200. */
  readonly failoverHistory: readonly FailoverEntry[];
}

export interface PerformanceDashboard extends CallFigures {
  readonly inFlight: number;
  readonly queueSize: number;
  readonly pools: readonly PoolPerformance[];
  /** How many calls each routing rule has held for, since the start. */
  readonly rules: Readonly<Record<string, number>>;
}

export interface PoolPerformance extends CallFigures {
  readonly namespace: string;
  readonly strategy: string;
  readonly inFlight: number;
  readonly queueSize: number;
  readonly upstreams: readonly UpstreamPerformance[];
}

/** Figures of attempts: a call that failed over counts for each upstream that it was sent to. */
export interface UpstreamPerformance extends CallFigures {
  readonly id: string;
  readonly status: ReplicaStatus;
  readonly breaker: "closed" | "open" | "half-open";
  readonly inFlight: number;
  /** Share of the pool's attempts, 0 to 1. */
  readonly share: number;
}

export interface AnalyticsSources {
  readonly pools: readonly Pool[];
  readonly router: Router | undefined;
  readonly history: FailoverHistory;
  readonly clock: Clock;
}

export function analyticsOf({ pools, router, history, clock }: AnalyticsSources): PerformanceAnalytics {
  const now = clock.now();
  const performances = pools.map((pool) => poolPerformance(pool, now));
  return {
    windowMs: WINDOW_MS,
    dashboard: {
      ...overallFigures(pools, now),
      inFlight: pools.reduce((sum, { calls }) => sum + calls.running, 0),
      queueSize: pools.reduce((sum, { calls }) => sum + calls.queued, 0),
      pools: performances,
      rules: router?.counts ?? {},
    },
    optimization: pools
      .flatMap((pool, at) => {
        const performance = performances[at];
        return performance === undefined ? [] : adviceFor(performance, pool.config, history, now);
      })
      .sort((a, b) => Number(b.severity === "warning") - Number(a.severity === "warning")),
    failoverHistory: history.entries,
  };
}

/** The figures of all pools together. */
export function overallFigures(pools: readonly Pool[], now: number): CallFigures {
  return figuresOf(
    pools.map(({ calls }) => calls.window),
    now,
  );
}

function poolPerformance(pool: Pool, now: number): PoolPerformance {
  const upstreams = pool.members.map((member) => ({ member, figures: member.window.figures(now) }));
  const attempts = upstreams.reduce((sum, { figures }) => sum + figures.calls, 0);
  return {
    namespace: pool.namespace,
    strategy: pool.balancing.strategy,
    ...pool.calls.window.figures(now),
    inFlight: pool.calls.running,
    queueSize: pool.calls.queued,
    upstreams: upstreams.map(({ member, figures }) => upstreamPerformance(member, figures, attempts)),
  };
}

function upstreamPerformance(
  member: PoolMember,
  figures: CallFigures,
  attempts: number,
): UpstreamPerformance {
  return {
    id: member.id,
    status: stateOf(member).status,
    breaker: member.breaker.state.status,
    ...figures,
    inFlight: member.inFlight,
    share: attempts === 0 ? 0 : figures.calls / attempts,
  };
}
