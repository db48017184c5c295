// What the provider has seen of its pools: for status pages and for people who wonder which server is slow.
import type { Clock } from "@fairlead/core";
import type { ServerReport } from "./answer.ts";

export interface TargetStatistics {
  readonly pool: string;
  readonly capability: string;
  readonly queries: number;
  readonly failures: number;
  /** Of the last 500 answers, in milliseconds; null before the first. */
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
}

export interface FailoverRecord {
  /** ISO 8601. */
  readonly at: string;
  readonly pool: string;
  readonly from: readonly string[];
  readonly to: string;
}

export interface Statistics {
  note(reports: readonly ServerReport[], tookMs: number, outcome: "answered" | "degraded" | "failed"): void;
  readonly totals: { readonly queries: number; readonly degraded: number; readonly failed: number };
  /** Mean of the last 500 queries, in milliseconds. */
  readonly averageMs: number;
  /** Queries per second, over the last minute. */
  readonly throughput: number;
  targets(): readonly TargetStatistics[];
  /** Newest first, at most 200. */
  readonly failovers: readonly FailoverRecord[];
}

const KEPT_DURATIONS = 500;
const KEPT_FAILOVERS = 200;
const KEPT_TIMES = 10_000;
const MINUTE_MS = 60_000;

export function createStatistics(clock: Clock): Statistics {
  const targets = new Map<
    string,
    { pool: string; capability: string; queries: number; failures: number; durations: number[] }
  >();
  const durations: number[] = [];
  const times: number[] = [];
  const failovers: FailoverRecord[] = [];
  const totals = { queries: 0, degraded: 0, failed: 0 };
  return {
    note(reports, tookMs, outcome) {
      totals.queries++;
      if (outcome !== "answered") totals[outcome]++;
      keep(durations, tookMs, KEPT_DURATIONS);
      keep(times, clock.now(), KEPT_TIMES);
      for (const { pool, capability, outcome, tookMs, failedOver, server } of reports) {
        const key = `${pool} ${capability}`;
        const target = targets.get(key) ?? { pool, capability, queries: 0, failures: 0, durations: [] };
        targets.set(key, target);
        target.queries++;
        if (outcome === "answered") keep(target.durations, tookMs, KEPT_DURATIONS);
        else target.failures++;
        if (failedOver.length > 0 && server !== null)
          keep(
            failovers,
            { at: new Date().toISOString(), pool, from: failedOver, to: server },
            KEPT_FAILOVERS,
          );
      }
    },
    totals,
    get averageMs() {
      return durations.length === 0 ? 0 : durations.reduce((sum, value) => sum + value, 0) / durations.length;
    },
    get throughput() {
      const since = clock.now() - MINUTE_MS;
      return times.filter((time) => time >= since).length / (MINUTE_MS / 1_000);
    },
    targets: () =>
      [...targets.values()].map(({ durations, ...target }) => {
        const sorted = durations.toSorted((a, b) => a - b);
        const at = (share: number): number | null => sorted[Math.floor(sorted.length * share)] ?? null;
        return { ...target, p50Ms: at(0.5), p95Ms: at(0.95) };
      }),
    get failovers() {
      return failovers.toReversed();
    },
  };
}

function keep<T>(list: T[], value: T, most: number): void {
  list.push(value);
  if (list.length > most) list.shift();
}
