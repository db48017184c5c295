// What the reports of all packages add up to. Whatever kept a test from running is a failure, never a silence:
// a file that did not load, a hook that threw, an error outside of any test, a report that was not written.
import { globSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";

export interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly success: boolean;
  readonly testResults: readonly {
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

export interface PackageReport {
  /** Folder of the package below the repository root. */
  readonly folder: string;
  /** `undefined` when its test run left none. */
  readonly report: VitestReport | undefined;
  /** Whether the run itself ended badly; vitest's report does not mention an error outside of any test. */
  readonly runFailed: boolean;
}

export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

const reportFile = join("reports", "vitest.json");

/** Removes the reports of earlier runs, those of deleted packages among them; turbo restores what it has cached. */
export function removeReports(root: string): void {
  for (const file of globSync(`{packages,apps,tooling,examples}/*/${reportFile}`, { cwd: root }))
    rmSync(join(root, file));
}

/** The report of every package that has a `test` script; `failedFolders` are those whose test run ended badly. */
export function readReports(root: string, failedFolders: readonly string[] = []): readonly PackageReport[] {
  return globSync("{packages,apps,tooling,examples}/*/package.json", { cwd: root })
    .sort()
    .filter((file) => {
      const { scripts } = readJson(join(root, file)) as { readonly scripts?: Record<string, string> };
      return scripts?.["test"] !== undefined;
    })
    .map(dirname)
    .map((folder) => ({
      folder,
      report: readReport(join(root, folder, reportFile)),
      runFailed: failedFolders.includes(folder),
    }));
}

export function countTests(reports: readonly PackageReport[]): TestCounts {
  const counts = reports.map(countReport);
  const sum = (pick: (one: TestCounts) => number): number =>
    counts.reduce((total, one) => total + pick(one), 0);
  return {
    passed: sum(({ passed }) => passed),
    failed: sum(({ failed }) => failed),
    skipped: sum(({ skipped }) => skipped),
  };
}

/** The line that ends every test run of this repository. */
export function summaryLine({ passed, failed, skipped }: TestCounts): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

function countReport({ report, runFailed }: PackageReport): TestCounts {
  if (report === undefined) return { passed: 0, failed: 1, skipped: 0 };
  const brokenFiles = report.testResults.filter(
    ({ status, assertionResults }) =>
      status === "failed" && !assertionResults.some((assertion) => assertion.status === "failed"),
  ).length;
  const failed = report.numFailedTests + brokenFiles;
  return {
    passed: report.numPassedTests,
    failed: failed === 0 && (runFailed || !report.success) ? 1 : failed,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

function readReport(file: string): VitestReport | undefined {
  try {
    return readJson(file) as VitestReport;
  } catch {
    // Missing, or cut off when its process was killed: both mean that the run did not end well.
    return undefined;
  }
}

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, "utf8"));
}
