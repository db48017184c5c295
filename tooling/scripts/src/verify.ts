// `npm test`: every check of every package through turbo, then one plain line that counts the tests.
import { spawn } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly testResults: readonly { readonly status: string; readonly assertionResults: readonly unknown[] }[];
}

const root = fileURLToPath(new URL("../../..", import.meta.url));
const rootTasks = ["//#lint", "//#imports", "//#unused", "//#versions"];
const packageTasks = ["build", "typecheck", "test", "package:check"];

// Two tasks at a time: the end-to-end suites start real servers and want a core to themselves.
const turbo = spawn(
  "turbo",
  [
    "run",
    "--continue=dependencies-successful",
    "--concurrency=2",
    "--output-logs=new-only",
    ...rootTasks,
    ...packageTasks,
  ],
  { cwd: root, stdio: "inherit" },
);
const code = await new Promise<number>((resolve, reject) => {
  turbo.on("error", reject);
  turbo.on("exit", (exitCode) => resolve(exitCode ?? 1));
});

const reports = globSync("{packages,apps,tooling}/*/reports/vitest.json", { cwd: root }).map(
  (file) => JSON.parse(readFileSync(join(root, file), "utf8")) as VitestReport,
);
const sum = (pick: (report: VitestReport) => number): number =>
  reports.reduce((total, report) => total + pick(report), 0);
// A file that failed to load has no assertions; it still counts as one failure.
const broken = sum(
  (report) =>
    report.testResults.filter((file) => file.status === "failed" && file.assertionResults.length === 0)
      .length,
);
const failed = sum((report) => report.numFailedTests) + broken;

if (code !== 0 && failed === 0) console.log("\nA check other than the tests failed; its output is above.");
console.log(
  `\n${sum((r) => r.numPassedTests)} passed, ${failed} failed, ${sum((r) => r.numPendingTests)} skipped`,
);
process.exitCode = code !== 0 || failed > 0 ? 1 : 0;
