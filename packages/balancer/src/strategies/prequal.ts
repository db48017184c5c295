// Prequal's rule (Wydrowski et al., NSDI 2024): endpoints whose requests in flight are above a quantile are hot; among
// the cold ones the lowest latency wins, and only when all are hot the fewest in flight. Reports that the owner feeds
// in (`Balancer.report` with `requestsInFlight`) are the probes, pooled, reused a few times and dropped when old; with
// none, the gateway's own counts and latencies are used. It pays off with many gateways, whose own counts
// tell little; with one gateway the default is better.
import { type Candidates, STRATEGY_API, type Strategy, type StrategyHost } from "../contract.ts";
import { isFailure } from "../outcome.ts";
import { inRange, optionsOf } from "./support/options.ts";
import { createSlotArray } from "./support/slot-array.ts";

/** Options of {@link prequal}. */
export interface PrequalOptions {
  /** Quantile of requests in flight from which on an endpoint is hot, 0–1. @defaultValue 0.84 */
  readonly hotQuantile?: number;
  /** Reports older than this, in ms, are not used, 1–600,000. @defaultValue 1_000 */
  readonly maxReportAgeMs?: number;
  /** Latencies that an endpoint's own average spans, 1–10,000. @defaultValue 50 */
  readonly window?: number;
  /** Latency that a failure counts as, in ms, 0–300,000. @defaultValue 1_000 */
  readonly failurePenaltyMs?: number;
}

/** Time in which the latency of an endpoint that is not heard of fades, in ms. */
const FORGET_MS = 2_000;
/** Samples' worth of trust in the pool's mean latency, and the samples that it averages over. */
const PRIOR_SAMPLES = 10;
const POOL_WINDOW = 500;
/** Latencies that differ by less than this ratio count as equal, so that the best of few endpoints is not worn out. */
const TIE_RATIO = 0.8;

/** Hot or cold by requests in flight, then by latency. */
export function prequal(options: PrequalOptions | undefined, host: StrategyHost): Strategy {
  const { hotQuantile, maxReportAgeMs, window, failurePenaltyMs } = optionsOf("prequal", options, {
    hotQuantile: 0.84,
    maxReportAgeMs: 1_000,
    window: 50,
    failurePenaltyMs: 1_000,
  });
  inRange("hotQuantile", hotQuantile, 0, 1);
  inRange("maxReportAgeMs", maxReportAgeMs, 1, 600_000);
  inRange("window", window, 1, 10_000);
  inRange("failurePenaltyMs", failurePenaltyMs, 0, 300_000);
  const { table, clock } = host;
  const latency = createSlotArray(Number.NaN);
  const samples = createSlotArray();
  const observedAtMs = createSlotArray();
  const failing = new Set<number>();
  const pool = { mean: 0, samples: 0 };
  // Requests that this gateway has started, less those that ended, since the endpoint's last report.
  const sinceReport = createSlotArray();
  let loads = new Float64Array(8);
  let nowMs = 0;

  return {
    name: "prequal",
    api: STRATEGY_API,
    needs: ["latency"],
    pick(candidates): number {
      nowMs = clock.now();
      return pickColdest(candidates);
    },
    onStart({ slot }): void {
      sinceReport.values[slot] = (sinceReport.values[slot] as number) + 1;
    },
    onEnd({ slot, inFlightAtStart }, outcome, latencyMs): void {
      sinceReport.values[slot] = (sinceReport.values[slot] as number) - 1;
      if (isFailure(outcome)) {
        failing.add(slot);
        observe(slot, Math.max(failurePenaltyMs, latencyMs || 0), 1);
      } else if (outcome === "success" || outcome === "app-error") {
        // What was held against it is over.
        if (failing.delete(slot)) samples.values[slot] = 0;
        observe(slot, latencyMs, inFlightAtStart);
      }
    },
    onLoadReport(slot): void {
      sinceReport.values[slot] = 0;
    },
    onEndpoint(slot, change): void {
      if (change !== "reset") return;
      for (const array of [latency, samples, observedAtMs, sinceReport]) array.reserve(slot);
      latency.values[slot] = Number.NaN;
      samples.values[slot] = 0;
      failing.delete(slot);
      sinceReport.values[slot] = 0;
    },
    explain(candidates, _request, score): void {
      nowMs = clock.now();
      for (let index = 0; index < candidates.count; index++) {
        const slot = candidates.slots[index] as number;
        score(slot, requestsInFlight(slot));
      }
    },
  };

  /** Per request in flight, as a probe would tell the latency at the present load and not at that of the past. */
  function observe(slot: number, latencyMs: number, inFlight: number): void {
    if (!(latencyMs >= 0 && latencyMs < Number.POSITIVE_INFINITY)) return;
    const count = Math.min((samples.values[slot] as number) + 1, window);
    samples.values[slot] = count;
    const value = latencyMs / Math.max(1, inFlight);
    const old = count === 1 ? value : (latency.values[slot] as number);
    latency.values[slot] = old + (value - old) / count;
    observedAtMs.values[slot] = clock.now();
    if (failing.has(slot)) return;
    pool.samples = Math.min(pool.samples + 1, POOL_WINDOW);
    pool.mean += (value - pool.mean) / pool.samples;
  }

  function requestsInFlight(slot: number): number {
    const reported = table.load(slot)?.requestsInFlight;
    const own = table.inFlight[slot] as number;
    if (reported === undefined || nowMs - table.loadReportedAtMs(slot) > maxReportAgeMs) return own;
    return Math.max(own, reported + (sinceReport.values[slot] as number));
  }

  function expectedLatency(slot: number, inFlight: number): number {
    const reported = table.load(slot)?.expectedLatencyMs;
    if (reported !== undefined && nowMs - table.loadReportedAtMs(slot) <= maxReportAgeMs) return reported;
    const known = latency.values[slot] as number;
    const seen = samples.values[slot] as number;
    // Until an endpoint is known well it counts as an average one, and after a silence it is tried again.
    const estimate =
      seen === 0 ? pool.mean : (known * seen + pool.mean * PRIOR_SAMPLES) / (seen + PRIOR_SAMPLES);
    const silentMs = Math.max(0, nowMs - (observedAtMs.values[slot] as number));
    return (estimate * (inFlight + 1) * Math.exp(-silentMs / FORGET_MS)) / (table.weight[slot] as number);
  }

  function pickColdest(candidates: Candidates): number {
    const { count, slots } = candidates;
    if (loads.length < count) loads = new Float64Array(2 * count);
    for (let index = 0; index < count; index++) loads[index] = requestsInFlight(slots[index] as number);
    const threshold = quantile(count);
    const start = Math.floor(host.random() * count);
    let coldest = -1;
    let lowestLatency = Number.POSITIVE_INFINITY;
    let lightest = -1;
    let lowestLoad = Number.POSITIVE_INFINITY;
    for (let seen = 0; seen < count; seen++) {
      const index = (start + seen) % count;
      const slot = slots[index] as number;
      const load = requestsInFlight(slot);
      if (load < lowestLoad) {
        lowestLoad = load;
        lightest = slot;
      }
      if (load > threshold) continue;
      const expected = expectedLatency(slot, load);
      if (!(expected < lowestLatency * TIE_RATIO) && coldest !== -1) continue;
      lowestLatency = expected;
      coldest = slot;
    }
    return coldest === -1 ? lightest : coldest;
  }

  /** Below the quantile, strictly, unless all are equal; sorts the scratch array in place. */
  function quantile(count: number): number {
    const sorted = loads.subarray(0, count).sort();
    return sorted[Math.min(count - 1, Math.floor(hotQuantile * (count - 1)))] as number;
  }
}
