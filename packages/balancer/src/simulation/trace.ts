// The requests of one run, drawn before it starts: every strategy meets the same ones (common random numbers),
// so that differences between strategies are not differences between their luck.
import type { Random } from "@fairlead/core";
import { createSeededRandom } from "@fairlead/core/testing";
import { drawExponential, drawSize, zipfWeights } from "./distributions.ts";
import { capacityOf, type Scenario } from "./scenario.ts";

export interface Trace {
  readonly arrivalMs: Float64Array;
  /** Work in ms at speed 1. */
  readonly sizeMs: Float64Array;
  /** Session of each request; -1 without sessions. */
  readonly session: Int32Array;
  /** Kind of each request, from 1; 0 without kinds. */
  readonly taskClass: Int32Array;
  readonly gateway: Int32Array;
}

/** Draws `requests` requests that arrive as a Poisson process at `load` (0–1) times the capacity. */
export function drawTrace(scenario: Scenario, load: number, requests: number, seed: number): Trace {
  const arrivals = createSeededRandom(seed * 4 + 1);
  const sizes = createSeededRandom(seed * 4 + 2);
  const others = createSeededRandom(seed * 4 + 3);
  const { meanSizeMs, sessions, taskClasses, gateways = 1 } = scenario;
  const meanGapMs = meanSizeMs / (load * capacityOf(scenario));
  const weights = sessions === undefined ? undefined : zipfWeights(sessions.count, sessions.zipfExponent);
  const meanClass =
    taskClasses === undefined ? 1 : taskClasses.reduce((sum, mean) => sum + mean, 0) / taskClasses.length;

  const trace: Trace = {
    arrivalMs: new Float64Array(requests),
    sizeMs: new Float64Array(requests),
    session: new Int32Array(requests).fill(-1),
    taskClass: new Int32Array(requests),
    gateway: new Int32Array(requests),
  };
  let now = 0;
  for (let index = 0; index < requests; index++) {
    now += drawExponential(arrivals) * meanGapMs;
    trace.arrivalMs[index] = now;
    let size = drawSize(scenario.sizes, sizes) * meanSizeMs;
    if (taskClasses !== undefined) {
      const kind = Math.floor(others() * taskClasses.length);
      size *= (taskClasses[kind] ?? 1) / meanClass;
      trace.taskClass[index] = kind + 1;
    }
    trace.sizeMs[index] = size;
    if (weights !== undefined) trace.session[index] = search(weights, others);
    trace.gateway[index] = gateways === 1 ? 0 : Math.floor(others() * gateways);
  }
  return trace;
}

function search(cumulative: Float64Array, random: Random): number {
  const target = random() * (cumulative[cumulative.length - 1] ?? 0);
  let low = 0;
  let high = cumulative.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((cumulative[middle] as number) <= target) low = middle + 1;
    else high = middle;
  }
  return low;
}
