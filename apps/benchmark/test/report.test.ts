// What reports are made of, without measuring anything.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { printDocs } from "../src/claims/docs.ts";
import { DOCUMENTED } from "../src/claims/documents.ts";
import { readLedger } from "../src/claims/ledger.ts";
import { compareReports } from "../src/compare.ts";
import { describeMachine } from "../src/machine.ts";
import { SCENARIOS } from "../src/registry.ts";
import { printSvg } from "../src/report/svg.ts";
import type { Report } from "../src/result.ts";
import { readTables } from "../src/scenarios/package-benches.ts";
import { keepReport, readReports } from "../src/store.ts";

function reportOf(value: number, low: number, high: number): Report {
  return {
    measuredAt: "2026-11-20T00:00:00.000Z",
    profile: "quick",
    machine: describeMachine(),
    result: {
      scenario: "speed",
      title: "Speed <of> it",
      summary: ["Some words & more."],
      tables: [{ title: "T", columns: ["a", "b"], rows: [["x|y", 1]] }],
      charts: [
        { title: "C", unit: "ms", kind: "bars", labels: ["one"], series: [{ name: "s", values: [3] }] },
        { title: "L", unit: "ms", kind: "lines", labels: [1, 2], series: [{ name: "s", values: [3, null] }] },
      ],
      claims: [{ source: "doc", claim: "fast", measured: "very", met: true }],
      keyFigures: [{ name: "ratio", value, low, high, better: "lower" }],
      skipped: ["moon: not here"],
      data: {},
    },
  };
}

const RESULTS = fileURLToPath(new URL("../results", import.meta.url));

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "fairlead-report-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe("a kept report", () => {
  it("is read back, and shown on one page that loads nothing", async () => {
    const report = reportOf(2, 1.9, 2.1);
    await keepReport(folder, report);
    expect(await readReports(folder)).toEqual([report]);
    const page = await readFile(join(folder, "index.html"), "utf8");
    expect(page).toContain("Speed &lt;of&gt; it");
    expect(page).not.toMatch(/\b(src|href)="(?!#)/);
    expect(page).toContain("not measured yet");
    const markdown = await readFile(join(folder, "speed.md"), "utf8");
    expect(markdown).toContain("| x\\|y | 1 |");
    expect(markdown).toContain("- moon: not here");
  });
});

describe("the figures of the source documents", () => {
  it("each name a scenario that there is, or say why none measures them", () => {
    const names = SCENARIOS.map(({ name }) => name);
    for (const { figure, measured } of DOCUMENTED)
      if ("scenario" in measured) expect(names, figure).toContain(measured.scenario);
      else expect(measured.why, figure).toMatch(/^(a setting|cannot be checked|no figure)/);
    expect(new Set(DOCUMENTED.map(({ document }) => document)).size).toBe(5);
  });

  it("are told from those that do not hold and those without a result", () => {
    const [first] = DOCUMENTED.filter(
      ({ measured }) => "scenario" in measured && measured.scenario === "stress",
    );
    if (first === undefined || !("scenario" in first.measured)) throw new Error("nothing of stress");
    const { claim } = first.measured;
    const verdictOf = (met: boolean): string | undefined => {
      const result = { ...reportOf(1, 1, 1).result, scenario: "stress" };
      const report = {
        ...reportOf(1, 1, 1),
        result: { ...result, claims: [{ source: "d", claim, measured: "m", met }] },
      };
      return readLedger([report]).find(({ figure }) => figure === first.figure)?.verdict;
    };
    expect([verdictOf(true), verdictOf(false)]).toEqual(["holds", "holds not"]);
    expect(new Set(readLedger([]).map(({ verdict }) => verdict))).toEqual(
      new Set(["not measured", "no result", "cannot be checked"]),
    );
  });

  it("find their claims in the kept results", async () => {
    const reports = await readReports(RESULTS);
    const kept = new Set(
      reports.filter(({ profile }) => profile === "full").map(({ result }) => result.scenario),
    );
    const lost = readLedger(reports).filter(
      ({ verdict, scenario }) => verdict === "not measured" && kept.has(scenario),
    );
    expect(lost).toEqual([]);
  });

  it("stand in the documentation as they came out", async () => {
    const page = await readFile(new URL("../../../docs/benchmarks.md", import.meta.url), "utf8");
    expect(page, "npm run benchmark -- docs").toBe(printDocs(await readReports(RESULTS)));
  });
});

describe("a chart", () => {
  it("lays its bars down when the names below them would run into each other", () => {
    const [chart] = reportOf(1, 1, 1).result.charts;
    if (chart === undefined) throw new Error("no chart");
    const labels = Array.from({ length: 12 }, (_, at) => `a rather long name, number ${at}`);
    const values = labels.map((_, at) => (at === 0 ? null : at));
    const svg = printSvg({ ...chart, labels, series: [{ name: "s", values }] });
    expect(svg.match(/<rect/g)).toHaveLength(11);
    for (const label of labels) expect(svg).toContain(`>${label}</text>`);
  });

  it("has a bar or a point for each value, and none for what was not measured", () => {
    const [bars, lines] = reportOf(1, 1, 1).result.charts;
    if (bars === undefined || lines === undefined) throw new Error("no charts");
    expect(printSvg(bars).match(/<rect/g)).toHaveLength(1);
    expect(/points="([^"]*)"/.exec(printSvg(lines))?.[1]?.split(" ")).toHaveLength(1);
  });
});

describe("a comparison", () => {
  it.each([
    ["worse", reportOf(3, 2.8, 3.2)],
    ["better", reportOf(1.5, 1.4, 1.6)],
    ["same, since within the noise", reportOf(2.3, 1.8, 2.6)],
    ["same, since small", reportOf(2.15, 2.14, 2.16)],
  ])("says %s", (verdict, after) => {
    const [change] = compareReports([reportOf(2, 1.95, 2.05)], [after]);
    expect(verdict.startsWith(change?.verdict ?? "none")).toBe(true);
  });

  it("leaves out what only one of the two has", () => {
    expect(compareReports([], [reportOf(1, 1, 1)])).toEqual([]);
  });

  it("leaves out what was measured in another profile", () => {
    const full: Report = { ...reportOf(2, 1.95, 2.05), profile: "full" };
    expect(compareReports([full], [{ ...reportOf(3, 2.8, 3.2), profile: "quick" }])).toEqual([]);
  });
});

it("reads the tables of a script's Markdown", () => {
  expect(
    readTables("# One\n\nwords\n\n| a | b |\n|---|:-:|\n| 1 | **2** |\n\nmore\n| c |\n| --- |\n| `3` |\n"),
  ).toEqual([
    { title: "words", columns: ["a", "b"], rows: [["1", "2"]] },
    { title: "more", columns: ["c"], rows: [["3"]] },
  ]);
});
