// The gateway's tests that are short in `npm test`, at full length: a minute of a team's day, 50 ends and 100 reloads under
// load, a greedy client; and, where the programs for it are installed, slow connections and the dashboard in a browser.
import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import type { SuiteReport } from "./report.ts";
import { runCommand } from "./run-command.ts";

interface Run {
  readonly name: string;
  readonly file: string;
  readonly env: Readonly<Record<string, string>>;
}

const RUNS: readonly Run[] = [
  { name: "20 clients for 60 s", file: "test/many-clients.test.ts", env: { FAIRLEAD_SUITE_SECONDS: "60" } },
  {
    name: "50 ends and 100 reloads under load",
    file: "test/cycles.test.ts",
    env: { FAIRLEAD_SUITE_ENDS: "50", FAIRLEAD_SUITE_RELOADS: "100" },
  },
  {
    name: "a client at ten times its share",
    file: "test/greedy-client.test.ts",
    env: { FAIRLEAD_SUITE_ROUNDS: "5" },
  },
];

/** What needs a program that not every machine has. */
const WITH_PROGRAMS = [
  {
    name: "1 000 slow connections",
    file: "test/slow-connections.test.ts",
    programs: ["slowhttptest"],
    variable: "FAIRLEAD_SUITE_SLOWHTTPTEST",
    install: "apt install slowhttptest",
  },
  {
    name: "the dashboard in a browser",
    file: "test/dashboard.test.ts",
    programs: ["chromium", "chromium-browser", "google-chrome"],
    variable: "FAIRLEAD_SUITE_BROWSER",
    install: "apt install chromium",
  },
] as const;

export async function enduranceSuite(root: string, _work: string, report: SuiteReport): Promise<void> {
  const cwd = join(root, "apps/gateway");
  const all: Run[] = [...RUNS];
  for (const { name, file, programs, variable, install } of WITH_PROGRAMS) {
    const program = await firstOf(programs);
    if (program === undefined) report.skip(name, `${programs[0]} is not installed (Debian: ${install})`);
    else all.push({ name, file, env: { [variable]: program } });
  }
  for (const { name, file, env } of all) {
    await report.check(name, async () => {
      const vitest = join(cwd, "node_modules/vitest/vitest.mjs");
      const output = await runCommand(process.execPath, [vitest, "run", file], {
        cwd,
        env,
        timeoutMs: 1_800_000,
      });
      for (const [line] of output.matchAll(/^.*(?:\d+ clients|reloads:|ends:|greedy client:).*$/gm))
        console.log(`        ${line}`);
    });
  }
}

/** The path of the first program that is installed. */
async function firstOf(programs: readonly string[]): Promise<string | undefined> {
  for (const program of programs)
    for (const directory of (process.env["PATH"] ?? "").split(delimiter)) {
      const path = join(directory, program);
      const isThere = await access(path, constants.X_OK).then(
        () => true,
        () => false,
      );
      if (isThere) return path;
    }
  return undefined;
}
