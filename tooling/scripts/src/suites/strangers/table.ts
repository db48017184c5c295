// The table of docs/compatibility.md: what each pair of a client and a server does.
import { printRows } from "../page.ts";
import type { Tried } from "./clients.ts";
import type { Feature } from "./plan.ts";

export interface Line {
  /** Server, transport, era. */
  readonly head: readonly string[];
  /** What each column's client found. */
  readonly cells: readonly Tried[];
}

export function printTable(headers: readonly string[], lines: readonly Line[]): string {
  return printRows(
    headers,
    lines.map(({ head, cells }) => [...head, ...cells.map(printCell)]),
  );
}

function printCell(tried: Tried): string {
  const features = Object.keys(tried) as Feature[];
  const failed = features.filter((feature) => tried[feature] !== null);
  if (failed.length === 0) return `all ${features.length}`;
  return failed.length === features.length
    ? "nothing"
    : `${features.length - failed.length} of ${features.length}: not ${failed.join(", ")}`;
}
