// Percentiles of one run, and means with confidence intervals over seeds.

/** A mean over seeds with the half width of its 95 % confidence interval. */
export interface Estimate {
  readonly mean: number;
  /** Half the width of the interval (Student's t); 0 for a single value. */
  readonly halfWidth: number;
}

/** The value below which `ratio` (0–1) of an ascending array lies. */
export function percentile(sorted: Float64Array, ratio: number): number {
  if (sorted.length === 0) return Number.NaN;
  return sorted[Math.min(sorted.length - 1, Math.ceil(ratio * sorted.length) - 1)] ?? Number.NaN;
}

// Two-sided 95 % quantiles of Student's t for 1 … 30 degrees of freedom.
const t95 = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131,
  2.12, 2.11, 2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
];

/** Mean and confidence interval of one value per seed. */
export function estimate(values: readonly number[]): Estimate {
  const count = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  if (count < 2) return { mean, halfWidth: 0 };
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (count - 1);
  return { mean, halfWidth: (t95[count - 2] ?? 1.96) * Math.sqrt(variance / count) };
}

/**
 * How much of the gap between a baseline and a bound a strategy closes, 1 being all of it; the interval is
 * jackknifed over seeds, which keeps the pairing of runs with the same requests.
 */
export function gapClosed(
  baseline: readonly number[],
  value: readonly number[],
  bound: readonly number[],
): Estimate {
  const count = value.length;
  const ratio = (skip: number): number => {
    const sum = (values: readonly number[]): number =>
      values.reduce((total, v, index) => (index === skip ? total : total + v), 0);
    return (sum(baseline) - sum(value)) / (sum(baseline) - sum(bound));
  };
  const mean = ratio(-1);
  if (count < 2) return { mean, halfWidth: 0 };
  let squares = 0;
  for (let skip = 0; skip < count; skip++) squares += (ratio(skip) - mean) ** 2;
  return { mean, halfWidth: (t95[count - 2] ?? 1.96) * Math.sqrt((squares * (count - 1)) / count) };
}
