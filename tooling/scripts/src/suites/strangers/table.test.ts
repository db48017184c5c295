import { expect, it } from "vitest";
import { missingLines, printTable, replaceTable } from "./table.ts";

const table = printTable(
  ["server", "direct", "gateway"],
  [
    {
      head: ["one"],
      cells: [
        { list: null, call: null },
        { list: null, call: "lacks 5" },
      ],
    },
    { head: ["two"], cells: [{ list: null }, { list: "no connection" }] },
  ],
);

it("says what works, what does not, and how much was tried", () => {
  expect(table).toBe(
    "| server | direct | gateway |\n| --- | --- | --- |\n| one | all 2 | 1 of 2: not call |\n| two | all 1 | nothing |",
  );
});

it("is put into a page, and compared with it line by line", () => {
  const page = "# A\n<!-- begin: written by the strangers suite -->\nold\n<!-- end -->\nafter\n";
  const replaced = replaceTable(page, table);
  expect(replaced).toContain("# A\n");
  expect(replaced).toContain("\nafter\n");
  expect(replaced).not.toContain("old");
  expect(missingLines(replaced, table)).toEqual([]);
  expect(missingLines(replaced, table.replace("all 1", "nothing"))).toEqual(["| two | nothing | nothing |"]);
  expect(() => replaceTable("# A", table)).toThrow("lacks");
});
