// What every scenario returns: words, tables, charts and claims that any report can show, and the raw figures.
import type { Machine } from "./machine.ts";

export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (number | string)[])[];
  /** What the columns mean, for somebody who does not know the words. */
  readonly note?: string;
}

export interface Chart {
  readonly title: string;
  /** Unit of the values. */
  readonly unit: string;
  /** `"bars"`: one value per label and series; `"lines"`: labels are numbers on the x axis. */
  readonly kind: "bars" | "lines";
  readonly xLabel?: string;
  readonly labels: readonly (number | string)[];
  readonly series: readonly { readonly name: string; readonly values: readonly (number | null)[] }[];
}

/** One sentence that somebody stated, and what came out here. */
export interface Claim {
  /** Where it was stated. */
  readonly source: string;
  readonly claim: string;
  readonly measured: string;
  /** What would be the best possible, where that is known. */
  readonly limit?: string;
  readonly met: boolean;
}

/** A figure that is compared between two runs: ratios within one run, which hold on any machine. */
export interface KeyFigure {
  readonly name: string;
  readonly value: number;
  /** Lowest and highest of the rounds: the noise. */
  readonly low: number;
  readonly high: number;
  readonly better: "lower" | "higher";
}

export interface ScenarioResult {
  readonly scenario: string;
  readonly title: string;
  /** What was asked and what came out, in plain words; paragraphs. */
  readonly summary: readonly string[];
  readonly tables: readonly Table[];
  readonly charts: readonly Chart[];
  readonly claims: readonly Claim[];
  readonly keyFigures: readonly KeyFigure[];
  /** What was not measured, and why. */
  readonly skipped: readonly string[];
  /** Everything that was measured. */
  readonly data: unknown;
}

export interface Report {
  /** ISO 8601. */
  readonly measuredAt: string;
  readonly profile: Profile;
  readonly machine: Machine;
  /** What the measurement took. */
  readonly seconds?: number;
  readonly result: ScenarioResult;
}

export type Profile = "full" | "quick";

export interface ScenarioContext {
  readonly profile: Profile;
  /** Targets to leave out. */
  readonly without: readonly string[];
  readonly onProgress: (line: string) => void;
}

export interface Scenario {
  readonly name: string;
  /** One line for `--help`. */
  readonly description: string;
  run(context: ScenarioContext): Promise<ScenarioResult>;
}
