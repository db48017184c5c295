// Least loaded by what endpoints report about themselves: leases in flight over the headroom that is left. As in
// gRPC's weighted round-robin (A58), a new endpoint's reports are not trusted for a while, old ones not at all,
// and errors make an endpoint look smaller; unlike it, the gateway's own in-flight counts are used as well,
// because reports are always late.
import { type LoadReport, STRATEGY_API, type Strategy, type StrategyHost } from "../contract.ts";
import { createLeastBy, explainBy } from "./support/least-by.ts";
import { inRange, optionsOf } from "./support/options.ts";
import { createSlotArray } from "./support/slot-array.ts";

/** Options of {@link resourceAware}. */
export interface ResourceAwareOptions {
  /** Reports older than this, in ms, are ignored, 1–86,400,000. @defaultValue 180_000 */
  readonly expiryMs?: number;
  /** For this long after an endpoint's first report, in ms, it is not used, 0–3,600,000. @defaultValue 10_000 */
  readonly blackoutMs?: number;
  /** How strongly failed requests count: headroom is divided by 1 + penalty × error ratio; 0–1,000. @defaultValue 10 */
  readonly errorPenalty?: number;
  /** The least headroom that an endpoint is credited with, (0.001–1). @defaultValue 0.05 */
  readonly minHeadroom?: number;
}

/** Fewest leases in flight per weight and reported headroom; without usable reports, least-connections. */
export function resourceAware(options: ResourceAwareOptions | undefined, host: StrategyHost): Strategy {
  const { expiryMs, blackoutMs, errorPenalty, minHeadroom } = optionsOf("resource-aware", options, {
    expiryMs: 180_000,
    blackoutMs: 10_000,
    errorPenalty: 10,
    minHeadroom: 0.05,
  });
  inRange("expiryMs", expiryMs, 1, 86_400_000);
  inRange("blackoutMs", blackoutMs, 0, 3_600_000);
  inRange("errorPenalty", errorPenalty, 0, 1_000);
  inRange("minHeadroom", minHeadroom, 0.001, 1);
  const { table, clock } = host;
  const reportedSinceMs = createSlotArray(Number.NaN);
  const headroom = createSlotArray(Number.NaN);
  // Mean over the candidates with usable reports; stands in for the others.
  let meanHeadroom = 1;
  let nowMs = 0;
  const leastBy = createLeastBy(cost);

  return {
    name: "resource-aware",
    api: STRATEGY_API,
    pick(candidates): number {
      nowMs = clock.now();
      let sum = 0;
      let count = 0;
      for (let index = 0; index < candidates.count; index++) {
        const slot = candidates.slots[index] as number;
        if (!isUsable(slot)) continue;
        sum += headroom.values[slot] as number;
        count += 1;
      }
      meanHeadroom = count === 0 ? 1 : sum / count;
      return leastBy(candidates);
    },
    onLoadReport(slot, report): void {
      const left = headroomOf(report);
      headroom.values[slot] = left;
      if (Number.isNaN(reportedSinceMs.values[slot] as number)) reportedSinceMs.values[slot] = clock.now();
    },
    onEndpoint(slot, change): void {
      if (change !== "reset") return;
      reportedSinceMs.reserve(slot);
      headroom.reserve(slot);
      reportedSinceMs.values[slot] = Number.NaN;
      headroom.values[slot] = Number.NaN;
    },
    explain: explainBy(cost),
  };

  function isUsable(slot: number): boolean {
    return (
      nowMs - (reportedSinceMs.values[slot] as number) >= blackoutMs &&
      nowMs - table.loadReportedAtMs(slot) <= expiryMs &&
      !Number.isNaN(headroom.values[slot] as number)
    );
  }

  function cost(slot: number): number {
    const left = isUsable(slot) ? (headroom.values[slot] as number) : meanHeadroom;
    const limit = table.maxConcurrency[slot] as number;
    const inFlight = table.inFlight[slot] as number;
    const connectionsLeft = limit === 0 ? 1 : Math.max(minHeadroom, 1 - inFlight / limit);
    return (inFlight + 1) / ((table.weight[slot] as number) * Math.min(left, connectionsLeft));
  }

  /** `NaN` when the report says nothing that can be used. */
  function headroomOf(report: LoadReport): number {
    const { applicationUtilization, cpuUtilization, memoryUtilization, requestsPerSecond, errorsPerSecond } =
      report;
    const cpu = applicationUtilization ?? cpuUtilization ?? Number.NaN;
    const memory = memoryUtilization ?? Number.NaN;
    const used = Number.isNaN(cpu) ? memory : Number.isNaN(memory) ? cpu : Math.max(cpu, memory);
    if (!(used >= 0)) return Number.NaN;
    const errorRatio = (errorsPerSecond ?? 0) / (requestsPerSecond ?? Number.POSITIVE_INFINITY);
    const trusted = 1 + errorPenalty * (errorRatio > 0 ? Math.min(1, errorRatio) : 0);
    return Math.max(minHeadroom, Math.min(1, 1 - used) / trusted);
  }
}
