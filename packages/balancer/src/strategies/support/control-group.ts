// Guards a learner against itself. A fixed share of the requests goes where the fallback sends it; when the learner's
// own requests take longer than those by more than a margin, beyond chance, the fallback takes over for a while. The
// comparison is of logarithms of latencies, whose mean a few huge requests cannot move.
import { fastLog } from "./fast-log.ts";

export interface ControlGroup {
  /** Whether the fallback decides this pick. */
  next(): boolean;
  /** Notes how a request of the control group, or another one, fared. */
  observe(controlled: boolean, latencyMs: number, expectedWork: number): void;
  /** `true` while the fallback decides everything. */
  readonly suspended: boolean;
  /** How often the fallback took over. */
  readonly suspensions: number;
}

/** Picks for which the fallback takes over at first; doubles each time, up to the maximum. */
const FIRST_SUSPENSION = 2_000;
const LONGEST_SUSPENSION = 64_000;
/** Requests of either group that an average spans, and below which nothing is concluded. */
const WINDOW = 2_000;
const MINIMUM = 100;
const SIGNIFICANCE = 3;

/** Creates a group of one request in `oneIn`; `margin` is a ratio of latencies, > 1. */
export function createControlGroup(oneIn: number, margin: number): ControlGroup {
  const own = { mean: 0, variance: 0, count: 0 };
  const control = { mean: 0, variance: 0, count: 0 };
  const logMargin = Math.log(margin);
  let picks = 0;
  let suspendedFor = 0;
  let nextSuspension = FIRST_SUSPENSION;
  const group = {
    suspended: false,
    suspensions: 0,
    next(): boolean {
      picks += 1;
      if (!group.suspended) return picks % oneIn === 0;
      suspendedFor -= 1;
      if (suspendedFor <= 0) group.suspended = false;
      return true;
    },
    observe(controlled: boolean, latencyMs: number, expectedWork: number): void {
      if (group.suspended || !(latencyMs > 0 && latencyMs < Number.POSITIVE_INFINITY)) return;
      update(controlled ? control : own, fastLog(latencyMs / expectedWork));
      if (!controlled || control.count < MINIMUM || own.count < MINIMUM) return;
      const error = Math.sqrt(own.variance / own.count + control.variance / control.count);
      if (own.mean - control.mean < logMargin + SIGNIFICANCE * error) return;
      suspendedFor = nextSuspension;
      nextSuspension = Math.min(LONGEST_SUSPENSION, 2 * nextSuspension);
      group.suspended = true;
      group.suspensions += 1;
      for (const side of [own, control]) Object.assign(side, { mean: 0, variance: 0, count: 0 });
    },
  };
  return group;
}

function update(side: { mean: number; variance: number; count: number }, value: number): void {
  side.count = Math.min(side.count + 1, WINDOW);
  const difference = value - side.mean;
  side.mean += difference / side.count;
  side.variance += (difference * (value - side.mean) - side.variance) / side.count;
}
