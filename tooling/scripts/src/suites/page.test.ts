import { expect, it } from "vitest";
import { missingLines, printRows, replaceSection } from "./page.ts";

const rows = printRows(["server", "works"], [["one", "yes"]]);

it("a section is put between its own marks, and compared line by line", () => {
  const marked = (suite: string): string =>
    `<!-- begin: written by the ${suite} suite -->\nold\n<!-- end -->\n`;
  const page = `# A\n${marked("first")}between\n${marked("second")}after\n`;
  const replaced = replaceSection(page, "second", rows);
  expect(replaced).toBe(
    `# A\n${marked("first")}between\n${marked("second").replace("old", `\n${rows}\n`)}after\n`,
  );
  expect(rows).toBe("| server | works |\n| --- | --- |\n| one | yes |");
  expect(missingLines(replaced, rows)).toEqual([]);
  expect(missingLines(replaced, rows.replace("yes", "no"))).toEqual(["| one | no |"]);
  expect(() => replaceSection("# A", "first", rows)).toThrow("lacks");
});
