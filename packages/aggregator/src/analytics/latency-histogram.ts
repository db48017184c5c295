// Durations in buckets that grow with the value (an eighth of an octave each), so that a quantile is right to about 6 %
// at any scale, and recording is one array increment. The bucket is read off the bits of the number: exponent and
// the first three bits of the mantissa (as HdrHistogram does with integers).

const SUB_BITS = 3;
const FLOAT_BITS = 23;
const SHIFT = FLOAT_BITS - SUB_BITS;
/** 2^-6 ms, about 16 µs: what is shorter counts as this. */
const LOWEST_EXPONENT = 127 - 6;
/** 2^22 ms, more than an hour. */
const HIGHEST_EXPONENT = 127 + 22;
const BASE = LOWEST_EXPONENT << SUB_BITS;

/** How many buckets a histogram has. */
export const BUCKETS: number = (HIGHEST_EXPONENT - LOWEST_EXPONENT) << SUB_BITS;

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** The bucket of a duration in milliseconds. */
export function bucketOf(durationMs: number): number {
  float[0] = Math.max(durationMs, 0);
  const bucket = ((bits[0] as number) >>> SHIFT) - BASE;
  return bucket < 0 ? 0 : bucket >= BUCKETS ? BUCKETS - 1 : bucket;
}

/** The middle of a bucket, in milliseconds. */
export function middleOf(bucket: number): number {
  const lower = boundOf(bucket);
  return (lower + boundOf(bucket + 1)) / 2;
}

/** The quantile of all that `counts` holds, in milliseconds; 0 when it is empty. */
export function quantileOf(counts: Uint32Array, total: number, quantile: number): number {
  let left = Math.ceil(total * quantile);
  if (left === 0) return 0;
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    left -= counts[bucket] as number;
    if (left <= 0) return middleOf(bucket);
  }
  return middleOf(BUCKETS - 1);
}

function boundOf(bucket: number): number {
  bits[0] = (bucket + BASE) << SHIFT;
  return float[0] as number;
}
