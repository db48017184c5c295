// How fast each endpoint is, learned from latencies. A latency says little by itself: it also depends on the
// size of the request and on how busy the endpoint was. So the logarithm of the latency is taken as the sum of
// what the whole pool shows at that many leases in flight, the endpoint's own effect, and noise; the first two
// are fitted online. An effect counts only as far as it stands out from the noise (the non-negative garrote,
// Breiman 1995), which leaves a pool of equal servers exactly as balanced as without learning.

export interface SpeedLearnerOptions {
  /** Samples that an endpoint's effect averages over. */
  readonly window: number;
  /** Standard errors by which an effect must stand out. */
  readonly significance: number;
}

export interface SpeedLearner {
  /** Notes a latency. @returns `true` when the slot's factor may have changed */
  observe(slot: number, inFlightAtStart: number, latencyMs: number, cost: number): boolean;
  /** How much longer than the pool's average this endpoint takes; 1 when that is not known. */
  factor(slot: number): number;
  /** Trusts what is known about endpoints without a sample since the last call a little less. */
  age(slots: Int32Array, count: number): void;
  forget(slot: number): void;
}

/** In-flight counts from here on share one level. */
const LEVELS = 64;
const LEVEL_WINDOW = 500;
const NOISE_WINDOW = 200;
/** Effects smaller than this, as a logarithm, do not count: idle endpoints would never share evenly. */
const DEAD_BAND = 0.2;
/** What remains of an endpoint's sample count after a round of {@link SpeedLearner.age} without samples. */
const AGEING = 0.8;

/** Creates a learner that knows nothing. */
export function createSpeedLearner({ window, significance }: SpeedLearnerOptions): SpeedLearner {
  const levelMean = new Float64Array(LEVELS + 1);
  const levelSamples = new Float64Array(LEVELS + 1);
  let effect = new Float64Array(8);
  let samples = new Float64Array(8);
  let fresh = new Uint8Array(8);
  // Sums over slots, to take the mean effect weighted by how much is known.
  let weightedEffects = 0;
  let totalSamples = 0;
  let noise = 1;
  let noiseSamples = 8;

  return { observe, factor, age, forget };

  function observe(slot: number, inFlightAtStart: number, latencyMs: number, cost: number): boolean {
    if (!(latencyMs > 0) || latencyMs === Number.POSITIVE_INFINITY) return false;
    if (slot >= effect.length) grow(slot);
    const level = Math.min(inFlightAtStart, LEVELS);
    const value = Math.log(latencyMs / cost);
    const own = effect[slot] as number;
    const seenAtLevel = Math.min((levelSamples[level] as number) + 1, LEVEL_WINDOW);
    levelSamples[level] = seenAtLevel;
    let error = value - (levelMean[level] as number) - own;
    levelMean[level] = (levelMean[level] as number) + error / seenAtLevel;
    error -= error / seenAtLevel;
    const before = samples[slot] as number;
    const seen = Math.min(before + 1, window);
    const next = own + error / seen;
    samples[slot] = seen;
    effect[slot] = next;
    totalSamples += seen - before;
    weightedEffects += seen * next - before * own;
    fresh[slot] = 1;
    noiseSamples = Math.min(noiseSamples + 1, NOISE_WINDOW);
    noise += (error * error - noise) / noiseSamples;
    return true;
  }

  function factor(slot: number): number {
    const seen = slot < samples.length ? (samples[slot] as number) : 0;
    if (seen < 2) return 1;
    const relative = (effect[slot] as number) - weightedEffects / totalSamples;
    // An exponential average over `window` samples varies as little as a plain one over twice as many.
    const threshold = (significance * significance * noise) / (seen < window ? seen : 2 * window);
    const square = relative * relative;
    if (square <= threshold) return 1;
    const shrunk = relative * (1 - threshold / square);
    return shrunk > -DEAD_BAND && shrunk < DEAD_BAND ? 1 : Math.exp(shrunk);
  }

  function age(slots: Int32Array, count: number): void {
    for (let index = 0; index < count; index++) {
      const slot = slots[index] as number;
      if (slot >= samples.length) continue;
      if (fresh[slot] === 0) samples[slot] = (samples[slot] as number) * AGEING;
      fresh[slot] = 0;
    }
    weightedEffects = 0;
    totalSamples = 0;
    for (let slot = 0; slot < samples.length; slot++) {
      totalSamples += samples[slot] as number;
      weightedEffects += (samples[slot] as number) * (effect[slot] as number);
    }
  }

  function forget(slot: number): void {
    if (slot >= samples.length) return;
    totalSamples -= samples[slot] as number;
    weightedEffects -= (samples[slot] as number) * (effect[slot] as number);
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
  }
}
