// The servers that the failover scenario breaks: over HTTP they are this process's own, on stdio the target's children.
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { isAlive, readLedger, waitUntil } from "@fairlead/testbed";
import type { Victim } from "../faults.ts";
import { placed } from "../placement.ts";
import { fileOf, freePort, type StdioUpstream } from "./target.ts";

export interface FaultUpstreams extends AsyncDisposable {
  /** One for each server over HTTP. */
  readonly urls: readonly string[];
  /** How a target starts a server on stdio. */
  readonly stdio: StdioUpstream;
  /** Whom the fault of this cycle happens to. `"one"`: one of the replicas; `"all"`: every process there is. */
  victim(cycle: number, which: "all" | "one"): Victim;
  /** Executions of each call so far. */
  executions(): ReadonlyMap<string, number>;
}

export interface FaultUpstreamOptions {
  /** Servers over HTTP; 0 for targets that start their own on stdio. */
  readonly servers: number;
  readonly serviceMs: number;
  readonly slowMs: number;
  readonly directory: string;
  /** Times that one will be started again over HTTP: each substitute is loaded before the load begins. */
  readonly restarts: number;
}

export async function startFaultUpstreams(options: FaultUpstreamOptions): Promise<FaultUpstreams> {
  const { servers, serviceMs, slowMs, directory, restarts } = options;
  const ledger = join(directory, "ledger");
  const pidFile = join(directory, "pids");
  const common = [
    ...[fileOf("fault-server.ts"), "--ledger", ledger, "--pids", pidFile],
    ...["--service-ms", String(serviceMs), "--slow-ms", String(slowMs)],
  ];
  const ports: number[] = [];
  while (ports.length < servers) ports.push(await freePort());
  const all: ChildProcess[] = [];
  // A run that is cut short must not leave them behind.
  const killAll = (): void => {
    for (const child of all) child.kill("SIGKILL");
  };
  process.once("exit", killAll);
  const running: ChildProcess[] = [];
  const load = async (): Promise<ChildProcess> => {
    const run = placed("server", { command: process.execPath, args: [...common, "--http", "stdin"] });
    const child = spawn(run.command, run.args, { stdio: ["pipe", "inherit", "inherit"] });
    all.push(child);
    // It writes its id down when it is ready to be told its port.
    await waitUntil(() => readPids(pidFile).includes(child.pid ?? Number.NaN), {
      what: "a server to be loaded",
    });
    return child;
  };
  const substitutes = await Promise.all(Array.from({ length: servers === 0 ? 0 : servers + restarts }, load));
  const start = async (at: number): Promise<void> => {
    const child = substitutes.pop() ?? (await load());
    running[at] = child;
    child.stdin?.write(`${ports[at]}\n`);
    await waitUntil(() => listens(ports[at] ?? 0), { what: "a server to listen", intervalMs: 5 });
  };
  for (const at of ports.keys()) await start(at);
  return {
    urls: ports.map((port) => `http://127.0.0.1:${port}/mcp`),
    stdio: placed("server", { command: process.execPath, args: [...common, "--stdio"] }),
    victim(cycle, which) {
      if (servers === 0) {
        const living = (): number[] => readPids(pidFile).filter(isAlive);
        return { pids: () => (which === "all" ? living() : living().slice(0, 1)), restart: async () => {} };
      }
      const at = cycle % servers;
      return {
        pids: () => [running[at]?.pid ?? Number.NaN].filter(isAlive),
        restart: () => start(at),
      };
    },
    executions: () => readLedger(ledger).counts,
    async [Symbol.asyncDispose]() {
      process.removeListener("exit", killAll);
      killAll();
      await waitUntil(() => !all.some(({ pid }) => isAlive(pid ?? Number.NaN)), { what: "the servers' end" });
    },
  };
}

/** A bare connection: a request would take the load's own time in the middle of the fault. */
function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

function readPids(file: string): number[] {
  try {
    return readFileSync(file, "utf8").trim().split("\n").map(Number);
  } catch {
    // Nothing was started yet.
    return [];
  }
}
