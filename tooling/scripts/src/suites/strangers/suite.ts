// Servers and clients that others wrote, in other languages, on both sides of the gateway: whatever a server does for a
// client directly, it must do through the gateway, for clients of both eras.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type StartedProcess, startProcess } from "@fairlead/testbed";
import { compareWithPage } from "../page.ts";
import type { SuiteReport } from "../report.ts";
import { inspectorClient, type Job, pythonClient, type StrangerClient, type Tried } from "./clients.ts";
import { exceptions } from "./exceptions.ts";
import { buildGoServer, installInspector, installPython, versions } from "./install.ts";
import type { Feature } from "./plan.ts";
import { type Era, type Row, startServers } from "./servers.ts";
import { type Line, printTable } from "./table.ts";

/** One client of the suite stands for many. */
const NO_LIMITS = {
  maxClients: 0,
  limits: { requestsPerMinute: 0, concurrency: 0, streams: 0, sessions: 0, bytesPerMinute: 0 },
  breaker: { failureThreshold: 0 },
};

const eras: readonly Era[] = ["legacy", "modern"];

export async function strangersSuite(root: string, work: string, report: SuiteReport): Promise<void> {
  const folder = join(work, "strangers");
  await mkdir(folder, { recursive: true });
  const install = async <T>(what: string, run: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await run();
    } catch (error) {
      const [reason = ""] = String(error).split("\n");
      report.skip(what, `it cannot be had here (${reason})`);
      return undefined;
    }
  };
  const [python, goServer, inspector] = await Promise.all([
    install("Python SDK and FastMCP", () => installPython(folder)),
    install("Go SDK", () => buildGoServer(folder)),
    install("inspector", () => installInspector(folder)),
  ]);
  const clients: StrangerClient[] = [];
  if (python !== undefined) clients.push(pythonClient(python, `Python SDK ${versions.pythonSdk}`));
  if (inspector !== undefined)
    clients.push(inspectorClient(inspector, folder, `inspector ${versions.inspector}`));
  if (python === undefined) {
    report.skip("strangers", "without the Python client there is nothing to compare with");
    return;
  }

  await using servers = await startServers(folder, python, goServer);
  const { rows } = servers;
  let direct: ReadonlyMap<string, Tried> = new Map();
  await report.check("Python SDK's client without the gateway", async () => {
    direct = await (clients[0] as StrangerClient).run(rows.map((row) => jobOf(row, row.target, row.era)));
  });
  await using gateway = await startGateway(root, folder, rows);
  const [, url = ""] = await gateway.waitForLine(/listening on (http:\/\/[^"\s]+)/, 30_000);
  await gateway.waitForLine(/Endpoint/, 60_000);

  const columns: { readonly title: string; readonly results: ReadonlyMap<string, Tried> }[] = [];
  for (const client of clients) {
    for (const era of eras) {
      await report.check(`${client.title} through the gateway, ${era}`, async () => {
        const jobs = rows.map((row) => jobOf(row, `${url}/mcp/${row.name}`, era));
        const results = await client.run(jobs);
        columns.push({ title: `${client.title} ${era}`, results });
        const problems = rows.flatMap((row) =>
          problemsOf(row, era, direct.get(row.name) ?? {}, results.get(row.name) ?? {}),
        );
        if (problems.length > 0) throw new Error(problems.join("\n"));
      });
    }
  }
  const headers = ["server", "transport", "era", "direct", ...columns.map(({ title }) => title)];
  const lines = rows.map(
    (row): Line => ({
      head: [row.title, row.transport, row.era],
      cells: [direct, ...columns.map(({ results }) => results)].map((results) => results.get(row.name) ?? {}),
    }),
  );
  const table = printTable(headers, lines);
  console.log(table.replaceAll(/^/gm, "        "));
  await report.check("docs/compatibility.md has this table", () => compareWithPage(root, "strangers", table));
}

function jobOf({ name, env, plan }: Row, target: Row["target"], era: Era): Job {
  return { name, target, era, plan, ...(env === undefined ? {} : { env }) };
}

function problemsOf(row: Row, era: Era, direct: Tried, tried: Tried): readonly string[] {
  const problems: string[] = [];
  for (const [feature, problem] of Object.entries(tried) as [Feature, string | null][]) {
    if (direct[feature] !== null) continue;
    const exception = exceptions.find(
      (one) => one.feature === feature && one.cells.includes(`${era} to ${row.era}`),
    );
    if (problem !== null && exception === undefined) problems.push(`${row.name}, ${feature}: ${problem}`);
    if (problem === null && exception !== undefined)
      problems.push(`${row.name}, ${feature}: works, but is listed as an exception`);
  }
  return problems;
}

async function startGateway(root: string, folder: string, rows: readonly Row[]): Promise<StartedProcess> {
  const upstreamOf = ({ target, env, era }: Row): object => {
    if (typeof target === "string") return { url: target, era };
    const [command, ...args] = target;
    return { command, args, era, ...(env === undefined ? {} : { env }) };
  };
  // By default clients share a process, which then cannot ask any of them.
  const session = ({ transport, era, plan }: Row): object =>
    transport === "stdio" && era === "legacy" && plan.some(({ feature }) => feature === "ask")
      ? { session: "per-client" }
      : {};
  const pools = Object.fromEntries(
    rows.map((row) => [row.name, { ...session(row), upstreams: [upstreamOf(row)] }]),
  );
  const config = join(folder, "gateway.json");
  await writeFile(config, JSON.stringify({ clients: NO_LIMITS, pools }));
  const main = join(root, "apps", "gateway", "src", "main.ts");
  const args = ["--conditions=@fairlead/source", main, "--config", config, "--port", "0"];
  return startProcess({ command: process.execPath, args });
}
