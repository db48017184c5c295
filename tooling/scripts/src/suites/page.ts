// What suites write into docs/compatibility.md: each its own section, between marks.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

export function printRows(headers: readonly string[], rows: readonly (readonly string[])[]): string {
  return [headers, headers.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

/** Compares the section with what the page has. With FAIRLEAD_UPDATE_DOCS=1 the page is written instead. */
export async function compareWithPage(root: string, suite: string, section: string): Promise<void> {
  const path = join(root, "docs", "compatibility.md");
  const page = await readFile(path, "utf8");
  if (process.env["FAIRLEAD_UPDATE_DOCS"] === "1") {
    await writeFile(path, replaceSection(page, suite, section));
    return;
  }
  const missing = missingLines(page, section);
  if (missing.length > 0)
    throw new Error(`it lacks these lines (FAIRLEAD_UPDATE_DOCS=1 writes them):\n${missing.join("\n")}`);
}

/** Puts the section between its marks. @throws {@link Error} when the page has none */
export function replaceSection(page: string, suite: string, section: string): string {
  const mark = `<!-- begin: written by the ${suite} suite -->`;
  const begin = page.indexOf(mark);
  const end = page.indexOf("<!-- end -->", begin);
  if (begin === -1 || end === -1) throw new Error(`the page lacks "${mark}" and its end`);
  return `${page.slice(0, begin)}${mark}\n\n${section}\n\n${page.slice(end)}`;
}

/** Lines of the section that the page does not have. */
export function missingLines(page: string, section: string): readonly string[] {
  const present = new Set(page.split("\n"));
  return section.split("\n").filter((line) => !present.has(line));
}
