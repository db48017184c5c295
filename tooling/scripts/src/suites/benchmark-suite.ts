// The quick benchmark beside the kept results. Only ratios within one run are compared, which hold on any machine; what
// got worse beyond noise is measured once more, since a machine that does other work is noise, too.
import { join } from "node:path";
import type { SuiteReport } from "./report.ts";
import { runCommand } from "./run-command.ts";

const SCENARIOS = ["overhead", "loadbalancing"];
/** Other gateways would have to be installed, and say nothing about a change of this one. */
const WITHOUT = ["--without", "peers"];
const KEPT = "apps/benchmark/results/quick";
const TOLERANCE = "0.25";

export async function benchmarkSuite(root: string, work: string, report: SuiteReport): Promise<void> {
  if (process.platform !== "linux") {
    report.skip("benchmark", "CPU and memory are read from /proc, which only Linux has");
    return;
  }
  const benchmark = (...args: string[]): Promise<string> =>
    runCommand(process.execPath, ["--conditions=@fairlead/source", "apps/benchmark/src/main.ts", ...args], {
      cwd: root,
      timeoutMs: 600_000,
    });
  await report.check("no ratio is worse than in the kept results, twice in a row", async () => {
    const measureAndCompare = async (name: string): Promise<void> => {
      const out = join(work, name);
      await benchmark(...SCENARIOS, ...WITHOUT, "--out", out);
      const changes = await benchmark("compare", KEPT, out, "--tolerance", TOLERANCE);
      console.log(changes.replaceAll(/^/gm, "        "));
    };
    try {
      await measureAndCompare("benchmark-1");
    } catch (error) {
      console.log(`        ${error instanceof Error ? error.message : String(error)}\n        once more`);
      await measureAndCompare("benchmark-2");
    }
  });
}
