// What predictive and adaptive share: the forecast of when an endpoint would be done with one more request. Work
// outstanding there, by kinds, times how fast the endpoint will be, with endpoints that fail held back.
import type {
  Candidates,
  Dispatch,
  EndpointChange,
  LeaseOutcome,
  PickRequest,
  StrategyHost,
} from "../../contract.ts";
import { isFailure } from "../../outcome.ts";
import { createFailurePenalty } from "./failure-penalty.ts";
import { createLatencyModel, type LatencyModel } from "./latency-model.ts";
import { inRange } from "./options.ts";
import { createOutstandingWork } from "./outstanding-work.ts";
import { createSlotArray } from "./slot-array.ts";

/** Options of the forecast. */
export interface ForecastOptions {
  /** Latencies that an endpoint's speed averages over, 2–10,000. @defaultValue 100 */
  readonly window?: number;
  /** Weight of the newest change in an endpoint's trend, 0–1; 0 switches the trend off. @defaultValue 0.05 */
  readonly trend?: number;
  /** How far ahead the trend is followed, in requests of the endpoint, 0–1,000. @defaultValue 10 */
  readonly horizon?: number;
  /** Standard errors by which a difference must stand out to count, 0–10. @defaultValue 2 */
  readonly significance?: number;
  /** How long an endpoint is held back after one failure, in ms, 0–60,000; doubles with each further one. @defaultValue 100 */
  readonly penaltyMs?: number;
  /** The longest that it is held back, in ms, up to 600,000. @defaultValue 5_000 */
  readonly maxPenaltyMs?: number;
}

/** Every option's default. */
export const forecastDefaults: Required<ForecastOptions> = {
  window: 100,
  trend: 0.05,
  horizon: 10,
  significance: 2,
  penaltyMs: 100,
  maxPenaltyMs: 5_000,
};

export interface Forecast {
  readonly model: LatencyModel;
  /** Call before the costs of a pick are read. @returns `true` when a round of learning ended */
  prepare(candidates: Candidates, request: PickRequest): boolean;
  /** Sets the request that {@link cost} is about. */
  describe(request: PickRequest): void;
  readonly cost: (slot: number) => number;
  readonly onStart: (dispatch: Dispatch) => void;
  onEnd(dispatch: Dispatch, outcome: LeaseOutcome, latencyMs: number, familiar: boolean): void;
  readonly onEndpoint: (slot: number, change: EndpointChange) => void;
}

/** Added to the cost of endpoints that are held back: they come last, but in order. */
const HELD_BACK = 1e9;
/** Learned differences are applied once in this many picks per candidate. */
const PICKS_PER_ROUND = 8;

/** Creates a forecast that knows nothing. @throws RangeError naming the option and its value */
export function createForecast(options: Required<ForecastOptions>, host: StrategyHost): Forecast {
  const { window, trend, horizon, significance, penaltyMs, maxPenaltyMs } = options;
  inRange("window", window, 2, 10_000);
  inRange("trend", trend, 0, 1);
  inRange("horizon", horizon, 0, 1_000);
  inRange("significance", significance, 0, 10);
  inRange("penaltyMs", penaltyMs, 0, 60_000);
  inRange("maxPenaltyMs", maxPenaltyMs, penaltyMs, 600_000);
  const { table } = host;
  const model = createLatencyModel({ window, trend, horizon, significance });
  const work = createOutstandingWork((taskClass) => model.classFactor(taskClass));
  const penalty = createFailurePenalty(host.clock, penaltyMs, maxPenaltyMs);
  const factors = createSlotArray(1);
  let picksUntilRound = 0;
  let ownWork = 1;

  return {
    model,
    prepare(candidates, request) {
      if (penalty.active) penalty.expire(nothing);
      const endsRound = --picksUntilRound <= 0;
      if (endsRound) endRound(candidates);
      describe(request);
      return endsRound;
    },
    describe,
    cost,
    onStart: work.add,
    onEnd(dispatch, outcome, latencyMs, familiar) {
      const { slot, inFlightAtStart, taskClass } = dispatch;
      work.remove(dispatch);
      if (outcome === "success" || outcome === "app-error") {
        if (penalty.active) penalty.forget(slot);
        model.observe(slot, inFlightAtStart, taskClass, familiar, latencyMs, dispatch.cost);
      } else if (isFailure(outcome)) penalty.failed(slot);
    },
    onEndpoint(slot, change) {
      if (change === "reset") {
        factors.reserve(slot);
        model.forget(slot);
        penalty.forget(slot);
        work.forget(slot);
      }
      factors.values[slot] = model.endpointFactor(slot);
    },
  };

  function describe({ taskClass, cost: requestCost }: PickRequest): void {
    ownWork = requestCost * work.factor(taskClass);
  }

  function cost(slot: number): number {
    const ahead = work.outstanding(slot) + ownWork;
    // A weight stands for capacity: twice the weight is as crowded with twice the work.
    const delay = model.crowding(ahead / (table.weight[slot] as number)) * (factors.values[slot] as number);
    return penalty.active && penalty.heldBack(slot, table.inFlight[slot] as number)
      ? delay + HELD_BACK
      : delay;
  }

  function endRound(candidates: Candidates): void {
    picksUntilRound = candidates.count * PICKS_PER_ROUND;
    model.endRound(candidates.slots, candidates.count);
    work.refresh();
    for (let index = 0; index < candidates.count; index++) {
      const slot = candidates.slots[index] as number;
      factors.values[slot] = model.endpointFactor(slot);
    }
  }
}

/** Costs are computed at every pick, so that nothing has to follow an expiry. */
function nothing(): void {
  return;
}
