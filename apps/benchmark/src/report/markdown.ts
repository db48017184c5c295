// A result as Markdown.
import { printMachine } from "../machine.ts";
import type { Report, Table } from "../result.ts";

export function printMarkdown({ measuredAt, profile, machine, result }: Report): string {
  const { title, summary, tables, claims, skipped } = result;
  const parts = [`# ${title}`, ...summary, ...tables.map(printTable)];
  if (claims.length > 0) {
    parts.push(
      printTable({
        title: "Claims",
        columns: ["stated in", "claim", "measured here", "limit", "holds"],
        rows: claims.map(({ source, claim, measured, limit = "", met }) => [
          source,
          claim,
          measured,
          limit,
          met ? "yes" : "no",
        ]),
      }),
    );
  }
  if (skipped.length > 0) parts.push(`Not measured:\n\n${skipped.map((line) => `- ${line}`).join("\n")}`);
  parts.push(`${printMachine(machine)}; profile ${profile}, commit ${machine.commit}, ${measuredAt}.`);
  return `${parts.join("\n\n")}\n`;
}

export function printTable({ title, columns, rows, note }: Table): string {
  const line = (cells: readonly (number | string)[]): string =>
    `| ${cells.map((cell) => String(cell).replaceAll("|", "\\|")).join(" | ")} |`;
  return [
    `## ${title}`,
    ...(note === undefined ? [] : [note]),
    [line(columns), line(columns.map(() => "---")), ...rows.map(line)].join("\n"),
  ].join("\n\n");
}
