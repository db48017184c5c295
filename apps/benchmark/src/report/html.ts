// All results as one page that needs nothing but itself: opens from a disk, prints, and follows the reader's colour scheme.
import type { Claim, Report, Table } from "../result.ts";
import { escapeXml, printSvg } from "./svg.ts";

const STYLE = `
:root { --text: #1c1e21; --muted: #5b6169; --page: #fff; --card: #f6f7f9; --grid: #d9dde3; --good: #0a7d4b; --bad: #b3261e; --accent: #0b5cad; }
@media (prefers-color-scheme: dark) { :root { --text: #e6e8eb; --muted: #9aa3ad; --page: #14171b; --card: #1d2228; --grid: #363d46; --good: #56c08d; --bad: #ff8a80; --accent: #7db7f0; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 64rem; padding: 2rem 1rem 4rem; background: var(--page); color: var(--text); font: 16px/1.55 system-ui, sans-serif; }
h1 { font-size: 1.8rem; line-height: 1.2; } h2 { margin-top: 3rem; border-top: 1px solid var(--grid); padding-top: 1.5rem; } h3 { margin: 2rem 0 .4rem; font-size: 1.05rem; }
nav { background: var(--card); border-radius: .5rem; padding: .75rem 1rem; } nav a { margin-right: 1rem; } a { color: var(--accent); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .9rem; } .scroll { overflow-x: auto; }
th, td { padding: .35rem .6rem; text-align: left; border-bottom: 1px solid var(--grid); vertical-align: top; } th { color: var(--muted); font-weight: 600; }
svg { width: 100%; height: auto; background: var(--card); border-radius: .5rem; margin: .5rem 0; padding: .5rem; }
.note, footer, .where { color: var(--muted); font-size: .88rem; } .yes { color: var(--good); font-weight: 600; } .no { color: var(--bad); font-weight: 600; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; } dt { font-weight: 600; } dd { margin: 0; color: var(--muted); }
`;

/** Words that every table uses, for a reader who knows none of them. */
const WORDS: readonly (readonly [string, string])[] = [
  ["call", "one question from a program to a tool, and its answer"],
  ["gateway", "the program in the middle: many tools behind one address"],
  ["upstream", "a server behind the gateway, which does the work"],
  [
    "p50, p99",
    "half of the calls, or all but one in a hundred, were answered within this time (ms: thousandths of a second)",
  ],
  [
    "CPU µs per call",
    "how long a processor was busy for one call, in millionths of a second; less is better",
  ],
  ["RSS", "memory that the program held"],
  ["×", "times as much as the target that it is compared with, measured in the same minutes"],
];

export function printHtml(reports: readonly Report[]): string {
  const claims = reports.flatMap(({ result }) => result.claims);
  const sections = reports.map(section).join("\n");
  const links = reports
    .map(({ result }) => `<a href="#${escapeXml(result.scenario)}">${escapeXml(result.title)}</a>`)
    .join("");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Fairlead: what it costs and what it withstands</title>
<style>${STYLE}</style>
</head>
<body>
<h1>Fairlead: what it costs and what it withstands</h1>
<p>Every figure below was measured by one command, next to other programs doing the same work on the same machine in the same minutes. Compare columns with each other rather than with figures from elsewhere.</p>
<nav>${links}</nav>
<h3>Words</h3>
<dl>${WORDS.map(([word, meaning]) => `<dt>${escapeXml(word)}</dt><dd>${escapeXml(meaning)}</dd>`).join("")}</dl>
${claims.length === 0 ? "" : `<h2 id="claims">Claims</h2>${claimTable(claims)}`}
${sections}
<footer><p>Made by <code>npm run benchmark</code>.</p></footer>
</body>
</html>
`;
}

function section({ measuredAt, profile, machine, result }: Report): string {
  const { scenario, title, summary, charts, tables, skipped } = result;
  return `<h2 id="${escapeXml(scenario)}">${escapeXml(title)}</h2>
${summary.map((text) => `<p>${escapeXml(text)}</p>`).join("\n")}
${charts.map(printSvg).join("\n")}
${tables.map(printTable).join("\n")}
${skipped.length === 0 ? "" : `<h3>Not measured</h3><ul>${skipped.map((line) => `<li>${escapeXml(line)}</li>`).join("")}</ul>`}
<p class="where">${escapeXml(`${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.system}, Node ${machine.node}, load ${machine.load} at the start; profile ${profile}, commit ${machine.commit}, ${measuredAt}.`)}</p>`;
}

function printTable({ title, columns, rows, note }: Table): string {
  const head = columns.map((column) => `<th>${escapeXml(column)}</th>`).join("");
  const body = rows.map(
    (row) => `<tr>${row.map((cell) => `<td>${escapeXml(String(cell))}</td>`).join("")}</tr>`,
  );
  return `<h3>${escapeXml(title)}</h3>${note === undefined ? "" : `<p class="note">${escapeXml(note)}</p>`}
<div class="scroll"><table><thead><tr>${head}</tr></thead><tbody>${body.join("")}</tbody></table></div>`;
}

function claimTable(claims: readonly Claim[]): string {
  const rows = claims.map(
    ({ source, claim, measured, limit = "", met }) =>
      `<tr><td>${escapeXml(source)}</td><td>${escapeXml(claim)}</td><td>${escapeXml(measured)}</td><td>${escapeXml(limit)}</td><td class="${met ? "yes" : "no"}">${met ? "yes" : "no"}</td></tr>`,
  );
  return `<div class="scroll"><table><thead><tr><th>Stated in</th><th>Claim</th><th>Measured here</th><th>Best possible</th><th>Holds</th></tr></thead><tbody>${rows.join("")}</tbody></table></div>`;
}
