// Reports on disk: one JSON and one Markdown file a scenario, its charts as SVG, and one page of them all.
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { printHtml } from "./report/html.ts";
import { printMarkdown } from "./report/markdown.ts";
import { printSvg } from "./report/svg.ts";
import type { Report } from "./result.ts";

/** Writes a scenario's report, and the page of all that are in the folder. */
export async function keepReport(folder: string, report: Report): Promise<void> {
  const { scenario, charts } = report.result;
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, `${scenario}.json`), `${JSON.stringify(report, null, 2)}\n`);
  await writeFile(join(folder, `${scenario}.md`), printMarkdown(report));
  for (const [at, chart] of charts.entries())
    await writeFile(join(folder, `${scenario}-${at + 1}.svg`), `${printSvg(chart, { standalone: true })}\n`);
  await writeFile(join(folder, "index.html"), printHtml(await readReports(folder)));
}

/** All reports of a folder, in the order of their names. @throws Error naming a file that is no report */
export async function readReports(folder: string): Promise<Report[]> {
  const files = (await readdir(folder)).filter((name) => name.endsWith(".json")).toSorted();
  return Promise.all(
    files.map(async (name) => {
      const report = JSON.parse(await readFile(join(folder, name), "utf8")) as Partial<Report>;
      if (report.result?.keyFigures === undefined)
        throw new Error(`${join(folder, name)} is not a report of this version; measure again`);
      return report as Report;
    }),
  );
}
