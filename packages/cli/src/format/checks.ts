// A list of checks with their outcome, and what to do about those that failed.
import { printable, type Style } from "./style.ts";

export interface Finding {
  readonly name: string;
  readonly state: "ok" | "warning" | "failed" | "skipped";
  readonly message: string;
  readonly fix?: string;
}

const MARKS = { ok: "✓", warning: "!", failed: "✗", skipped: "-" } as const;
const COLOURS = { ok: "green", warning: "yellow", failed: "red", skipped: "gray" } as const;

export function formatChecks(findings: readonly Finding[], style: Style): string {
  const width = Math.max(0, ...findings.map(({ name }) => name.length));
  return findings
    .flatMap(({ name, state, message, fix }) => [
      `${style(COLOURS[state], MARKS[state])} ${printable(name).padEnd(width)}  ${printable(message).replace(/\s+/g, " ")}`,
      ...(fix === undefined ? [] : [`  ${" ".repeat(width)}  next: ${printable(fix)}`]),
    ])
    .join("\n");
}
