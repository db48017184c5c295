// All results as one page that needs nothing but itself: opens from a disk, prints, and follows the reader's colour scheme.
import { type LedgerLine, readLedger } from "../claims/ledger.ts";
import { printMachine } from "../machine.ts";
import type { Claim, Report, Table } from "../result.ts";
import { STYLE } from "./style.ts";
import { escapeXml, printSvg } from "./svg.ts";
import { QUESTIONS, WORDS } from "./words.ts";

/** Where claims that are not from a source document come from. */
const OWN = "this project";

export function printHtml(reports: readonly Report[]): string {
  const ledger = readLedger(reports);
  const goals = reports.flatMap(({ result }) =>
    result.claims
      .filter(({ source }) => source === OWN)
      .map((claim) => ({ ...claim, scenario: result.scenario })),
  );
  const links = reports
    .map(
      ({ result: { scenario, title } }) =>
        `<li><a href="#${scenario}">${escapeXml(QUESTIONS[scenario] ?? title)}</a></li>`,
    )
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
<p class="lead">Fairlead stands between programs that use a language model and the tools they call, so that many tools and many copies of them look like one. Standing in the middle costs something, and ought to bring something: this page shows both, measured by one command, next to other programs that did the same work on the same machine in the same minutes.</p>
<div class="tiles">${tile("promises of the source documents that were measured hold", ledger.filter(({ verdict }) => verdict === "holds").length, ledger.filter(({ verdict }) => verdict === "holds" || verdict === "holds not").length)}${tile("goals of this project are met", goals.filter(({ met }) => met).length, goals.length)}</div>
<nav><strong>Questions</strong><ol>${links}</ol></nav>
<details open><summary>Words that are used here</summary><dl>${WORDS.map(([word, meaning]) => `<dt>${escapeXml(word)}</dt><dd>${escapeXml(meaning)}</dd>`).join("")}</dl></details>
<h2 id="documents">What the source documents promise, and what was measured</h2>
<p>Every figure about speed or reliability in the five documents that this project began with, in their order. Limit: what would be the best possible, where that is known.</p>
${ledgerTable(ledger)}
<h2 id="goals">What this project set itself, and what was measured</h2>
<p>Stricter goals, mostly in comparison with other programs. What is missed is marked as missed.</p>
${goalTable(goals)}
${reports.map(section).join("\n")}
<footer><p>Made by <code>npm run benchmark</code>. Compare figures within this page rather than with figures from elsewhere.</p></footer>
</body>
</html>
`;
}

function tile(words: string, met: number, all: number): string {
  return `<div class="tile"><b>${met} of ${all}</b> ${words}</div>`;
}

function section({ measuredAt, profile, machine, result }: Report): string {
  const { scenario, title, summary, charts, tables, skipped } = result;
  const question = QUESTIONS[scenario];
  return `<h2 id="${escapeXml(scenario)}">${escapeXml(question ?? title)}</h2>
${question === undefined ? "" : `<p class="scenario">Scenario <code>${escapeXml(scenario)}</code>: ${escapeXml(title)}</p>`}
${summary.map((text) => `<p>${escapeXml(text)}</p>`).join("\n")}
${charts.map((chart) => printSvg(chart)).join("\n")}
${tables.map(printTable).join("\n")}
${skipped.length === 0 ? "" : `<h3>Not measured</h3><ul>${skipped.map((line) => `<li>${escapeXml(line)}</li>`).join("")}</ul>`}
<p class="where">${escapeXml(`${printMachine(machine)}; profile ${profile}, commit ${machine.commit}, ${measuredAt}.`)}</p>`;
}

function printTable({ title, columns, rows, note }: Table): string {
  const isNumber = (cell: number | string): boolean => /^[-–\d]/.test(String(cell));
  const head = columns.map((column) => `<th>${escapeXml(column)}</th>`).join("");
  const body = rows.map((row) => {
    const cells = row.map(
      (cell) => `<td${isNumber(cell) ? ' class="number"' : ""}>${escapeXml(String(cell))}</td>`,
    );
    return `<tr${String(row[0]).startsWith("gateway") ? ' class="own"' : ""}>${cells.join("")}</tr>`;
  });
  return `<h3>${escapeXml(title)}</h3>${note === undefined ? "" : `<p class="note">${escapeXml(note)}</p>`}
<div class="scroll"><table><thead><tr>${head}</tr></thead><tbody>${body.join("")}</tbody></table></div>`;
}

const VERDICTS: Readonly<Record<LedgerLine["verdict"], readonly [string, string]>> = {
  holds: ["yes", "✓ holds"],
  "holds not": ["no", "✗ does not hold"],
  "cannot be checked": ["open", "cannot be checked"],
  "no result": ["open", "a setting"],
  "not measured": ["open", "not measured yet"],
};

function ledgerTable(lines: readonly LedgerLine[]): string {
  const rows = lines.map(({ document, section: where, figure, verdict, measured, limit, scenario }, at) => {
    const [style, words] = VERDICTS[verdict];
    const isFirst = lines[at - 1]?.document !== document;
    const heading = isFirst ? `<tr><th colspan="4" class="document">${escapeXml(document)}</th></tr>` : "";
    const from = verdict.startsWith("holds") ? ` <a href="#${scenario}">${scenario}</a>` : "";
    return `${heading}<tr><td>${escapeXml(figure)}<br><span class="note">${escapeXml(where)}</span></td><td>${escapeXml(measured)}${from}</td><td>${escapeXml(limit)}</td><td class="${style}">${words}</td></tr>`;
  });
  return claimRows("Promised", rows);
}

function goalTable(goals: readonly (Claim & { readonly scenario: string })[]): string {
  return claimRows(
    "Goal",
    goals.map(
      ({ scenario, claim, measured, limit = "", met }) =>
        `<tr><td>${escapeXml(claim)}</td><td>${escapeXml(measured)} <a href="#${scenario}">${scenario}</a></td><td>${escapeXml(limit)}</td><td class="${met ? "yes" : "no"}">${met ? "✓ met" : "✗ missed"}</td></tr>`,
    ),
  );
}

function claimRows(first: string, rows: readonly string[]): string {
  return `<div class="scroll"><table class="claims"><thead><tr><th>${first}</th><th>Measured here</th><th>Limit</th><th></th></tr></thead><tbody>${rows.join("")}</tbody></table></div>`;
}
