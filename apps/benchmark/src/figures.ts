// Scenarios that have no other target beside the gateway: a list of figures, some with a bound that was promised.
import type { Claim, Profile, Scenario, ScenarioResult } from "./result.ts";

export interface Figure {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** What was promised. */
  readonly atMost?: number;
  readonly atLeast?: number;
}

export interface FiguresScenario {
  readonly name: string;
  readonly description: string;
  /** How many (sessions, calls, kills, ...) per profile. */
  readonly count: Readonly<Record<Profile, number>>;
  /** What is done, in one sentence; `count` is put in for `#`. */
  readonly summary: string;
  run(count: number, onProgress: (line: string) => void): Promise<readonly Figure[]>;
}

export function figuresScenario(scenario: FiguresScenario): Scenario {
  const { name, description, count } = scenario;
  return {
    name,
    description,
    run: async ({ profile, onProgress }) =>
      presentFigures(scenario, count[profile], await scenario.run(count[profile], onProgress)),
  };
}

function presentFigures(
  { name, description, summary }: FiguresScenario,
  count: number,
  figures: readonly Figure[],
): ScenarioResult {
  return {
    scenario: name,
    title: `${name}: ${description}`,
    summary: [summary.replace("#", count.toLocaleString("en"))],
    tables: [
      {
        title: "Figures",
        columns: ["figure", "value", "unit"],
        rows: figures.map(({ what, value, unit }) => [what, printValue(value), unit]),
      },
    ],
    charts: [],
    claims: figures.flatMap((figure) => claimOf(figure) ?? []),
    keyFigures: [],
    skipped: [],
    data: { count, figures },
  };
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

function claimOf({ what, value, unit, atMost, atLeast }: Figure): Claim | undefined {
  if (atMost === undefined && atLeast === undefined) return undefined;
  const bound = atMost === undefined ? `at least ${atLeast}` : `at most ${atMost}`;
  return {
    source: "this project",
    claim: `${what}: ${bound} ${unit}`,
    measured: `${printValue(value)} ${unit}`,
    met: value <= (atMost ?? Number.POSITIVE_INFINITY) && value >= (atLeast ?? Number.NEGATIVE_INFINITY),
  };
}

function printValue(value: number): string {
  if (Number.isInteger(value)) return String(value);
  return value.toFixed(Math.abs(value) < 10 ? 2 : 1);
}
