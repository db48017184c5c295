// The servers that the failover scenario breaks: over HTTP they are this process's own, on stdio the target's children.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isAlive, readLedger } from "@fairlead/testbed";
import type { Victim } from "../faults.ts";
import { placed } from "../placement.ts";
import { type MeasuredProcess, startMeasured } from "../process.ts";
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
}

export async function startFaultUpstreams(options: FaultUpstreamOptions): Promise<FaultUpstreams> {
  const { servers, serviceMs, slowMs, directory } = options;
  const ledger = join(directory, "ledger");
  const pidFile = join(directory, "pids");
  const common = [
    ...[fileOf("fault-server.ts"), "--ledger", ledger, "--pids", pidFile],
    ...["--service-ms", String(serviceMs), "--slow-ms", String(slowMs)],
  ];
  const ports: number[] = [];
  while (ports.length < servers) ports.push(await freePort());
  const running: MeasuredProcess[] = [];
  const start = async (at: number): Promise<void> => {
    running[at] = await startMeasured({
      command: process.execPath,
      args: [...common, "--http", String(ports[at])],
      role: "server",
      readyUrl: `http://127.0.0.1:${ports[at]}/mcp`,
    });
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
      await Promise.all(running.map((one) => one.stop()));
    },
  };
}

function readPids(file: string): number[] {
  try {
    return readFileSync(file, "utf8").trim().split("\n").map(Number);
  } catch {
    // Nothing was started yet.
    return [];
  }
}
