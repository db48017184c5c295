// Reads Prometheus' text format, as far as it is needed to show a few numbers.

export interface MetricSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export function parseMetrics(text: string): readonly MetricSample[] {
  const samples: MetricSample[] = [];
  for (const line of text.split("\n")) {
    const [, name, labels = "", value] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line) ?? [];
    if (name === undefined || value === undefined) continue;
    const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key = "", text_ = ""]) => [
      key,
      text_,
    ]);
    samples.push({ name, labels: Object.fromEntries(pairs) as Record<string, string>, value: Number(value) });
  }
  return samples;
}

/** Sum of the series of a name whose labels match. */
export function sumOf(
  samples: readonly MetricSample[],
  name: string,
  match: Readonly<Record<string, string>> = {},
): number {
  let sum = 0;
  for (const sample of samples) {
    if (sample.name !== name) continue;
    if (Object.entries(match).every(([key, value]) => sample.labels[key] === value)) sum += sample.value;
  }
  return sum;
}

/**
 * The quantile of what a histogram counted between two readings, in seconds, interpolated within its bucket as PromQL does;
 * undefined when nothing was counted.
 */
export function quantileBetween(
  before: readonly MetricSample[],
  after: readonly MetricSample[],
  name: string,
  match: Readonly<Record<string, string>>,
  quantile: number,
): number | undefined {
  const bounds = [
    ...new Set(
      after.filter((sample) => sample.name === `${name}_bucket`).map(({ labels }) => labels["le"] ?? ""),
    ),
  ].sort((a, b) => toNumber(a) - toNumber(b));
  const counts = bounds.map(
    (le) =>
      sumOf(after, `${name}_bucket`, { ...match, le }) - sumOf(before, `${name}_bucket`, { ...match, le }),
  );
  const total = counts.at(-1) ?? 0;
  if (total <= 0) return undefined;
  const rank = quantile * total;
  const at = counts.findIndex((count) => count >= rank);
  const upper = toNumber(bounds[at] ?? "+Inf");
  const lower = at === 0 ? 0 : toNumber(bounds[at - 1] ?? "0");
  if (!Number.isFinite(upper)) return lower;
  const below = at === 0 ? 0 : (counts[at - 1] ?? 0);
  const inside = (counts[at] ?? 0) - below;
  return inside === 0 ? upper : lower + ((upper - lower) * (rank - below)) / inside;
}

function toNumber(bound: string): number {
  return bound === "+Inf" ? Number.POSITIVE_INFINITY : Number(bound);
}
