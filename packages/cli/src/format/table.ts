// Aligned columns, two spaces apart.
import { widthOf } from "./style.ts";

export interface TableOptions {
  /** Cuts the last column so that no line is longer; wide enough for everything by default. */
  readonly maxWidth?: number;
}

/** One line per row, the header first; cells may carry colours. */
export function formatTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  { maxWidth = Number.POSITIVE_INFINITY }: TableOptions = {},
): string {
  const lines = [header, ...rows];
  const last = header.length - 1;
  const widths = header.map((_, column) => Math.max(...lines.map((line) => widthOf(line[column] ?? ""))));
  const before = widths.slice(0, last).reduce((sum, width) => sum + width + 2, 0);
  const room = Math.max(maxWidth - before, 8);
  return lines
    .map((line) =>
      line
        .map((cell, column) =>
          column === last ? cut(cell, room) : cell + " ".repeat((widths[column] ?? 0) - widthOf(cell)),
        )
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** The text, or its beginning with an ellipsis; for text without colours. */
export function cut(text: string, width: number): string {
  return widthOf(text) <= width ? text : `${text.slice(0, Math.max(width - 1, 0))}…`;
}
