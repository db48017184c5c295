// The official conformance suite, against fixture servers of both eras: direct, through the gateway, and through the
// gateway with client and server of different eras. Compared check by check, not by exit codes.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { conformanceServerPath, freePort, type StartedProcess, startProcess } from "@fairlead/testbed";
import { compareWithPage } from "../page.ts";
import type { SuiteReport } from "../report.ts";
import { runCommand } from "../run-command.ts";
import { type Checks, readChecks } from "./checks.ts";
import { type Comparison, compareChecks } from "./compare.ts";
import { exceptions } from "./exceptions.ts";
import { type Compared, printComparisons } from "./section.ts";

/** One client of the suite stands for many. */
const NO_LIMITS = {
  maxClients: 0,
  limits: { requestsPerMinute: 0, concurrency: 0, streams: 0, sessions: 0, bytesPerMinute: 0 },
  breaker: { failureThreshold: 0 },
};

type Era = "legacy" | "modern";

/** One way to run the official suite. */
interface Run {
  readonly name: string;
  readonly version: string;
  readonly args: readonly string[];
  /** Of the clients that it plays. */
  readonly era: Era;
}

const runs: readonly Run[] = [
  { name: "0.1.16", version: "0.1.16", args: [], era: "legacy" },
  {
    name: "2025-11-25",
    version: "0.2.0-alpha.12",
    args: ["--requirements", "2025-11-25"],
    era: "legacy",
  },
  {
    name: "2026-07-28",
    version: "0.2.0-alpha.12",
    args: ["--requirements", "2026-07-28"],
    era: "modern",
  },
];
const transports = ["http", "stdio"] as const;

export async function conformanceSuite(root: string, work: string, report: SuiteReport): Promise<void> {
  const folder = join(work, "conformance");
  const installed = await report.check(
    "@modelcontextprotocol/conformance installs, both versions",
    async () => {
      for (const version of new Set(runs.map((run) => run.version))) await install(folder, version);
    },
  );
  if (!installed) return report.skip("the official conformance suite", "it is not installed");

  await using legacy = await startFixture("legacy");
  await using modern = await startFixture("modern");
  const urls: Readonly<Record<Era, string>> = {
    legacy: await urlOf(legacy),
    modern: await urlOf(modern),
  };
  await using gateway = await startGateway(root, folder, urls);
  const base = `${await urlOf(gateway)}/mcp`;

  const direct = new Map<string, Checks>();
  const compared: Compared[] = [];
  for (const run of runs) {
    await report.check(`${run.name}: ${run.era} server without the gateway`, async () => {
      const checks = await runSuite(folder, run, urls[run.era], `direct-${run.name}`);
      direct.set(run.name, checks);
      const passed = [...checks.values()].reduce((sum, check) => sum + check.passed, 0);
      if (passed === 0) throw new Error("no check passes: there is nothing to compare with");
      console.log(`        ${passed} checks pass`);
    });
  }
  for (const server of ["same", "other"] as const) {
    for (const transport of transports) {
      for (const run of runs) {
        const other = run.era === "legacy" ? "modern" : "legacy";
        const pool = poolOf(server === "same" ? run.era : other, transport, run.era);
        await report.check(`${run.name}: ${run.era} clients, ${pool} through the gateway`, async () => {
          const checks = await runSuite(folder, run, `${base}/${pool}`, `${pool}-${run.name}`);
          const known = exceptions[`${run.name} / ${pool}`] ?? [];
          const comparison = compareChecks(direct.get(run.name) ?? new Map(), checks, known);
          compared.push({ run: run.name, client: run.era, pool, comparison });
          judge(comparison);
        });
      }
    }
  }
  await report.check("docs/compatibility.md says so", () =>
    compareWithPage(root, "conformance", printComparisons(compared)),
  );
}

/**
 * By default clients share a process, which then cannot ask any of them; legacy clients get one each here. A modern client
 * would get one per request, and the suite waits for no process to start.
 */
function poolOf(server: Era, transport: string, client: Era): string {
  return transport === "stdio" && server === "legacy" && client === "legacy"
    ? "legacy-stdio-per-client"
    : `${server}-${transport}`;
}

function judge({ direct, kept, lost, stale }: Comparison): void {
  console.log(`        ${kept} of ${direct} checks that pass directly pass`);
  for (const reason of new Set(lost.map(({ why }) => why))) {
    const checks = lost.filter(({ why }) => why === reason).map(({ check }) => check);
    if (reason !== undefined) console.log(`        not ${checks.join(", ")}: ${reason}`);
  }
  const problems = [
    ...lost
      .filter(({ why }) => why === undefined)
      .map(({ check, complaints }) => `${check}: ${complaints.join(" | ")}`),
    ...stale.map(({ check }) => `${check} is listed as an exception, and is none`),
  ];
  if (problems.length > 0) throw new Error(problems.join("\n"));
}

async function install(folder: string, version: string): Promise<void> {
  const project = join(folder, version);
  await mkdir(project, { recursive: true });
  const dependencies = { "@modelcontextprotocol/conformance": version };
  await writeFile(join(project, "package.json"), JSON.stringify({ private: true, dependencies }));
  await runCommand("npm", ["install", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: project });
}

async function runSuite(folder: string, run: Run, url: string, name: string): Promise<Checks> {
  const cwd = join(folder, run.version);
  const results = join(folder, "results", name);
  const bin = join("node_modules", "@modelcontextprotocol", "conformance", "dist", "index.js");
  const args = [bin, "server", "--url", url, ...run.args, "--output-dir", results];
  // Its exit code counts scenarios; what is compared is what it wrote.
  await runCommand(process.execPath, args, { cwd }).catch((error: unknown) => {
    if (!String(error).includes(": exit code 1\n")) throw error;
  });
  return readChecks(results);
}

function startFixture(era: Era): Promise<StartedProcess> {
  return startProcess({ command: process.execPath, args: [conformanceServerPath, era, "--http"] });
}

async function startGateway(
  root: string,
  folder: string,
  urls: Readonly<Record<Era, string>>,
): Promise<StartedProcess> {
  const stdio = (era: Era) => ({ command: process.execPath, args: [conformanceServerPath, era, "--stdio"] });
  const pools = {
    "legacy-http": { upstreams: [{ url: urls.legacy }] },
    "modern-http": { upstreams: [{ url: urls.modern }] },
    "legacy-stdio": { upstreams: [stdio("legacy")] },
    "legacy-stdio-per-client": { session: "per-client", upstreams: [stdio("legacy")] },
    "modern-stdio": { upstreams: [stdio("modern")] },
  };
  const config = join(folder, "gateway.json");
  await writeFile(config, JSON.stringify({ clients: NO_LIMITS, pools }));
  const main = join(root, "apps", "gateway", "src", "main.ts");
  const args = [
    "--conditions=@fairlead/source",
    main,
    "--config",
    config,
    "--port",
    String(await freePort()),
  ];
  const gateway = await startProcess({ command: process.execPath, args });
  await gateway.waitForLine(/Endpoint/, 30_000);
  return gateway;
}

async function urlOf(started: StartedProcess): Promise<string> {
  const [, url = ""] = await started.waitForLine(/listening on (http:\/\/[^"\s]+)/, 30_000);
  return url;
}
