// The table of docs/compatibility.md: what each pair of a client and a server does.
import type { Tried } from "./clients.ts";
import type { Feature } from "./plan.ts";

export interface Line {
  /** Server, transport, era. */
  readonly head: readonly string[];
  /** What each column's client found. */
  readonly cells: readonly Tried[];
}

const BEGIN = "<!-- begin: written by the strangers suite -->";
const END = "<!-- end -->";

export function printTable(headers: readonly string[], lines: readonly Line[]): string {
  const rows = lines.map(({ head, cells }) => [...head, ...cells.map(printCell)]);
  return [headers, headers.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

function printCell(tried: Tried): string {
  const features = Object.keys(tried) as Feature[];
  const failed = features.filter((feature) => tried[feature] !== null);
  if (failed.length === 0) return `all ${features.length}`;
  return failed.length === features.length
    ? "nothing"
    : `${features.length - failed.length} of ${features.length}: not ${failed.join(", ")}`;
}

/** Puts the table between the marks of a page. @throws {@link Error} when it has none */
export function replaceTable(page: string, table: string): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin === -1 || end < begin) throw new Error(`the page lacks "${BEGIN}" and "${END}"`);
  return `${page.slice(0, begin)}${BEGIN}\n\n${table}\n\n${page.slice(end)}`;
}

/** Lines of `table` that the page does not have. */
export function missingLines(page: string, table: string): readonly string[] {
  const present = new Set(page.split("\n"));
  return table.split("\n").filter((line) => !present.has(line));
}
