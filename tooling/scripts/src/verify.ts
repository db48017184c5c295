// `npm test`: every check of every package through turbo, then one plain line that counts the tests.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { countTests, readReports, removeReports, summaryLine } from "./verify/count-tests.ts";
import { readFailedTasks, removeSummaries } from "./verify/turbo-summary.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const rootTasks = ["//#lint", "//#imports", "//#unused", "//#versions"];
const packageTasks = ["build", "typecheck", "test", "package:check"];

removeReports(root);
removeSummaries(root);
// Two tasks at a time: the end-to-end suites start real servers and want a core to themselves.
const turbo = spawn(
  "turbo",
  [
    "run",
    "--continue=dependencies-successful",
    "--concurrency=2",
    "--output-logs=new-only",
    "--summarize=true",
    ...rootTasks,
    ...packageTasks,
  ],
  { cwd: root, stdio: "inherit" },
);
const code = await new Promise<number>((resolve) => {
  turbo.on("error", (error) => {
    console.error(`fairlead: cannot start turbo (${error.message}); start this by "npm test"`);
    resolve(1);
  });
  turbo.on("exit", (exitCode) => resolve(exitCode ?? 1));
});

const failedTasks = readFailedTasks(root);
const testRuns = failedTasks.filter(({ task }) => task === "test").map(({ folder }) => folder);
const reports = readReports(root, testRuns);
const counts = countTests(reports);
for (const { folder, report } of reports)
  if (report === undefined)
    console.log(`${folder}: the test run left no report, which counts as one failure`);
const checks = failedTasks.filter(({ task }) => task !== "test").map(({ id }) => id);
if (checks.length > 0) console.log(`failed besides the tests, see their output above: ${checks.join(", ")}`);
console.log(`\n${summaryLine(counts)}`);
process.exitCode = code !== 0 || counts.failed > 0 ? 1 : 0;
