// `npm run benchmark`: measures, prints a table, and keeps JSON and Markdown.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type FiguresResult, printFigures } from "./figures.ts";
import { describeMachine } from "./machine.ts";
import { printReport } from "./report.ts";
import { runCycles } from "./scenarios/cycles.ts";
import { runFailover } from "./scenarios/failover.ts";
import { runFrozen } from "./scenarios/frozen.ts";
import { runOverhead } from "./scenarios/overhead.ts";
import { runSessions } from "./scenarios/sessions.ts";
import { runSoak } from "./scenarios/soak.ts";
import { runStreams } from "./scenarios/streams.ts";

const HELP = `Usage: npm run benchmark -- [options]

Linux only: CPU and memory are read from /proc.

Scenarios (--scenario <name>, default overhead):
  overhead  what a call costs on its way through the gateway, beside no gateway, nginx (where it is installed) and a
            proxy made of the official SDK
  sessions  memory of idle sessions (--count, default 10000)
  streams   memory of sessions with an open event stream (--count, default 1000)
  soak      whether memory stays level over many calls (--count, default 1000000)
  failover  time from kill -9 to the next good answer (--count kills, default 100)
  cycles    what sessions leave behind that come and go (--count, default 1000)
  frozen    start, lists and calls beside upstreams that hang, come late or refuse (--count frozen ones, default 8)

Options of every scenario:
  --out <folder>        where <scenario>.json and .md are written (default: reports/benchmark)
  --help                this text

Options of overhead:
  --profile quick|full  quick: 3 rounds of 3,000 calls (default); full: 7 rounds of 20,000
  --concurrency <n>     calls at a time (default 32)
  --payload <bytes>     payload of a call (default 180)
  --without <name>      leaves a target out: nginx, gateway or sdk-proxy; may be given several times

Examples:
  npm run benchmark -- --profile full --without sdk-proxy
  npm run benchmark -- --scenario sessions --count 10000
`;
const PROFILES = {
  quick: { rounds: 3, calls: 3_000, warmUpCalls: 1_500 },
  full: { rounds: 7, calls: 20_000, warmUpCalls: 5_000 },
} as const;

const onProgress = (line: string): void => console.error(line);
const SCENARIOS: Readonly<
  Record<string, { readonly count: number; run(count: number): Promise<FiguresResult> }>
> = {
  sessions: { count: 10_000, run: (sessions) => runSessions({ sessions, onProgress }) },
  streams: { count: 1_000, run: (streams) => runStreams({ streams, onProgress }) },
  soak: { count: 1_000_000, run: (calls) => runSoak({ calls, onProgress }) },
  failover: { count: 100, run: (kills) => runFailover({ kills, onProgress }) },
  cycles: { count: 1_000, run: (cycles) => runCycles({ cycles, onProgress }) },
  frozen: { count: 8, run: (frozen) => runFrozen({ frozen, onProgress }) },
};

const { values } = parseArgs({
  options: {
    scenario: { type: "string", default: "overhead" },
    count: { type: "string" },
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
  if (values.scenario !== "overhead") return await figures(values.scenario);
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

async function figures(name: string): Promise<number> {
  const scenario = Object.hasOwn(SCENARIOS, name) ? SCENARIOS[name] : undefined;
  const count = values.count === undefined ? scenario?.count : Number(values.count);
  if (scenario === undefined || count === undefined || !(Number.isInteger(count) && count >= 1)) {
    const names = ["overhead", ...Object.keys(SCENARIOS)].join(", ");
    console.error(`benchmark: --scenario is one of ${names}, --count a whole number from 1; see --help`);
    return 2;
  }
  const machine = describeMachine();
  const measuredAt = new Date().toISOString();
  const report = { measuredAt, machine, result: await scenario.run(count) };
  await mkdir(values.out, { recursive: true });
  await writeFile(join(values.out, `${name}.json`), `${JSON.stringify(report, null, 2)}\n`);
  await writeFile(join(values.out, `${name}.md`), printFigures(report));
  console.log(printFigures(report));
  return 0;
}
