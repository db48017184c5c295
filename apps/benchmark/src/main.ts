// `npm run benchmark`: measures, prints tables, and keeps JSON, Markdown, charts and one page of everything.
import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { printDocs } from "./claims/docs.ts";
import { compareReports } from "./compare.ts";
import { describeMachine } from "./machine.ts";
import { pinProcesses } from "./placement.ts";
import { SCENARIOS } from "./registry.ts";
import { printHtml } from "./report/html.ts";
import { printMarkdown } from "./report/markdown.ts";
import { takeScreenshots } from "./report/screenshots.ts";
import type { Profile, Scenario } from "./result.ts";
import { keepReport, readReports } from "./store.ts";
import { PEER_TARGETS } from "./targets/peers.ts";

const HELP = `Usage: npm run benchmark -- [scenario …] [options]
       npm run benchmark -- compare <folder> [<folder>]
       npm run benchmark -- report [<folder>]
       npm run benchmark -- docs [<folder>] [<file>]
       npm run benchmark -- screenshots [<folder>]

Measures scenarios (default: overhead) and keeps what came out: JSON, Markdown, charts, and index.html with everything.
Linux only: CPU and memory are read from /proc.

Scenarios:
${SCENARIOS.map(({ name, description }) => `  ${name.padEnd(15)} ${description}`).join("\n")}
  all             every one of them
A scenario's own profile may follow its name: overhead:full stress:quick.

Options:
  --profile quick|full  quick takes minutes (default), full about an hour
  --without <name>      leaves a target out, such as nginx or mcp-hub; may be given several times; "peers": all from npm
  --out <folder>        where the files go (default: reports/benchmark)
  --tolerance <share>   compare: changes below this share do not count (default: 0.1)
  --help                this text

compare shows what changed between two folders of reports of the same profile; the second is reports/benchmark by default.
It ends with 1 when something got worse beyond noise. report writes index.html anew; docs writes docs/benchmarks.md from apps/benchmark/results;
screenshots shows that folder's index.html to Chromium and keeps the pictures in docs/images.

Examples:
  npm run benchmark -- overhead --without mcp-hub
  npm run benchmark -- all --profile full --out apps/benchmark/results
  npm run benchmark -- compare apps/benchmark/results/quick
`;

const DEFAULT_FOLDER = "reports/benchmark";
const RESULTS = "apps/benchmark/results";
const DOCS = "docs/benchmarks.md";
const IMAGES = "docs/images";
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    profile: { type: "string", default: "quick" },
    without: { type: "string", multiple: true, default: [] },
    out: { type: "string", default: DEFAULT_FOLDER },
    tolerance: { type: "string", default: "0.1" },
    help: { type: "boolean", default: false },
  },
});
// An exit runs the handlers that end the targets; the default of these signals would not.
for (const signal of ["SIGTERM", "SIGHUP", "SIGINT"] as const) process.once(signal, () => process.exit(1));
if (values.help) console.log(HELP);
else process.exitCode = await main();

async function main(): Promise<number> {
  const [command, ...rest] = positionals;
  if (command === "compare") return await compare(rest[0], rest[1] ?? DEFAULT_FOLDER);
  if (command === "report") {
    const folder = rest[0] ?? values.out;
    await writeFile(join(folder, "index.html"), printHtml(await readReports(folder)));
    console.log(resolve(folder, "index.html"));
    return 0;
  }
  if (command === "docs") {
    const [folder = RESULTS, file = DOCS] = rest;
    await writeFile(file, printDocs(await readReports(folder)));
    console.log(resolve(file));
    return 0;
  }
  if (command === "screenshots") {
    const page = resolve(rest[0] ?? RESULTS, "index.html");
    for (const file of await takeScreenshots(page, resolve(IMAGES))) console.log(file);
    return 0;
  }
  if (process.platform !== "linux") {
    console.error("benchmark: CPU and memory are read from /proc, which only Linux has");
    return 1;
  }
  const wanted = (positionals.length === 0 ? ["overhead"] : positionals).flatMap(readWanted);
  const wrong = wanted.find((one) => typeof one === "string");
  if (typeof wrong === "string") {
    console.error(`benchmark: ${wrong}`);
    return 2;
  }
  const placement = pinProcesses();
  console.error(placement);
  for (const one of wanted) if (typeof one === "object") await measure(one.scenario, one.profile, placement);
  console.log(`Everything on one page: ${resolve(values.out, "index.html")}`);
  return 0;
}

interface Wanted {
  readonly scenario: Scenario;
  readonly profile: Profile;
}

/** A scenario, or all, with the profile that follows it; or what is wrong. */
function readWanted(argument: string): readonly (Wanted | string)[] {
  const [name = "", profile = values.profile] = argument.split(":");
  if (profile !== "quick" && profile !== "full") return [`a profile is quick or full, got "${profile}"`];
  const found = SCENARIOS.filter((scenario) => name === "all" || scenario.name === name);
  if (found.length > 0) return found.map((scenario) => ({ scenario, profile }));
  return [`there is no scenario "${name}"; there are ${SCENARIOS.map((one) => one.name).join(", ")}`];
}

async function measure(scenario: Scenario, profile: Profile, placement: string): Promise<void> {
  const machine = { ...describeMachine(), placement };
  const measuredAt = new Date().toISOString();
  const startedAt = performance.now();
  const result = await scenario.run({
    profile,
    without: values.without.flatMap((name) => (name === "peers" ? Object.keys(PEER_TARGETS) : [name])),
    onProgress: (line) => console.error(line),
  });
  const seconds = (performance.now() - startedAt) / 1_000;
  console.error(`${scenario.name}, ${profile}: ${seconds.toFixed(0)} s`);
  const report = { measuredAt, profile, machine, seconds, result };
  await keepReport(values.out, report);
  console.log(printMarkdown(report));
}

async function compare(before: string | undefined, after: string): Promise<number> {
  if (before === undefined) {
    console.error(
      "benchmark: compare needs the folder of the earlier reports, such as apps/benchmark/results/quick",
    );
    return 2;
  }
  const changes = compareReports(
    await readReports(before),
    await readReports(after),
    Number(values.tolerance),
  );
  if (changes.length === 0) {
    console.error(
      `benchmark: ${before} and ${after} have no figure in common; measure the same scenarios in the same profile first`,
    );
    return 2;
  }
  for (const { scenario, figure, before: old, after: now, verdict } of changes)
    console.log(`${verdict.padEnd(6)} ${scenario}: ${figure}: ${old.toFixed(2)} → ${now.toFixed(2)}`);
  return changes.some(({ verdict }) => verdict === "worse") ? 1 : 0;
}
