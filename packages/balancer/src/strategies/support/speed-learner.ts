// How fast each endpoint is, learned from latencies. A latency says little by itself: it also depends on the
// size of the request and on how busy the endpoint was. So the logarithm of the latency is taken as the sum of
// what the whole pool shows at that many leases in flight, the endpoint's own effect, and noise; the first two
// are fitted online. An effect counts only as far as it stands out from the noise (the non-negative garrote,
// Breiman 1995), which leaves a pool of equal servers exactly as balanced as without learning.
import { fastLog } from "./fast-log.ts";

export interface SpeedLearnerOptions {
  /** Samples that an endpoint's effect averages over. */
  readonly window: number;
  /** Standard errors by which an effect must stand out. */
  readonly significance: number;
}

export interface SpeedLearner {
  /** Notes a latency. */
  observe(slot: number, inFlightAtStart: number, latencyMs: number, cost: number): void;
  /** How much longer than the pool's average this endpoint takes; 1 when that is not known. */
  factor(slot: number): number;
  /** Ends a round: what is known about endpoints that had no sample in it is trusted a little less. */
  endRound(slots: Int32Array, count: number): void;
  forget(slot: number): void;
}

/** In-flight counts from here on share one level. */
const LEVELS = 64;
/** Latencies outside of this range are mistakes, and one of them would take hundreds of samples to forget. */
const LEAST_LATENCY_MS = 1e-3;
const GREATEST_LATENCY_MS = 1e9;
const LEVEL_WINDOW = 500;
const NOISE_WINDOW = 200;
/** Effects smaller than this, as a logarithm, do not count: idle endpoints would never share evenly. */
const DEAD_BAND = 0.2;
/** After this many samples one latency in four is enough; the others cost time and teach little. */
const EAGER_SAMPLES = 25;
/** What remains of an endpoint's sample count after a round without samples. */
const AGEING = 0.8;
/** Noise is never taken for less: latencies that are all equal would make every difference certain for ever. */
const LEAST_NOISE = 0.02;

/** 1 / n: multiplying takes a quarter of the time of dividing. */
const INVERSE = Float64Array.from({ length: LEVEL_WINDOW + 1 }, (_, count) => 1 / count);

/** Creates a learner that knows nothing. */
export function createSpeedLearner({ window, significance }: SpeedLearnerOptions): SpeedLearner {
  const levelMean = new Float64Array(LEVELS + 1);
  const levelSamples = new Float64Array(LEVELS + 1);
  let effect = new Float64Array(8);
  let samples = new Float64Array(8);
  let fresh = new Uint8Array(8);
  let turns = new Uint8Array(8);
  // Numbers that change with every sample are kept in an array: as variables of a closure, V8 would allocate each.
  const noise = Float64Array.of(1, 8);
  // The mean of the effects, weighted by how much is known of each.
  let meanEffect = 0;

  return { observe, factor, endRound, forget };

  function observe(slot: number, inFlightAtStart: number, latencyMs: number, cost: number): void {
    // Small, so that V8 inlines it where it is called.
    const turn = ((turns[slot] as number) + 1) & 3;
    turns[slot] = turn;
    if (turn !== 0 && (samples[slot] as number) >= EAGER_SAMPLES) return;
    learn(slot, inFlightAtStart, latencyMs, cost);
  }

  function learn(slot: number, inFlightAtStart: number, latencyMs: number, cost: number): void {
    if (!(latencyMs >= LEAST_LATENCY_MS && latencyMs <= GREATEST_LATENCY_MS)) return;
    if (slot >= effect.length) grow(slot);
    const level = Math.min(inFlightAtStart, LEVELS);
    const own = effect[slot] as number;
    const seenAtLevel = Math.min((levelSamples[level] as number) + 1, LEVEL_WINDOW);
    const mean = levelMean[level] as number;
    const error = fastLog(latencyMs / cost) - mean - own;
    const step = error * (INVERSE[seenAtLevel] as number);
    levelSamples[level] = seenAtLevel;
    levelMean[level] = mean + step;
    const rest = error - step;
    const seen = Math.min((samples[slot] as number) + 1, window);
    samples[slot] = seen;
    effect[slot] =
      own +
      (seen === Math.floor(seen) && seen <= LEVEL_WINDOW ? rest * (INVERSE[seen] as number) : rest / seen);
    fresh[slot] = 1;
    const noiseSamples = Math.min((noise[1] as number) + 1, NOISE_WINDOW);
    noise[1] = noiseSamples;
    noise[0] =
      (noise[0] as number) + (rest * rest - (noise[0] as number)) * (INVERSE[noiseSamples] as number);
  }

  function factor(slot: number): number {
    const seen = slot < samples.length ? (samples[slot] as number) : 0;
    if (seen < 2) return 1;
    const relative = (effect[slot] as number) - meanEffect;
    const variance = Math.max(noise[0] as number, LEAST_NOISE);
    // An exponential average over `window` samples varies as little as a plain one over twice as many.
    const threshold = (significance * significance * variance) / (seen < window ? seen : 2 * window);
    const square = relative * relative;
    if (square <= threshold) return 1;
    const shrunk = relative * (1 - threshold / square);
    return shrunk > -DEAD_BAND && shrunk < DEAD_BAND ? 1 : Math.exp(shrunk);
  }

  function endRound(slots: Int32Array, count: number): void {
    for (let index = 0; index < count; index++) {
      const slot = slots[index] as number;
      if (slot >= samples.length) continue;
      if (fresh[slot] === 0) samples[slot] = (samples[slot] as number) * AGEING;
      fresh[slot] = 0;
    }
    let weighted = 0;
    let total = 0;
    for (let slot = 0; slot < samples.length; slot++) {
      total += samples[slot] as number;
      weighted += (samples[slot] as number) * (effect[slot] as number);
    }
    meanEffect = total === 0 ? 0 : weighted / total;
  }

  function forget(slot: number): void {
    if (slot >= samples.length) return;
    effect[slot] = 0;
    samples[slot] = 0;
  }

  function grow(slot: number): void {
    const length = Math.max(slot + 1, effect.length * 2);
    const moreEffect = new Float64Array(length);
    moreEffect.set(effect);
    effect = moreEffect;
    const moreSamples = new Float64Array(length);
    moreSamples.set(samples);
    samples = moreSamples;
    const moreFresh = new Uint8Array(length);
    moreFresh.set(fresh);
    fresh = moreFresh;
    const moreTurns = new Uint8Array(length);
    moreTurns.set(turns);
    turns = moreTurns;
  }
}
