// A scenario of a comparison as SVG: for each load p50, p95 and p99 of every contestant on a logarithmic axis beside those
// of the bound, and at one load the share of the requests that each server got.
import type { ComparisonCell } from "./compare.ts";

/** What {@link plotScenario} draws. */
export interface PlotOptions {
  /** Cells of one scenario. */
  readonly cells: readonly ComparisonCell[];
  /** The contestant whose percentiles are drawn through all rows. */
  readonly bound: string;
  /** The load at which shares are drawn. */
  readonly shareLoad: number;
}

const ROW = 22;
const NAMES = 190;
/** Room to the left of the names' column, for the longest of them. */
const MARGIN = 40;
const PANEL = 210;
const GAP = 24;
const TOP = 64;
const percentiles = [
  { key: "p50Ms", label: "p50", color: "#3b6fb6" },
  { key: "p95Ms", label: "p95", color: "#d08a1d" },
  { key: "p99Ms", label: "p99", color: "#b3403a" },
] as const;
const serverColors = ["#27496d", "#3b6fb6", "#7fa6d6", "#b9cfe8", "#5b8c5a", "#9bbf85", "#d08a1d", "#e8c27a"];

/** Draws one scenario; the text is a complete SVG document. */
export function plotScenario({ cells, bound, shareLoad }: PlotOptions): string {
  const loads = [...new Set(cells.map(({ load }) => load))];
  const contestants = [...new Set(cells.map(({ contestant }) => contestant))];
  const width = NAMES + loads.length * (PANEL + GAP) + PANEL + GAP;
  const height = TOP + contestants.length * ROW + 40;
  const rowY = (index: number): number => TOP + index * ROW + ROW / 2;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width + MARGIN}" height="${height}" viewBox="${-MARGIN} 0 ${width + MARGIN} ${height}" font-family="system-ui, sans-serif" font-size="12" fill="#222">`,
    `<title>Response times and shares in the scenario ${escapeXml(cells[0]?.scenario ?? "")}</title>`,
    `<rect x="${-MARGIN}" width="${width + MARGIN}" height="${height}" fill="#fff"/>`,
    text(12, 22, escapeXml(cells[0]?.scenario ?? ""), 'font-size="16" font-weight="600"'),
    ...percentiles.map(
      ({ label, color }, index) =>
        `<circle cx="${NAMES + 6 + index * 60}" cy="18" r="4" fill="${color}"/>${text(NAMES + 14 + index * 60, 22, label)}`,
    ),
    text(NAMES + 200, 22, `response time in ms, logarithmic; dashed: ${escapeXml(bound)}`, 'fill="#666"'),
    ...contestants.map((name, index) =>
      text(NAMES - 10, rowY(index) + 4, escapeXml(name), 'text-anchor="end"'),
    ),
    ...loads.map((load, index) =>
      panel(
        cells.filter((cell) => cell.load === load),
        contestants,
        bound,
        NAMES + index * (PANEL + GAP),
        `load ${load}`,
        rowY,
      ),
    ),
    shares(
      cells.filter((cell) => cell.load === shareLoad),
      contestants,
      NAMES + loads.length * (PANEL + GAP),
      shareLoad,
      rowY,
    ),
    "</svg>",
  ];
  return `${parts.join("\n")}\n`;
}

function panel(
  cells: readonly ComparisonCell[],
  contestants: readonly string[],
  bound: string,
  left: number,
  title: string,
  rowY: (index: number) => number,
): string {
  const values = cells
    .flatMap((cell) => percentiles.map(({ key }) => cell[key].mean))
    .filter((value) => value > 0);
  const low = Math.log10(Math.min(...values)) - 0.05;
  const high = Math.log10(Math.max(...values)) + 0.05;
  const x = (value: number): string => (left + ((Math.log10(value) - low) / (high - low)) * PANEL).toFixed(1);
  const bottom = rowY(contestants.length - 1) + ROW / 2;
  const parts = [text(left, TOP - 12, title, 'font-weight="600"')];
  for (let exponent = Math.ceil(low); exponent <= high; exponent++) {
    const at = x(10 ** exponent);
    parts.push(
      `<line x1="${at}" x2="${at}" y1="${TOP}" y2="${bottom}" stroke="#ddd"/>`,
      text(Number(at), bottom + 16, `${10 ** exponent}`, 'text-anchor="middle" fill="#666"'),
    );
  }
  const boundCell = cells.find(({ contestant }) => contestant === bound);
  if (boundCell !== undefined)
    for (const { key, color } of percentiles) {
      const at = x(boundCell[key].mean);
      parts.push(
        `<line x1="${at}" x2="${at}" y1="${TOP}" y2="${bottom}" stroke="${color}" stroke-dasharray="3 3" opacity="0.7"/>`,
      );
    }
  for (const cell of cells) {
    const y = rowY(contestants.indexOf(cell.contestant));
    parts.push(
      `<line x1="${x(cell.p50Ms.mean)}" x2="${x(cell.p99Ms.mean)}" y1="${y}" y2="${y}" stroke="#bbb"/>`,
    );
    for (const { key, color } of percentiles)
      parts.push(`<circle cx="${x(cell[key].mean)}" cy="${y}" r="3.5" fill="${color}"/>`);
  }
  return parts.join("\n");
}

function shares(
  cells: readonly ComparisonCell[],
  contestants: readonly string[],
  left: number,
  load: number,
  rowY: (index: number) => number,
): string {
  const parts = [text(left, TOP - 12, `share per server, load ${load}`, 'font-weight="600"')];
  for (const cell of cells) {
    const y = rowY(contestants.indexOf(cell.contestant)) - 6;
    let at = left;
    for (const [server, share] of cell.shares.entries()) {
      const width = share * PANEL;
      const color = serverColors[server % serverColors.length];
      parts.push(
        `<rect x="${at.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="12" fill="${color}"/>`,
      );
      at += width;
    }
  }
  return parts.join("\n");
}

function text(x: number, y: number, content: string, attributes = ""): string {
  return `<text x="${x}" y="${y}" ${attributes}>${content}</text>`;
}

function escapeXml(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
