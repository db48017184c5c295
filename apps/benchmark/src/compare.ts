// Two runs beside each other. Only ratios within one run are compared (gateway to nginx, say), because they hold on any
// machine; and only a change beyond the noise of both runs counts as one. Runs of different profiles say nothing about each
// other: who else ran in between, and for how long, moves the other programs of a ratio by a factor of two.
import type { KeyFigure, Report } from "./result.ts";

export interface Change {
  readonly scenario: string;
  readonly figure: string;
  readonly before: number;
  readonly after: number;
  readonly verdict: "better" | "same" | "worse";
}

/** `tolerance`: a change below this share is never one, however quiet the machine was, 0 to 1. */
export function compareReports(
  before: readonly Report[],
  after: readonly Report[],
  tolerance = 0.1,
): Change[] {
  return after.flatMap(({ profile, result }) => {
    const same = before.find((one) => one.result.scenario === result.scenario && one.profile === profile);
    const old = same?.result.keyFigures ?? [];
    return result.keyFigures.flatMap((figure) => {
      const base = old.find(({ name }) => name === figure.name);
      return base === undefined ? [] : [changeOf(result.scenario, base, figure, tolerance)];
    });
  });
}

function changeOf(scenario: string, before: KeyFigure, after: KeyFigure, tolerance: number): Change {
  const apart = after.low > before.high || after.high < before.low;
  const big = Math.abs(after.value - before.value) > tolerance * Math.abs(before.value);
  const lower = after.value < before.value;
  const verdict = !apart || !big ? "same" : lower === (after.better === "lower") ? "better" : "worse";
  return { scenario, figure: after.name, before: before.value, after: after.value, verdict };
}
