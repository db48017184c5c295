// More turns for lower latency. It answers to latency only, so that a burst of large requests looks
// like a slow server, and what it changes today it hears about a latency later: prefer `predictive` or the default
// unless leases cannot be counted.
import { STRATEGY_API, type Strategy, type StrategyHost } from "../contract.ts";
import { isFailure } from "../outcome.ts";
import { inRange, optionsOf } from "./support/options.ts";
import { createSlotArray } from "./support/slot-array.ts";
import { createSmoothTurns } from "./support/smooth-turns.ts";

/** Options of {@link weightedResponseTime}. */
export interface WeightedResponseTimeOptions {
  /** Latencies that an average spans, 1–10,000. @defaultValue 50 */
  readonly window?: number;
  /** Latency that a failure counts as, in ms, 0–300,000. @defaultValue 5_000 */
  readonly failurePenaltyMs?: number;
  /**
   * Share = weight / latency ^ exponent, 0.1–1. In inverse proportion (1) the shares overshoot, as queues make latencies
   * change faster than speeds; in simulations that is worse than random where speeds vary.
   *
   * @defaultValue 0.5
   */
  readonly exponent?: number;
  /** The largest ratio between two endpoints' shares per weight, 1–1,000. @defaultValue 20 */
  readonly maxRatio?: number;
}

/** Turns in proportion to weight over the root of the mean latency. */
export function weightedResponseTime(
  options: WeightedResponseTimeOptions | undefined,
  host: StrategyHost,
): Strategy {
  const { window, exponent, failurePenaltyMs, maxRatio } = optionsOf("weighted-response-time", options, {
    window: 50,
    exponent: 0.5,
    failurePenaltyMs: 5_000,
    maxRatio: 20,
  });
  inRange("window", window, 1, 10_000);
  inRange("exponent", exponent, 0.1, 1);
  inRange("failurePenaltyMs", failurePenaltyMs, 0, 300_000);
  inRange("maxRatio", maxRatio, 1, 1_000);
  const { table } = host;
  const latency = createSlotArray(Number.NaN);
  const samples = createSlotArray();
  const failing = new Set<number>();
  let fastestMs = Number.NaN;
  const turns = createSmoothTurns(weight);

  return {
    name: "weighted-response-time",
    api: STRATEGY_API,
    needs: ["latency"],
    pick(candidates): number {
      fastestMs = Number.POSITIVE_INFINITY;
      for (let index = 0; index < candidates.count; index++) {
        const known = latency.values[candidates.slots[index] as number] as number;
        if (known < fastestMs) fastestMs = known;
      }
      return turns.next(candidates);
    },
    onEnd({ slot }, outcome, latencyMs): void {
      if (isFailure(outcome)) {
        observe(slot, Math.max(failurePenaltyMs, latencyMs || 0));
        failing.add(slot);
      } else if (outcome === "success" || outcome === "app-error") {
        // What was held against it is over.
        if (failing.delete(slot)) samples.values[slot] = 0;
        observe(slot, latencyMs);
      }
    },
    onEndpoint(slot, change): void {
      if (change === "reset") {
        latency.reserve(slot);
        samples.reserve(slot);
        latency.values[slot] = Number.NaN;
        samples.values[slot] = 0;
        failing.delete(slot);
      }
      if (change === "reset" || change === "eligible") turns.reset(slot);
    },
  };

  function observe(slot: number, latencyMs: number): void {
    if (!(latencyMs >= 0 && latencyMs < Number.POSITIVE_INFINITY)) return;
    const count = Math.min((samples.values[slot] as number) + 1, window);
    samples.values[slot] = count;
    const old = count === 1 ? latencyMs : (latency.values[slot] as number);
    latency.values[slot] = old + (latencyMs - old) / count;
  }

  /** Relative to the fastest: an endpoint that is not known yet counts as fast, and none falls out of use. */
  function weight(slot: number): number {
    const known = latency.values[slot] as number;
    const ratio = known > 0 && fastestMs > 0 ? known / fastestMs : 1;
    return (table.weight[slot] as number) / Math.min(ratio ** exponent, maxRatio);
  }
}
