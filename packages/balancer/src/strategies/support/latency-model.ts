// What the logarithm of a latency consists of: what the pool shows at that many leases in flight, the endpoint's own
// effect with its trend, the kind of work, and whether the endpoint has just worked for the same key. Fitted online,
// one error spread over all parts; a part counts only as far as it stands out from the noise (the non-negative
// garrote, Breiman 1995), so that a feature that does not help the present traffic changes nothing.
import { fastLog } from "./fast-log.ts";

export interface LatencyModelOptions {
  /** Samples that an endpoint's effect averages over. */
  readonly window: number;
  /** Weight of the newest change in an endpoint's trend, 0–1; 0 switches the trend off. */
  readonly trend: number;
  /** How far ahead the trend is followed, in samples of the endpoint. */
  readonly horizon: number;
  /** Standard errors by which a part must stand out. */
  readonly significance: number;
}

export interface LatencyModel {
  observe(
    slot: number,
    inFlightAtStart: number,
    taskClass: number,
    familiar: boolean,
    latencyMs: number,
    cost: number,
  ): void;
  /** How much longer the endpoint takes than the pool's mean; 1 when that is not known. */
  endpointFactor(slot: number): number;
  /** How much longer this kind of work takes than the mean; 1 when that is not known. */
  classFactor(taskClass: number): number;
  /** How much shorter work takes where its key is familiar; 1 when that is not known. */
  readonly familiarFactor: number;
  /** How much longer a request takes among `leases` in flight, not necessarily a whole number, than alone. */
  crowding(leases: number): number;
  /** Ends a round: brings factors up to date, and trusts endpoints without a sample in it a little less. */
  endRound(slots: Int32Array, count: number): void;
  forget(slot: number): void;
}

const LEVELS = 64;
/** Latencies outside of this range are mistakes, and one of them would take hundreds of samples to forget. */
const LEAST_LATENCY_MS = 1e-3;
const GREATEST_LATENCY_MS = 1e9;
const CLASSES = 1_024;
const LEVEL_WINDOW = 500;
/** Share of the plain count in crowding: among endpoints with free capacity, the emptier one is still preferred. */
const COUNT_SHARE = 0.2;
/** Levels with fewer samples are read off their neighbours. */
const LEAST_LEVEL_SAMPLES = 30;
const CLASS_WINDOW = 500;
const FAMILIAR_WINDOW = 1_000;
const NOISE_WINDOW = 300;
const DEAD_BAND = 0.15;
const AGEING = 0.8;
const LEAST_NOISE = 0.02;

interface Effects {
  readonly effect: Float64Array;
  readonly samples: Float64Array;
}

function createEffects(length: number): Effects {
  return { effect: new Float64Array(length), samples: new Float64Array(length) };
}

/** Creates a model that knows nothing. */
export function createLatencyModel(options: LatencyModelOptions): LatencyModel {
  const { window, trend: trendWeight, horizon, significance } = options;
  const levels = createEffects(LEVELS + 1);
  const classes = createEffects(CLASSES);
  const familiarity = createEffects(2);
  let endpoints = createEffects(8);
  let trends = new Float64Array(8);
  let fresh = new Uint8Array(8);
  const curve = Float64Array.from({ length: LEVELS + 1 }, (_, level) => Math.max(1, level));
  let noise = 1;
  let noiseSamples = 8;
  let meanEndpoint = 0;
  let meanClass = 0;

  const model = {
    familiarFactor: 1,
    observe,
    endpointFactor,
    classFactor,
    crowding,
    endRound,
    forget(slot: number): void {
      if (slot >= trends.length) return;
      endpoints.effect[slot] = 0;
      endpoints.samples[slot] = 0;
      trends[slot] = 0;
    },
  };
  return model;

  function observe(
    slot: number,
    inFlightAtStart: number,
    taskClass: number,
    familiar: boolean,
    latencyMs: number,
    cost: number,
  ): void {
    if (!(latencyMs >= LEAST_LATENCY_MS && latencyMs <= GREATEST_LATENCY_MS)) return;
    if (slot >= trends.length) grow(slot);
    const level = Math.min(inFlightAtStart, LEVELS);
    const known = familiar ? 1 : 0;
    let error =
      fastLog(latencyMs / cost) -
      (levels.effect[level] as number) -
      (endpoints.effect[slot] as number) -
      (classes.effect[taskClass] as number) -
      (familiarity.effect[known] as number);
    error = learn(levels, level, error, LEVEL_WINDOW);
    if (taskClass > 0) error = learn(classes, taskClass, error, CLASS_WINDOW);
    // The unfamiliar case is the reference; only the difference is learned.
    if (familiar) error = learn(familiarity, 1, error, FAMILIAR_WINDOW);
    else familiarity.samples[0] = Math.min((familiarity.samples[0] as number) + 1, FAMILIAR_WINDOW);
    const before = endpoints.effect[slot] as number;
    const rest = learn(endpoints, slot, error, window);
    if (trendWeight > 0) {
      const change = (endpoints.effect[slot] as number) - before;
      trends[slot] = (trends[slot] as number) + trendWeight * (change - (trends[slot] as number));
    }
    fresh[slot] = 1;
    noiseSamples = Math.min(noiseSamples + 1, NOISE_WINDOW);
    noise += (rest * rest - noise) / noiseSamples;
  }

  /** Moves one part by its share of the error and returns what is left of it. */
  function learn(effects: Effects, index: number, error: number, span: number): number {
    const seen = Math.min((effects.samples[index] as number) + 1, span);
    effects.samples[index] = seen;
    effects.effect[index] = (effects.effect[index] as number) + error / seen;
    return error - error / seen;
  }

  function endpointFactor(slot: number): number {
    if (slot >= trends.length) return 1;
    const forecast = (endpoints.effect[slot] as number) + horizon * (trends[slot] as number);
    return factor(forecast - meanEndpoint, endpoints.samples[slot] as number, window);
  }

  function classFactor(taskClass: number): number {
    if (taskClass === 0) return 1;
    return factor(
      (classes.effect[taskClass] as number) - meanClass,
      classes.samples[taskClass] as number,
      CLASS_WINDOW,
    );
  }

  function factor(relative: number, seen: number, span: number): number {
    if (seen < 2) return 1;
    // An exponential average over `span` samples varies as little as a plain one over twice as many.
    const threshold =
      (significance * significance * Math.max(noise, LEAST_NOISE)) / (seen < span ? seen : 2 * span);
    const square = relative * relative;
    if (square <= threshold) return 1;
    const shrunk = relative * (1 - threshold / square);
    return Math.abs(shrunk) < DEAD_BAND ? 1 : Math.exp(shrunk);
  }

  function crowding(leases: number): number {
    if (leases < 1) return (curve[1] as number) * (0.5 + 0.5 * leases);
    const below = Math.min(LEVELS - 1, Math.max(1, Math.floor(leases)));
    const low = curve[below] as number;
    return low + ((curve[below + 1] as number) - low) * (leases - below);
  }

  function endRound(slots: Int32Array, count: number): void {
    for (let index = 0; index < count; index++) {
      const slot = slots[index] as number;
      if (slot >= trends.length) continue;
      if (fresh[slot] === 0) {
        endpoints.samples[slot] = (endpoints.samples[slot] as number) * AGEING;
        trends[slot] = (trends[slot] as number) * AGEING;
      }
      fresh[slot] = 0;
    }
    fitCrowding(levels, curve);
    meanEndpoint = weightedMean(endpoints);
    meanClass = weightedMean(classes);
    const samples = Math.min(familiarity.samples[0] as number, familiarity.samples[1] as number);
    model.familiarFactor = Math.min(1, factor(familiarity.effect[1] as number, samples, FAMILIAR_WINDOW));
  }

  function grow(slot: number): void {
    const larger = createEffects(Math.max(slot + 1, 2 * trends.length));
    larger.effect.set(endpoints.effect);
    larger.samples.set(endpoints.samples);
    endpoints = larger;
    const moreTrends = new Float64Array(larger.effect.length);
    moreTrends.set(trends);
    trends = moreTrends;
    const moreFresh = new Uint8Array(larger.effect.length);
    moreFresh.set(fresh);
    fresh = moreFresh;
  }
}

/**
 * The least-squares curve through the levels that never falls (pool adjacent violators), as a factor on the lowest
 * level; beyond what was seen it grows in proportion, as queues do.
 */
function fitCrowding({ effect, samples }: Effects, curve: Float64Array): void {
  const blocks: { sum: number; weight: number; levels: number }[] = [];
  let last = 0;
  for (let level = 1; level <= LEVELS; level++) {
    const weight = samples[level] as number;
    if (weight < LEAST_LEVEL_SAMPLES) continue;
    let block = { sum: weight * (effect[level] as number), weight, levels: level - last };
    last = level;
    for (
      let before = blocks.at(-1);
      before !== undefined && before.sum / before.weight >= block.sum / block.weight;
      before = blocks.at(-1)
    ) {
      blocks.pop();
      block = {
        sum: before.sum + block.sum,
        weight: before.weight + block.weight,
        levels: before.levels + block.levels,
      };
    }
    blocks.push(block);
  }
  const [first] = blocks;
  if (first === undefined) return;
  const base = first.sum / first.weight;
  let level = 1;
  for (const block of blocks) {
    const value = Math.exp(block.sum / block.weight - base);
    for (let count = 0; count < block.levels; count++) curve[level++] = value;
  }
  for (; level <= LEVELS; level++) curve[level] = ((curve[level - 1] as number) * level) / (level - 1);
  for (let at = 1; at <= LEVELS; at++)
    curve[at] = (curve[at] as number) ** (1 - COUNT_SHARE) * at ** COUNT_SHARE;
}

function weightedMean({ effect, samples }: Effects): number {
  let weighted = 0;
  let total = 0;
  for (let index = 0; index < effect.length; index++) {
    total += samples[index] as number;
    weighted += (samples[index] as number) * (effect[index] as number);
  }
  return total === 0 ? 0 : weighted / total;
}
