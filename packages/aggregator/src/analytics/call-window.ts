// What happened to calls in the last minute: how many, how they ended, how long they took. A ring of slices of time; the
// oldest is emptied when its turn comes, so memory is fixed and nothing runs on a timer.
import { BUCKETS, bucketOf, quantileOf } from "./latency-histogram.ts";

/** How far back the figures reach, in milliseconds. */
export const WINDOW_MS = 60_000;
const SLICES = 6;
const SLICE_MS: number = WINDOW_MS / SLICES;

export type CallOutcome = "ok" | "failed" | "cancelled";

/** Durations in milliseconds. */
export interface LatencyFigures {
  readonly mean: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/** Figures over the last minute. */
export interface CallFigures {
  /** Calls that ended, the cancelled ones included. */
  readonly calls: number;
  readonly failed: number;
  readonly cancelled: number;
  /** Calls per second that ended. */
  readonly throughput: number;
  /** Failed calls as a share of those that were not cancelled, 0 to 1. */
  readonly errorRate: number;
  /** Of the calls that were not cancelled. */
  readonly latencyMs: LatencyFigures;
}

interface Slice {
  /** Number of the slice of time that it holds. */
  period: number;
  ok: number;
  failed: number;
  cancelled: number;
  sumMs: number;
  maxMs: number;
  readonly counts: Uint32Array;
}

/** A class, as one is told of every call. */
export class CallWindow {
  readonly #slices: readonly Slice[];
  readonly #startedAt: number;

  /** `now`: the time, in ms of the clock that the other functions are given times of. */
  constructor(now: number) {
    this.#startedAt = now;
    this.#slices = Array.from({ length: SLICES }, () => ({
      period: -1,
      ok: 0,
      failed: 0,
      cancelled: 0,
      sumMs: 0,
      maxMs: 0,
      counts: new Uint32Array(BUCKETS),
    }));
  }

  record(now: number, durationMs: number, outcome: CallOutcome): void {
    const slice = this.#sliceAt(now);
    slice[outcome]++;
    if (outcome === "cancelled") return;
    slice.sumMs += durationMs;
    if (durationMs > slice.maxMs) slice.maxMs = durationMs;
    (slice.counts[bucketOf(durationMs)] as number)++;
  }

  figures(now: number): CallFigures {
    return figuresOf([this], now);
  }

  /** The slices that still count at `now`. */
  recent(now: number): readonly Slice[] {
    const oldest = Math.floor(now / SLICE_MS) - SLICES + 1;
    return this.#slices.filter(({ period }) => period >= oldest);
  }

  /** How much of the time before `now` the slices cover, in ms. */
  coverage(now: number): number {
    return Math.min(now - this.#startedAt, WINDOW_MS - SLICE_MS + (now % SLICE_MS));
  }

  #sliceAt(now: number): Slice {
    const period = Math.floor(now / SLICE_MS);
    const slice = this.#slices[period % SLICES] as Slice;
    if (slice.period !== period) {
      slice.period = period;
      slice.ok = slice.failed = slice.cancelled = slice.sumMs = slice.maxMs = 0;
      slice.counts.fill(0);
    }
    return slice;
  }
}

/** The figures of several windows together. */
export function figuresOf(windows: readonly CallWindow[], now: number): CallFigures {
  const counts = new Uint32Array(BUCKETS);
  let ok = 0;
  let failed = 0;
  let cancelled = 0;
  let sumMs = 0;
  let maxMs = 0;
  for (const slice of windows.flatMap((window) => window.recent(now))) {
    ok += slice.ok;
    failed += slice.failed;
    cancelled += slice.cancelled;
    sumMs += slice.sumMs;
    maxMs = Math.max(maxMs, slice.maxMs);
    for (let bucket = 0; bucket < BUCKETS; bucket++)
      (counts[bucket] as number) += slice.counts[bucket] as number;
  }
  const ended = ok + failed;
  const coveredMs = Math.max(0, ...windows.map((window) => window.coverage(now)));
  const quantile = (share: number): number => round(Math.min(quantileOf(counts, ended, share), maxMs));
  return {
    calls: ended + cancelled,
    failed,
    cancelled,
    throughput: coveredMs === 0 ? 0 : round(((ended + cancelled) * 1_000) / coveredMs),
    errorRate: ended === 0 ? 0 : failed / ended,
    latencyMs: {
      mean: ended === 0 ? 0 : round(sumMs / ended),
      p50: quantile(0.5),
      p95: quantile(0.95),
      p99: quantile(0.99),
      max: round(maxMs),
    },
  };
}

/** To the microsecond, for people. */
function round(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
