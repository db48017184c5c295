// The gateway's tests that are short in `npm test`, at full length: a minute of a team's day, 50 ends and 100 reloads under load.
import { join } from "node:path";
import type { SuiteReport } from "./report.ts";
import { runCommand } from "./run-command.ts";

const RUNS = [
  { name: "20 clients for 60 s", file: "test/many-clients.test.ts", env: { FAIRLEAD_SUITE_SECONDS: "60" } },
  {
    name: "50 ends and 100 reloads under load",
    file: "test/cycles.test.ts",
    env: { FAIRLEAD_SUITE_ENDS: "50", FAIRLEAD_SUITE_RELOADS: "100" },
  },
] as const;

export async function enduranceSuite(root: string, _work: string, report: SuiteReport): Promise<void> {
  const cwd = join(root, "apps/gateway");
  for (const { name, file, env } of RUNS) {
    await report.check(name, async () => {
      const vitest = join(cwd, "node_modules/vitest/vitest.mjs");
      const output = await runCommand(process.execPath, [vitest, "run", file], {
        cwd,
        env,
        timeoutMs: 1_800_000,
      });
      for (const [line] of output.matchAll(/^.*(?:\d+ clients|reloads:|ends:).*$/gm))
        console.log(`        ${line}`);
    });
  }
}
