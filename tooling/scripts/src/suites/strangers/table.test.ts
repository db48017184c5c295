import { expect, it } from "vitest";
import { printTable } from "./table.ts";

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
