// Finagle's peak EWMA: latency that jumps to a peak at once and decays slowly, times leases in flight. A failure
// counts as a long latency (linkerd's load biaser); without that, a server that fails fast looks like the best.
import { STRATEGY_API, type Strategy, type StrategyHost } from "../contract.ts";
import { isFailure } from "../outcome.ts";
import { explainBy } from "./support/least-by.ts";
import { inRange, optionsOf } from "./support/options.ts";
import { createSampler } from "./support/sampler.ts";
import { createSlotArray } from "./support/slot-array.ts";

/** Options of {@link peakEwma}. */
export interface PeakEwmaOptions {
  /** Time constant of the decay in ms, 1–600,000. @defaultValue 10_000 */
  readonly decayMs?: number;
  /** Latency that a failure counts as, in ms, 0–300,000. @defaultValue 5_000 */
  readonly failurePenaltyMs?: number;
  /** Candidates that are compared; an integer from 2 to 16. @defaultValue 2 */
  readonly choices?: number;
}

const UNKNOWN_AND_BUSY = 1e9;

/** The lowest peak-sensitive latency times leases in flight, of two random candidates. */
export function peakEwma(options: PeakEwmaOptions | undefined, host: StrategyHost): Strategy {
  const { decayMs, failurePenaltyMs, choices } = optionsOf("peak-ewma", options, {
    decayMs: 10_000,
    failurePenaltyMs: 5_000,
    choices: 2,
  });
  inRange("decayMs", decayMs, 1, 600_000);
  inRange("failurePenaltyMs", failurePenaltyMs, 0, 300_000);
  inRange("choices", choices, 2, 16);
  const { table, clock } = host;
  const latency = createSlotArray(Number.NaN);
  const updatedAtMs = createSlotArray();
  let nowMs = 0;
  const sample = createSampler(host.random, choices, cost);

  return {
    name: "peak-ewma",
    api: STRATEGY_API,
    needs: ["latency"],
    pick(candidates): number {
      nowMs = clock.now();
      return sample(candidates);
    },
    onEnd({ slot }, outcome, latencyMs): void {
      if (isFailure(outcome)) observe(slot, Math.max(failurePenaltyMs, latencyMs || 0));
      else if (outcome === "success" || outcome === "app-error") observe(slot, latencyMs);
    },
    onEndpoint(slot, change): void {
      if (change !== "reset") return;
      latency.reserve(slot);
      updatedAtMs.reserve(slot);
      latency.values[slot] = Number.NaN;
      updatedAtMs.values[slot] = clock.now();
    },
    explain: explainBy(cost),
  };

  function observe(slot: number, latencyMs: number): void {
    if (!(latencyMs >= 0 && latencyMs < Number.POSITIVE_INFINITY)) return;
    nowMs = clock.now();
    const old = latency.values[slot] as number;
    if (Number.isNaN(old) || latencyMs > old) latency.values[slot] = latencyMs;
    else {
      const keep = Math.exp(Math.min(0, (updatedAtMs.values[slot] as number) - nowMs) / decayMs);
      latency.values[slot] = old * keep + latencyMs * (1 - keep);
    }
    updatedAtMs.values[slot] = nowMs;
  }

  /** Decays towards zero while nothing is heard, so that an endpoint that was slow is tried again. */
  function cost(slot: number): number {
    const inFlight = table.inFlight[slot] as number;
    const known = latency.values[slot] as number;
    // As in Finagle: one that was never used is tried at once, and with one request only.
    if (Number.isNaN(known)) return inFlight === 0 ? 0 : UNKNOWN_AND_BUSY + inFlight;
    const silentMs = Math.max(0, nowMs - (updatedAtMs.values[slot] as number));
    return (known * Math.exp(-silentMs / decayMs) * (inFlight + 1)) / (table.weight[slot] as number);
  }
}
