// The section of docs/compatibility.md on the official suite: what passes through the gateway, and why the rest does not.
import { printRows } from "../page.ts";
import type { Comparison } from "./compare.ts";

export interface Compared {
  readonly run: string;
  /** Era of the clients. */
  readonly client: string;
  readonly pool: string;
  readonly comparison: Comparison;
}

export function printComparisons(all: readonly Compared[]): string {
  const reasons = [
    ...new Set(all.flatMap(({ comparison }) => comparison.lost.flatMap(({ why }) => why ?? []))),
  ];
  const rows = all.map(({ run, client, pool, comparison: { direct, kept, lost } }) => [
    run,
    client,
    pool,
    `${kept} of ${direct}`,
    lost.length === 0 ? "" : withoutRepeats(lost.map(({ check, why }) => nameOf(check, why, reasons))),
  ]);
  const table = printRows(["requirements", "clients", "pool", "pass", "not"], rows);
  return [table, "", ...reasons.map((why, at) => `${at + 1}. ${capital(why)}.`)].join("\n");
}

/** The scenario of a check, and the number of the reason. */
function nameOf(check: string, why: string | undefined, reasons: readonly string[]): string {
  const [scenario = check] = check.split(":");
  return `${scenario} (${why === undefined ? "?" : reasons.indexOf(why) + 1})`;
}

function withoutRepeats(names: readonly string[]): string {
  return [...new Set(names)].join(", ");
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
