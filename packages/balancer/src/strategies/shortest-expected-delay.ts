// The default: fewest leases in flight, weighed by how fast each endpoint has proved to be, with endpoints that
// fail held back. (The name is that of the same rule in Linux's virtual server, which has fixed weights.) One
// gateway knows its in-flight counts exactly; in simulations that alone closes 98 % of the gap between
// round-robin and a central queue, and learned speeds do the rest where servers are unequal.
import { type Candidates, STRATEGY_API, type Strategy, type StrategyHost } from "../contract.ts";
import { isFailure } from "../outcome.ts";
import { createBucketQueue } from "./support/bucket-queue.ts";
import { createFailurePenalty } from "./support/failure-penalty.ts";
import { inRange, optionsOf } from "./support/options.ts";
import { createSpeedLearner } from "./support/speed-learner.ts";

/** Options of {@link shortestExpectedDelay}. */
export interface ShortestExpectedDelayOptions {
  /** Learn speeds from latencies; without, only weights count. @defaultValue true */
  readonly learnSpeed?: boolean;
  /** Latencies that an endpoint's speed averages over, 2–10,000. @defaultValue 100 */
  readonly speedWindow?: number;
  /** Standard errors by which a speed must stand out to count, 0–10. @defaultValue 2 */
  readonly speedSignificance?: number;
  /** How long an endpoint is held back after one failure, in ms, 0–60,000; doubles with each further one. @defaultValue 100 */
  readonly penaltyMs?: number;
  /** The longest that it is held back, in ms, 0–600,000. @defaultValue 5_000 */
  readonly maxPenaltyMs?: number;
}

/** Added to the cost of endpoints that are held back: they come last, but in order. */
const HELD_BACK = 1e9;
/** Ranks for endpoints that are not held back; the others follow. */
const RANKS = 1_024;
/** Ranks that grow with the cost; beyond them, with its logarithm. */
const EXACT_RANKS = 512;
const RANKS_PER_DOUBLING = 32;
const FRACTION_BITS = 8;
const FRACTION = 1 << FRACTION_BITS;
/** Rank of a cost that is the pool's mean: fine enough to tell leases apart, with room for bursts above. */
const MEAN_RANK = 64;

/** Learned speeds are applied once in this many picks per candidate. */
const PICKS_PER_ROUND = 16;

/** The candidate whose leases in flight, plus this one, will be done first. */
export function shortestExpectedDelay(
  options: ShortestExpectedDelayOptions | undefined,
  host: StrategyHost,
): Strategy {
  const { learnSpeed, speedWindow, speedSignificance, penaltyMs, maxPenaltyMs } = optionsOf(
    "shortest-expected-delay",
    options,
    { learnSpeed: true, speedWindow: 100, speedSignificance: 2, penaltyMs: 100, maxPenaltyMs: 5_000 },
  );
  if (typeof learnSpeed !== "boolean")
    throw new RangeError(`learnSpeed must be a boolean, got ${String(learnSpeed)}`);
  inRange("speedWindow", speedWindow, 2, 10_000);
  inRange("speedSignificance", speedSignificance, 0, 10);
  inRange("penaltyMs", penaltyMs, 0, 60_000);
  inRange("maxPenaltyMs", maxPenaltyMs, penaltyMs, 600_000);
  const { table, clock } = host;
  const queue = createBucketQueue();
  const speed = createSpeedLearner({ window: speedWindow, significance: speedSignificance });
  const penalty = createFailurePenalty(clock, penaltyMs, maxPenaltyMs);
  // Learned factor over weight, per slot; what one lease costs there.
  let perLease = new Float64Array(8).fill(1);
  // The same in ranks, as a whole number of 1/256: integers are compared and shifted faster than V8 rounds.
  let ranksPerLease = new Int32Array(8).fill((MEAN_RANK / 2) * FRACTION);
  let member = new Uint8Array(8);
  let scale = MEAN_RANK / 2;
  let picksUntilRound = 0;
  // Where the last scan ended, so that equals take turns.
  let turn = 0;

  return {
    name: "shortest-expected-delay",
    api: STRATEGY_API,
    needs: learnSpeed ? ["latency"] : [],
    pick(candidates): number {
      if (penalty.active) penalty.expire(rerank);
      if (--picksUntilRound <= 0) endRound(candidates);
      return candidates.filtered ? scan(candidates) : queue.first();
    },
    onStart({ slot }): void {
      rerank(slot);
    },
    onEnd({ slot, inFlightAtStart, cost }, outcome, latencyMs): void {
      if (outcome === "success" || outcome === "app-error") {
        if (penalty.active) penalty.forget(slot);
        if (learnSpeed) speed.observe(slot, inFlightAtStart, latencyMs, cost);
      } else if (isFailure(outcome)) penalty.failed(slot);
      rerank(slot);
    },
    onEndpoint(slot, change): void {
      if (change === "reset") {
        speed.forget(slot);
        penalty.forget(slot);
      }
      reweigh(slot);
      if (change === "eligible") {
        member[slot] = 1;
        queue.place(slot, rank(slot));
      } else if (change === "ineligible") {
        member[slot] = 0;
        queue.remove(slot);
      } else rerank(slot);
    },
    explain(candidates, _request, score): void {
      for (let index = 0; index < candidates.count; index++) {
        const slot = candidates.slots[index] as number;
        score(slot, cost(slot));
      }
    },
    snapshot: () => ({
      relativeLatency: Object.fromEntries(
        Array.from(member.keys())
          .filter((slot) => member[slot] === 1)
          .map((slot) => [table.id(slot), speed.factor(slot)]),
      ),
    }),
  };

  function cost(slot: number): number {
    const inFlight = table.inFlight[slot] as number;
    const delay = (inFlight + 1) * (perLease[slot] as number);
    return penalty.active && penalty.heldBack(slot, inFlight) ? delay + HELD_BACK : delay;
  }

  function rank(slot: number): number {
    const inFlight = table.inFlight[slot] as number;
    const exact = Math.imul(inFlight + 1, ranksPerLease[slot] as number);
    const delay =
      exact >>> 0 < EXACT_RANKS * FRACTION
        ? exact >> FRACTION_BITS
        : crowdedRank((inFlight + 1) * (perLease[slot] as number) * scale);
    return penalty.active && penalty.heldBack(slot, inFlight) ? delay + RANKS : delay;
  }

  function rerank(slot: number): void {
    queue.move(slot, rank(slot));
  }

  function scan(candidates: Candidates): number {
    let best = -1;
    let bestCost = Number.POSITIVE_INFINITY;
    let index = turn < candidates.count ? turn : 0;
    for (let seen = 0; seen < candidates.count; seen++) {
      const slot = candidates.slots[index] as number;
      index = index + 1 === candidates.count ? 0 : index + 1;
      const slotCost = cost(slot);
      if (slotCost >= bestCost) continue;
      best = slot;
      bestCost = slotCost;
      turn = index;
    }
    return best;
  }

  function reweigh(slot: number): void {
    if (slot >= perLease.length) {
      const length = Math.max(slot + 1, perLease.length * 2);
      perLease = extend(perLease, new Float64Array(length));
      ranksPerLease = extend(ranksPerLease, new Int32Array(length));
      member = extend(member, new Uint8Array(length));
    }
    const cost = speed.factor(slot) / (table.weight[slot] as number);
    perLease[slot] = cost;
    ranksPerLease[slot] = Math.min(EXACT_RANKS * FRACTION, cost * scale * FRACTION);
  }

  /** Applies what was learned: seldom, as it costs an exponential function per endpoint. */
  function endRound(candidates: Candidates): void {
    picksUntilRound = candidates.count * PICKS_PER_ROUND;
    speed.endRound(candidates.slots, candidates.count);
    let sum = 0;
    let count = 0;
    for (let slot = 0; slot < member.length; slot++) {
      if (member[slot] === 0) continue;
      reweigh(slot);
      sum += ((table.inFlight[slot] as number) + 1) * (perLease[slot] as number);
      count += 1;
    }
    // A power of two, so that ranks do not move with every small change of the mean.
    if (count > 0) scale = 2 ** Math.floor(Math.log2((MEAN_RANK * count) / sum));
    for (let slot = 0; slot < member.length; slot++) {
      if (member[slot] === 0) continue;
      ranksPerLease[slot] = Math.min(EXACT_RANKS * FRACTION, (perLease[slot] as number) * scale * FRACTION);
      rerank(slot);
    }
  }
}

function crowdedRank(exact: number): number {
  return Math.min(RANKS - 1, EXACT_RANKS + RANKS_PER_DOUBLING * Math.log2(exact / EXACT_RANKS)) | 0;
}

function extend<A extends Float64Array | Int32Array | Uint8Array>(from: A, to: A): A {
  to.set(from);
  return to;
}
