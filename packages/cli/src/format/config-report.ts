// The report of `config check`: each finding with the line that it is about.
import type { ConfigProblem, ConfigReport } from "@fairlead/gateway";
import { printable, type Style } from "./style.ts";

const MAX_FINDINGS = 12;

/** `lines` are those of the file. */
export function formatConfigReport(
  { file, errors, warnings, recommendations }: ConfigReport,
  style: Style,
  lines: readonly string[],
): string {
  const groups = [
    { title: "error", colour: "red", findings: errors },
    { title: "warning", colour: "yellow", findings: warnings },
    { title: "recommendation", colour: "cyan", findings: recommendations },
  ] as const;
  const blocks = groups.flatMap(({ title, colour, findings }) => {
    const shown = findings
      .slice(0, MAX_FINDINGS)
      .map((finding) => block(style(colour, title), finding, file, lines, style));
    const rest = findings.length - MAX_FINDINGS;
    return rest > 0 ? [...shown, `… and ${rest} more of the kind ${title}; correct these first`] : shown;
  });
  const counts = groups.map(({ title, findings }) => plural(findings.length, title)).join(", ");
  const verdict =
    errors.length > 0
      ? style("red", `${printable(file)} cannot be used`)
      : style("green", `${printable(file)} can be used`);
  return [...blocks, `${verdict}: ${counts}`].join("\n\n");
}

function block(
  title: string,
  { path, line, column = 1, message }: ConfigProblem,
  file: string,
  lines: readonly string[],
  style: Style,
): string {
  const head = `${title}: ${path === "" ? "" : `${style("bold", printable(path))}: `}${printable(message)}`;
  if (line === undefined) return `${head}\n  --> ${printable(file)}`;
  const text = printable(lines[line - 1] ?? "").replaceAll("\t", " ");
  const number = String(line).padStart(4);
  return [
    head,
    `  --> ${printable(file)}:${line}:${column}`,
    `${number} | ${text}`,
    `     | ${" ".repeat(Math.max(column - 1, 0))}${style("red", "^")}`,
  ].join("\n");
}

function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}
