// Figures of a scenario that has no other target beside the gateway: what was measured, and in which unit.
import type { Machine } from "./machine.ts";

export interface Figure {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
}

export interface FiguresResult {
  readonly scenario: string;
  readonly options: Readonly<Record<string, number>>;
  readonly figures: readonly Figure[];
}

export interface FiguresReport {
  /** ISO 8601. */
  readonly measuredAt: string;
  readonly machine: Machine;
  readonly result: FiguresResult;
}

export function printFigures({ measuredAt, machine, result }: FiguresReport): string {
  const options = Object.entries(result.options).map(([name, value]) => `${name} ${value}`);
  const rows = result.figures.map(({ what, value, unit }) => `| ${what} | ${printValue(value)} | ${unit} |`);
  return `# ${result.scenario}

${options.join(", ")}

| figure | value | unit |
|---|---|---|
${rows.join("\n")}

${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.system}, Node ${machine.node}, load ${machine.load} at the start; commit ${machine.commit}, ${measuredAt}.
`;
}

/** The p-th percentile by nearest rank, p from 0 to 100; NaN of nothing. */
export function percentile(values: readonly number[], p: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(Math.ceil((p / 100) * sorted.length) - 1, 0)] ?? Number.NaN;
}

/** Slope of the least-squares line through the points. @throws RangeError for fewer than two */
export function slope(points: readonly { readonly x: number; readonly y: number }[]): number {
  if (points.length < 2) throw new RangeError(`a line needs two points, got ${points.length}`);
  const mean = (pick: (point: { x: number; y: number }) => number): number =>
    points.reduce((sum, point) => sum + pick(point), 0) / points.length;
  const [x, y] = [mean((point) => point.x), mean((point) => point.y)];
  const covariance = mean((point) => (point.x - x) * (point.y - y));
  return covariance / mean((point) => (point.x - x) ** 2);
}

function printValue(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toPrecision(3);
}
