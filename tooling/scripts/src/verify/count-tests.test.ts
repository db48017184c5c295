import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, it } from "vitest";
import { countTests, readReports, removeReports, summaryLine, type VitestReport } from "./count-tests.ts";

const here = fileURLToPath(new URL("../..", import.meta.url));
const clean: VitestReport = {
  numPassedTests: 3,
  numFailedTests: 0,
  numPendingTests: 1,
  numTodoTests: 0,
  success: true,
  testResults: [{ status: "passed", assertionResults: [{ status: "passed" }] }],
};

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "fairlead-verify-"));
});
afterEach(() => rmSync(root, { recursive: true }));

function write(file: string, text: string): void {
  mkdirSync(dirname(join(root, file)), { recursive: true });
  writeFileSync(join(root, file), text);
}

/** Runs the real vitest on one test file and returns what `npm test` would count for it. */
async function countOf(code: string): Promise<string> {
  write("packages/a/package.json", '{ "type": "module", "scripts": { "test": "vitest run" } }');
  write("packages/a/a.test.ts", code);
  symlinkSync(join(here, "node_modules"), join(root, "packages/a/node_modules"));
  const args = [
    join(here, "node_modules/vitest/vitest.mjs"),
    "run",
    "--reporter=json",
    "--outputFile=reports/vitest.json",
  ];
  const failed = await new Promise<boolean>((resolve) => {
    execFile(process.execPath, args, { cwd: join(root, "packages/a") }, (error) => resolve(error !== null));
  });
  return summaryLine(countTests(readReports(root, failed ? ["packages/a"] : [])));
}

it("adds up passed, failed and skipped tests", async () => {
  const code = `import { it } from "vitest";
    it("passes", () => {}); it("passes too", () => {}); it("is skipped", { skip: true }, () => {}); it("is planned", { todo: true });
    it("fails", () => { throw new Error("no"); });`;
  expect(await countOf(code)).toBe("2 passed, 1 failed, 2 skipped");
});

it("counts a file that does not load as a failure", async () => {
  expect(await countOf('import "./not-there.ts";')).toBe("0 passed, 1 failed, 0 skipped");
});

it("counts a hook that throws as a failure", async () => {
  const code = `import { beforeAll, it } from "vitest";
    beforeAll(() => { throw new Error("no"); }); it("never runs", () => {});`;
  expect(await countOf(code)).toMatch(/^0 passed, 1 failed/);
});

it("counts an error outside of any test as a failure", async () => {
  const code = `import { it } from "vitest";
    it("passes", async () => { Promise.reject(new Error("no")); await new Promise((r) => setTimeout(r, 20)); });`;
  expect(await countOf(code)).toBe("1 passed, 1 failed, 0 skipped");
});

it("counts a missing and a truncated report as one failure each", () => {
  write("packages/a/package.json", '{ "scripts": { "test": "vitest run" } }');
  write("apps/b/package.json", '{ "scripts": { "test": "vitest run" } }');
  write("apps/b/reports/vitest.json", JSON.stringify(clean).slice(0, 20));
  write("tooling/c/package.json", '{ "scripts": { "test": "vitest run" } }');
  write("tooling/c/reports/vitest.json", JSON.stringify(clean));
  expect(countTests(readReports(root))).toEqual({ passed: 3, failed: 2, skipped: 1 });
});

it("neither counts nor keeps the reports of packages that are gone or have no tests", () => {
  write("packages/gone/reports/vitest.json", JSON.stringify(clean));
  write("packages/quiet/package.json", "{}");
  write("packages/quiet/reports/vitest.json", JSON.stringify(clean));
  expect(readReports(root)).toEqual([]);
  removeReports(root);
  expect(existsSync(join(root, "packages/gone/reports/vitest.json"))).toBe(false);
});
