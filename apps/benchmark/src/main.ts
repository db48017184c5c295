// `npm run benchmark`: measures, prints a table, and keeps JSON and Markdown.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { describeMachine } from "./machine.ts";
import { printReport } from "./report.ts";
import { runOverhead } from "./scenarios/overhead.ts";

const HELP = `Usage: npm run benchmark -- [options]

Measures what a call costs on its way through the gateway, beside no gateway, nginx (where it is installed) and a proxy
made of the official SDK. Linux only: CPU and memory are read from /proc.

Options:
  --profile quick|full  quick: 3 rounds of 3,000 calls (default); full: 7 rounds of 20,000
  --concurrency <n>     calls at a time (default 32)
  --payload <bytes>     payload of a call (default 180)
  --without <name>      leaves a target out: nginx, gateway or sdk-proxy; may be given several times
  --out <folder>        where overhead.json and overhead.md are written (default: reports/benchmark)
  --help                this text

Example:
  npm run benchmark -- --profile full --without sdk-proxy
`;
const PROFILES = {
  quick: { rounds: 3, calls: 3_000, warmUpCalls: 1_500 },
  full: { rounds: 7, calls: 20_000, warmUpCalls: 5_000 },
} as const;

const { values } = parseArgs({
  options: {
    profile: { type: "string", default: "quick" },
    concurrency: { type: "string", default: "32" },
    payload: { type: "string", default: "180" },
    without: { type: "string", multiple: true, default: [] },
    out: { type: "string", default: "reports/benchmark" },
    help: { type: "boolean", default: false },
  },
});
// An exit runs the handlers that end the targets; the default of these signals would not.
for (const signal of ["SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(1));
if (values.help) console.log(HELP);
else process.exitCode = await main();

async function main(): Promise<number> {
  if (process.platform !== "linux") {
    console.error("benchmark: CPU and memory are read from /proc, which only Linux has");
    return 1;
  }
  const profile = Object.hasOwn(PROFILES, values.profile)
    ? PROFILES[values.profile as keyof typeof PROFILES]
    : undefined;
  const concurrency = Number(values.concurrency);
  const payloadBytes = Number(values.payload);
  if (profile === undefined || !(concurrency >= 1) || !(payloadBytes >= 0)) {
    console.error(
      "benchmark: --profile is quick or full, --concurrency a number from 1, --payload one from 0; see --help",
    );
    return 2;
  }
  const machine = describeMachine();
  const measuredAt = new Date().toISOString();
  const onProgress = (line: string): void => console.error(line);
  const result = await runOverhead({
    ...profile,
    concurrency,
    payloadBytes,
    without: values.without,
    onProgress,
  });
  const report = { measuredAt, machine, result };
  await mkdir(values.out, { recursive: true });
  await writeFile(join(values.out, "overhead.json"), `${JSON.stringify(report, null, 2)}\n`);
  await writeFile(join(values.out, "overhead.md"), printReport(report));
  console.log(printReport(report));
  return 0;
}
