// Charts as SVG, without a library: bars and lines are all that is needed, and a report must not need a network.
// Colours are CSS variables with fallbacks, so that a page can show the same chart in light and dark.
import type { Chart } from "../result.ts";

const WIDTH = 720;
/** Of a letter, about. */
const LETTER = 6.5;
const ROW = { label: 230, value: 56, height: 16, gap: 6 } as const;
const PLOT = { left: 64, right: 16, top: 40, height: 220 } as const;
/** Okabe and Ito's palette, which colour-blind readers can tell apart. */
const COLOURS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#999999", "#f0e442"];

/** `standalone`: for a file of its own, which has no page behind it. */
export function printSvg(chart: Chart, { standalone = false } = {}): string {
  if (chart.kind === "bars" && isWide(chart)) return printRows(chart, standalone);
  const legendRows = chart.series.length < 2 ? 0 : Math.ceil(chart.series.length / 4);
  const bottom = PLOT.top + PLOT.height;
  const height = bottom + (chart.xLabel === undefined ? 28 : 40) + legendRows * 22;
  const values = chart.series.flatMap((series) => series.values.filter(isNumber));
  const top = niceCeiling(Math.max(...values, 0));
  const y = (value: number): number => bottom - (value / top) * PLOT.height;
  const parts = [
    ...opening(chart, height, PLOT.left, standalone),
    ...gridLines(top, y),
    ...(chart.kind === "bars" ? bars(chart, y) : lines(chart, y)),
    ...legend(chart, bottom + 44),
    "</svg>",
  ];
  return parts.join("\n");
}

function opening({ title, unit }: Chart, height: number, left: number, standalone: boolean): string[] {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escapeXml(title)}" font-family="system-ui, sans-serif" font-size="12">`,
    ...(standalone ? [`<rect width="${WIDTH}" height="${height}" fill="#fff"/>`] : []),
    `<text x="${left}" y="18" font-size="14" font-weight="600" fill="var(--text, #222)">${escapeXml(title)}</text>`,
    `<text x="${left}" y="33" fill="var(--muted, #666)">${escapeXml(unit)}</text>`,
  ];
}

/** Whether labels would run into each other below upright bars. */
function isWide({ labels }: Chart): boolean {
  const longest = Math.max(...labels.map((label) => String(label).length));
  return longest * LETTER > (WIDTH - PLOT.left - PLOT.right) / Math.max(labels.length, 1);
}

/** Bars that lie, one line for each label and series. */
function printRows(chart: Chart, standalone: boolean): string {
  const { labels, series } = chart;
  const left = ROW.label + 8;
  const values = series.flatMap(({ values: all }) => all.filter(isNumber));
  const top = niceCeiling(Math.max(...values, 0));
  const line = ROW.height * series.length;
  const height = PLOT.top + labels.length * (line + ROW.gap) + 8 + (series.length > 1 ? 24 : 0);
  const rows = labels.flatMap((label, at) => {
    const y = PLOT.top + at * (line + ROW.gap);
    const bars = series.flatMap(({ name, values: all }, n) => {
      const value = all[at];
      if (value === null || value === undefined || !Number.isFinite(value)) return [];
      const width = round((value / top) * (WIDTH - left - ROW.value));
      const barY = y + n * ROW.height;
      return [
        `<rect x="${left}" y="${barY + 1}" width="${Math.max(width, 1)}" height="${ROW.height - 2}" fill="${fillOf(chart, label, n)}"><title>${escapeXml(`${label}, ${name}: ${short(value)}`)}</title></rect>`,
        `<text x="${left + Math.max(width, 1) + 5}" y="${barY + ROW.height - 4}" fill="var(--muted, #666)">${short(value)}</text>`,
      ];
    });
    return [
      `<text x="${ROW.label}" y="${y + line / 2 + 4}" text-anchor="end" fill="var(--text, #222)">${escapeXml(String(label))}</text>`,
      ...bars,
    ];
  });
  return [...opening(chart, height, 8, standalone), ...rows, ...legend(chart, height - 10), "</svg>"].join(
    "\n",
  );
}

/** Where there is nothing else to tell apart, the gateway stands out among the others. */
function fillOf({ labels, series }: Chart, label: number | string, n: number): string {
  const isOwn = (one: number | string): boolean => String(one).startsWith("gateway");
  if (series.length > 1 || !labels.some(isOwn) || isOwn(label)) return colour(n);
  return "var(--other, #9aa3ad)";
}

function gridLines(top: number, y: (value: number) => number): string[] {
  return [0, 0.25, 0.5, 0.75, 1].flatMap((share) => {
    const at = y(top * share);
    return [
      `<line x1="${PLOT.left}" x2="${WIDTH - PLOT.right}" y1="${at}" y2="${at}" stroke="var(--grid, #ddd)"/>`,
      `<text x="${PLOT.left - 6}" y="${at + 4}" text-anchor="end" fill="var(--muted, #666)">${short(top * share)}</text>`,
    ];
  });
}

function bars(chart: Chart, y: (value: number) => number): string[] {
  const { labels, series } = chart;
  const group = (WIDTH - PLOT.left - PLOT.right) / Math.max(labels.length, 1);
  const width = Math.min((group * 0.8) / Math.max(series.length, 1), 64);
  return labels.flatMap((label, at) => {
    const middle = PLOT.left + group * (at + 0.5);
    const first = middle - (width * series.length) / 2;
    const rects = series.flatMap(({ name, values }, n) => {
      const value = values[at];
      if (value === null || value === undefined || !Number.isFinite(value)) return [];
      const x = first + width * n;
      return [
        `<rect x="${round(x + 1)}" y="${round(y(value))}" width="${round(width - 2)}" height="${round(y(0) - y(value))}" fill="${fillOf(chart, label, n)}"><title>${escapeXml(`${label}, ${name}: ${short(value)}`)}</title></rect>`,
        `<text x="${round(x + width / 2)}" y="${round(y(value) - 3)}" text-anchor="middle" font-size="10" fill="var(--muted, #666)">${short(value)}</text>`,
      ];
    });
    return [
      ...rects,
      `<text x="${round(middle)}" y="${y(0) + 16}" text-anchor="middle" fill="var(--text, #222)">${escapeXml(String(label))}</text>`,
    ];
  });
}

function lines({ labels, series, xLabel }: Chart, y: (value: number) => number): string[] {
  const numbers = labels.map(Number);
  const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
  const span = high - low || 1;
  const x = (value: number): number =>
    PLOT.left + ((value - low) / span) * (WIDTH - PLOT.left - PLOT.right - 20) + 10;
  const ticks = numbers.filter((_, at) => numbers.length <= 12 || at % Math.ceil(numbers.length / 12) === 0);
  return [
    ...series.map(({ name, values }, n) => {
      const points = values.flatMap((value, at) =>
        !isNumber(value) ? [] : [`${round(x(numbers[at] ?? low))},${round(y(value))}`],
      );
      return `<polyline points="${points.join(" ")}" fill="none" stroke="${colour(n)}" stroke-width="2"><title>${escapeXml(name)}</title></polyline>`;
    }),
    ...ticks.map(
      (tick) =>
        `<text x="${round(x(tick))}" y="${y(0) + 16}" text-anchor="middle" fill="var(--text, #222)">${short(tick)}</text>`,
    ),
    ...(xLabel === undefined
      ? []
      : [
          `<text x="${WIDTH - PLOT.right}" y="${y(0) + 30}" text-anchor="end" fill="var(--muted, #666)">${escapeXml(xLabel)}</text>`,
        ]),
  ];
}

function legend({ series }: Chart, top: number): string[] {
  if (series.length < 2) return [];
  return series.flatMap(({ name }, n) => {
    const x = PLOT.left + (n % 4) * 160;
    const at = top + Math.floor(n / 4) * 18;
    return [
      `<rect x="${x}" y="${at - 9}" width="10" height="10" fill="${colour(n)}"/>`,
      `<text x="${x + 15}" y="${at}" fill="var(--text, #222)">${escapeXml(name)}</text>`,
    ];
  });
}

function isNumber(value: number | null): value is number {
  return value !== null && Number.isFinite(value);
}

function colour(n: number): string {
  const at = n % COLOURS.length;
  return `var(--series-${at}, ${COLOURS[at]})`;
}

/** The next of 1, 2, 2.5 and 5 times a power of ten. */
function niceCeiling(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 2.5, 5, 10].find((step) => step * power >= value) ?? 10) * power;
}

/** Three significant digits. */
function short(value: number): string {
  if (!Number.isFinite(value)) return "–";
  if (value !== 0 && Math.abs(value) < 0.001) return value.toExponential(1);
  return Math.abs(value) >= 1_000
    ? Math.round(value).toLocaleString("en")
    : String(Number(value.toPrecision(3)));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

export function escapeXml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
