// The suites that `.ci/run` adds to `npm test`: `node suites.ts [packed] [conformance] [strangers] [postgres]
// [endurance] [benchmark]`, all of them by default.
import { fileURLToPath } from "node:url";
import { tempDir } from "@fairlead/testbed";
import { benchmarkSuite } from "./suites/benchmark-suite.ts";
import { conformanceSuite } from "./suites/conformance/suite.ts";
import { enduranceSuite } from "./suites/endurance-suite.ts";
import { packedSuite } from "./suites/packed-suite.ts";
import { postgresSuite } from "./suites/postgres-suite.ts";
import { createSuiteReport, type SuiteReport } from "./suites/report.ts";
import { strangersSuite } from "./suites/strangers/suite.ts";
import { summaryLine } from "./verify/count-tests.ts";

type Suite = (root: string, work: string, report: SuiteReport) => Promise<void>;

const suites: Readonly<Record<string, Suite>> = {
  packed: packedSuite,
  conformance: conformanceSuite,
  strangers: strangersSuite,
  endurance: enduranceSuite,
  postgres: postgresSuite,
  benchmark: benchmarkSuite,
};

process.exitCode = await main(process.argv.slice(2));

async function main(names: readonly string[]): Promise<number> {
  const wanted = names.length === 0 ? Object.keys(suites) : names;
  const unknown = wanted.filter((name) => !Object.hasOwn(suites, name));
  if (unknown.length > 0) {
    console.error(`no suite named ${unknown.join(", ")}; there are ${Object.keys(suites).join(", ")}`);
    return 2;
  }
  const root = fileURLToPath(new URL("../../..", import.meta.url));
  const report = createSuiteReport();
  await using work = await tempDir();
  console.log(`extra suites, in ${work.path}`);
  for (const name of wanted) {
    console.log(`\n-- ${name}`);
    await suites[name]?.(root, work.path, report);
  }
  const counts = report.counts();
  console.log(`\n${summaryLine(counts)}`);
  return counts.failed === 0 ? 0 : 1;
}
