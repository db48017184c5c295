import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { tempDir } from "@fairlead/testbed";
import { expect, it } from "vitest";
import { readChecks } from "./checks.ts";
import { compareChecks } from "./compare.ts";

const checksOf = (passed: Readonly<Record<string, number>>, complaint?: string) =>
  new Map(
    Object.entries(passed).map(([check, count]) => [
      check,
      { passed: count, complaints: complaint === undefined ? [] : [complaint] },
    ]),
  );

it("names what was lost, what was allowed to be, and what need not be allowed", () => {
  const direct = checksOf({ "a:1": 1, "a:2": 3, "b:1": 1, "c:1": 0, "d:1": 1 });
  const gateway = checksOf({ "a:1": 1, "a:2": 2, "b:1": 0 }, "FAILURE: no");
  const allowed = { check: "b:*", why: "reason" };
  const stale = { check: "a:1", why: "once upon a time" };
  expect(compareChecks(direct, gateway, [allowed, stale])).toEqual({
    direct: 6,
    kept: 3,
    lost: [
      { check: "a:2", complaints: ["FAILURE: no"], why: undefined },
      { check: "b:1", complaints: ["FAILURE: no"], why: "reason" },
      { check: "d:1", complaints: ["it was not made"], why: undefined },
    ],
    stale: [stale],
  });
});

it("reads what the official suite wrote", async () => {
  await using folder = await tempDir();
  const scenario = join(folder.path, "server-tools-list-2026-11-20T12-32-50-247Z");
  await mkdir(scenario);
  const written = [
    { id: "x", status: "SUCCESS" },
    { id: "x", status: "SUCCESS" },
    { id: "x", status: "FAILURE", errorMessage: "missing" },
    { id: "y", status: "INFO" },
  ];
  await writeFile(join(scenario, "checks.json"), JSON.stringify(written));
  expect([...readChecks(folder.path)]).toEqual([
    ["tools-list:x", { passed: 2, complaints: ["FAILURE: missing"] }],
    ["tools-list:y", { passed: 0, complaints: ["INFO"] }],
  ]);
});
