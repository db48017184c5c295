// Processes under measurement: started, asked by the system's own accounting what they used, ended.
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { placed, type Role } from "./placement.ts";

export interface MeasuredProcess {
  readonly pid: number;
  /** CPU time that it has used so far, user and system, in microseconds. */
  cpuUs(): number;
  /** Resident memory, in bytes. */
  rssBytes(): number;
  stop(): Promise<void>;
}

export interface StartOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Whose cores it gets, where processes are pinned. @defaultValue "target" */
  readonly role?: Role;
  /** Its URL answers once it is up. */
  readonly readyUrl: string;
  /** Words that the answer then has. @defaultValue any will do */
  readonly readyText?: string;
}

const PAGE_BYTES = 4_096;
const START_TIMEOUT_MS = 20_000;
/** For ending in order. */
const STOP_TIMEOUT_MS = 5_000;

/** Starts a process and waits until its URL answers. @throws Error with its output when it does not come up */
export async function startMeasured({
  command,
  args,
  env,
  role = "target",
  readyUrl,
  readyText = "",
}: StartOptions): Promise<MeasuredProcess> {
  const run = placed(role, { command, args });
  const child = spawn(run.command, run.args, {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  // A run that is cut short (a closed pipe, an error) must not leave its targets behind.
  const killAtExit = (): void => void child.kill("SIGKILL");
  process.once("exit", killAtExit);
  const exited = new Promise<void>((resolve) => {
    child.once("exit", () => {
      process.removeListener("exit", killAtExit);
      resolve();
    });
    child.once("error", (error) => {
      output += error.message;
      resolve();
    });
  });
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(timer);
  };
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (!(await answers(readyUrl, readyText))) {
    if (child.exitCode !== null || performance.now() > deadline) {
      await stop();
      throw new Error(`${command} ${args.join(" ")} did not come up at ${readyUrl}\n${output}`);
    }
    await sleep(50);
  }
  const pid = child.pid ?? Number.NaN;
  return {
    pid,
    cpuUs: () => readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => sum + ranForUs(pid, thread), 0),
    rssBytes: () => Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]) * PAGE_BYTES,
    stop,
  };
}

/** What the scheduler counted, in nanoseconds; /proc/<pid>/stat only knows hundredths of a second. */
function ranForUs(pid: number, thread: string): number {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]) / 1_000;
  } catch {
    // It ended in between.
    return 0;
  }
}

async function answers(url: string, text: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(START_TIMEOUT_MS) });
    const body = await response.text();
    return response.status !== 503 && body.includes(text);
  } catch {
    return false;
  }
}
