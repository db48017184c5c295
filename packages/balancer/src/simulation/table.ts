// A comparison as Markdown.
import type { ComparisonCell } from "./compare.ts";
import type { Estimate } from "./statistics.ts";

/** One table per scenario: a row per contestant, p50 / p95 / p99 in ms with the 95 % interval of p99, per load. */
export function formatTables(cells: readonly ComparisonCell[]): string {
  return distinct(cells.map(({ scenario }) => scenario))
    .map((scenario) =>
      formatScenario(
        scenario,
        cells.filter((cell) => cell.scenario === scenario),
      ),
    )
    .join("\n");
}

function formatScenario(scenario: string, cells: readonly ComparisonCell[]): string {
  const loads = distinct(cells.map(({ load }) => load));
  const lines = [
    `### ${scenario}`,
    "",
    `| strategy | ${loads.map((load) => `load ${load}`).join(" | ")} |`,
    `|---|${loads.map(() => "---|").join("")}`,
  ];
  for (const contestant of distinct(cells.map((cell) => cell.contestant))) {
    const row = loads.map((load) => {
      const cell = cells.find((candidate) => candidate.contestant === contestant && candidate.load === load);
      return cell === undefined ? "" : formatCell(cell);
    });
    lines.push(`| ${contestant} | ${row.join(" | ")} |`);
  }
  return `${lines.join("\n")}\n`;
}

function formatCell({ p50Ms, p95Ms, p99Ms, errorRatio }: ComparisonCell): string {
  const errors = errorRatio > 0 ? `, ${(100 * errorRatio).toFixed(2)} % failed` : "";
  return `${round(p50Ms)} / ${round(p95Ms)} / ${round(p99Ms)} ± ${p99Ms.halfWidth.toFixed(0)}${errors}`;
}

const round = ({ mean }: Estimate): string => mean.toFixed(0);

function distinct<Item>(items: readonly Item[]): Item[] {
  return [...new Set(items)];
}
