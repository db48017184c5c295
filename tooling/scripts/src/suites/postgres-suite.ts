// The RAG store on a native Postgres with pgvector: one that is installed, or, for root on a Debian that packages it, one
// from apt. FAIRLEAD_TEST_POSTGRES names a running one instead.
import { spawn } from "node:child_process";
import { existsSync, globSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { freePort, waitUntil } from "@fairlead/testbed";
import type { SuiteReport } from "./report.ts";
import { runCommand } from "./run-command.ts";

const NAME = "the RAG store's contract on a native Postgres with pgvector";
const PACKAGES = ["postgresql-18", "postgresql-17"].map((server) => [server, `${server}-pgvector`] as const);
const MINUTES_MS = 600_000;

export async function postgresSuite(root: string, _work: string, report: SuiteReport): Promise<void> {
  const given = process.env["FAIRLEAD_TEST_POSTGRES"];
  if (given !== undefined) return contract(root, given, report);
  const bin = installed() ?? (await install(root));
  if (bin === undefined)
    report.skip(NAME, "none is installed, and apt has none for this system, or this is not root");
  else {
    const server = await start(bin);
    try {
      await contract(root, server.url, report);
    } finally {
      await server.stop();
    }
  }
}

async function contract(root: string, url: string, report: SuiteReport): Promise<void> {
  await report.check(NAME, async () => {
    const output = await runCommand("vitest", ["run", "test/postgres-store.test.ts", "-t", "native"], {
      cwd: join(root, "packages/rag"),
      env: {
        FAIRLEAD_TEST_POSTGRES: url,
        PATH: `${join(root, "packages/rag/node_modules/.bin")}:${process.env["PATH"] ?? ""}`,
      },
      timeoutMs: MINUTES_MS,
    });
    console.log(`        ${/\{"postgres".*\}/.exec(output)?.[0] ?? "versions unknown"}`);
  });
}

/** The folder of the newest server's programs that has pgvector. */
function installed(): string | undefined {
  return globSync("/usr/lib/postgresql/*/bin/postgres")
    .map((path) => dirname(path))
    .filter((bin) => existsSync(`/usr/share/postgresql/${versionOf(bin)}/extension/vector.control`))
    .sort((a, b) => versionOf(b) - versionOf(a))[0];
}

function versionOf(bin: string): number {
  return Number(/postgresql\/(\d+)\//.exec(bin)?.[1]);
}

async function install(root: string): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  for (const packages of PACKAGES) {
    const policy = await runCommand("apt-cache", ["policy", ...packages], { cwd: root }).catch(() => "");
    const candidates = [...policy.matchAll(/Candidate: (\S+)/g)].map(([, version]) => version);
    if (candidates.length < packages.length || candidates.includes("(none)")) continue;
    await runCommand("apt-get", ["install", "-y", "--no-install-recommends", ...packages], {
      cwd: root,
      env: { DEBIAN_FRONTEND: "noninteractive" },
      timeoutMs: MINUTES_MS,
    });
    return installed();
  }
  return undefined;
}

/** A cluster of its own, in a folder of its own; Postgres refuses to run as root. */
async function start(bin: string): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), "fairlead-postgres-"));
  const asRoot = process.getuid?.() === 0;
  const run = asRoot ? ["runuser", "-u", "postgres", "--"] : [];
  if (asRoot) await runCommand("chown", ["postgres", folder], { cwd: "/" });
  const data = join(folder, "data");
  const [initdb = "", ...initArgs] = [
    ...run,
    join(bin, "initdb"),
    "-D",
    data,
    "-A",
    "trust",
    "-U",
    "postgres",
    "--no-sync",
  ];
  await runCommand(initdb, initArgs, { cwd: "/" });
  const port = await freePort();
  const settings = [
    `port=${port}`,
    "listen_addresses=127.0.0.1",
    `unix_socket_directories=${folder}`,
    "fsync=off",
  ];
  const [server = "", ...args] = [
    ...run,
    join(bin, "postgres"),
    "-D",
    data,
    ...settings.flatMap((setting) => ["-c", setting]),
  ];
  const child = spawn(server, args, { cwd: "/", stdio: "ignore" });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const ready = (): Promise<boolean> =>
    runCommand(join(bin, "pg_isready"), ["-h", "127.0.0.1", "-p", String(port)], { cwd: "/" }).then(
      () => true,
      () => false,
    );
  await waitUntil(ready, { timeoutMs: 60_000, what: "Postgres to accept connections", intervalMs: 200 });
  return {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    async stop() {
      // A signal would go to runuser, which does not pass it on.
      const [command = "", ...stopArgs] = [
        ...run,
        join(bin, "pg_ctl"),
        "-D",
        data,
        "-m",
        "immediate",
        "stop",
      ];
      await runCommand(command, stopArgs, { cwd: "/" });
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
