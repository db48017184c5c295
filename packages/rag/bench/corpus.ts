// A corpus out of a seed: clustered vectors (1 000 centres in 64 dimensions, projected, with noise) and texts whose words
// follow Zipf's law, as real ones do.
export interface Corpus {
  readonly dimension: number;
  vector(): Float32Array;
  /** About 750 characters. */
  text(): string;
  /** Words as a question has them once stop words are gone: none of the hundred most frequent. */
  query(): string;
}

const CENTRES = 1_000;
const LATENT = 64;
const NOISE = 0.5;
const VOCABULARY = 30_000;
const FREQUENT = 100;
const WORDS = 110;
const QUERY_WORDS = 8;

export function createCorpus(dimension: number, seed: number): Corpus {
  let state = seed >>> 0;
  const random = (): number => {
    // Mulberry32.
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const normal = (): number => Math.sqrt(-2 * Math.log(random() + 1e-12)) * Math.cos(2 * Math.PI * random());
  const projection = Float32Array.from({ length: LATENT * dimension }, normal);
  const centres = Array.from({ length: CENTRES }, () => Float32Array.from({ length: LATENT }, normal));
  // Rank by the inverse of the cumulated 1/rank, from the given rank on.
  const word = (from: number): string => {
    const rank = Math.floor(from * Math.exp(random() * Math.log(VOCABULARY / from)));
    return `w${rank.toString(36)}`;
  };
  return {
    dimension,
    vector() {
      const centre = centres[Math.floor(random() * CENTRES)] as Float32Array;
      const vector = new Float32Array(dimension);
      for (let at = 0; at < LATENT; at++) {
        const value = (centre[at] as number) + NOISE * normal();
        for (let to = 0; to < dimension; to++)
          vector[to] = (vector[to] as number) + value * (projection[at * dimension + to] as number);
      }
      let sum = 0;
      for (let at = 0; at < dimension; at++) {
        const value = (vector[at] as number) + NOISE * normal();
        vector[at] = value;
        sum += value * value;
      }
      const length = Math.sqrt(sum);
      return vector.map((value) => value / length);
    },
    text: () => Array.from({ length: WORDS }, () => word(1)).join(" "),
    query: () => Array.from({ length: QUERY_WORDS }, () => word(FREQUENT)).join(" "),
  };
}
