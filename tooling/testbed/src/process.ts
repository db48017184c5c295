// Processes as a test sees them: started, read, signalled, and certainly gone afterwards.
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { waitUntil } from "./wait.ts";

export interface StartOptions {
  readonly command: string;
  readonly args?: readonly string[];
  /** Added to this process's environment; `undefined` takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
}

export interface ExitStatus {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface StartedProcess {
  readonly pid: number;
  /** Everything written to stdout so far. */
  stdout(): string;
  /** Everything written to stderr so far. */
  stderr(): string;
  /** Waits for a line, of stdout or stderr, that matches; fails at once when the process ends without one. */
  waitForLine(pattern: RegExp, timeoutMs?: number): Promise<RegExpMatchArray>;
  /** Writes to its stdin. */
  write(text: string): void;
  /** Closes its stdin. */
  end(): void;
  kill(signal?: NodeJS.Signals): void;
  readonly exited: Promise<ExitStatus>;
  /** Kills it and all its descendants, and waits until it is gone. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** @throws {@link Error} when the command cannot be started. */
export async function startProcess({
  command,
  args = [],
  env = {},
  cwd,
}: StartOptions): Promise<StartedProcess> {
  const child = spawn(command, args, {
    env: { ...process.env, ...env },
    stdio: ["pipe", "pipe", "pipe"],
    ...(cwd === undefined ? {} : { cwd }),
  });
  let stdout = "";
  let stderr = "";
  let status: ExitStatus | undefined;
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    stdout += chunk;
  });
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    stderr += chunk;
  });
  // Writing to a process that has just died is what some tests do on purpose.
  child.stdin.on("error", () => undefined);
  const exited = new Promise<ExitStatus>((resolve) => {
    const finish = (code: number | null, signal: NodeJS.Signals | null): void => {
      status ??= { code, signal };
      resolve(status);
    };
    child.on("close", finish);
    // Its pipes stay open as long as a descendant holds them: do not wait for that longer than for stray output.
    child.on("exit", (code, signal) => setTimeout(finish, 1_000, code, signal).unref());
  });
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", (cause) => reject(new Error(`cannot start ${command}: ${cause.message}`, { cause })));
  });
  const pid = child.pid ?? Number.NaN;

  return {
    pid,
    stdout: () => stdout,
    stderr: () => stderr,
    async waitForLine(pattern, timeoutMs = 10_000) {
      const look = (): RegExpMatchArray | undefined =>
        `${stdout}\n${stderr}`
          .split("\n")
          .map((line) => line.match(pattern))
          .find((match) => match !== null);
      const found = await waitUntil(() => look() ?? status !== undefined, {
        timeoutMs,
        what: `a line matching ${pattern} from ${command} ${args.join(" ")}`,
      }).catch((cause: unknown) => {
        throw new Error(`${String(cause)}\nstdout: ${stdout}\nstderr: ${stderr}`, { cause });
      });
      const match = typeof found === "boolean" ? look() : found;
      if (match === undefined)
        throw new Error(
          `${command} ended (${JSON.stringify(status)}) before a line matched ${pattern}\nstdout: ${stdout}\nstderr: ${stderr}`,
        );
      return match;
    },
    write: (text) => child.stdin.write(text),
    end: () => child.stdin.end(),
    kill(signal = "SIGTERM") {
      child.kill(signal);
    },
    exited,
    async [Symbol.asyncDispose]() {
      // Stopped first: a gateway that is told of its children's end starts others, which nobody would end.
      child.kill("SIGSTOP");
      const descendants = status === undefined ? childrenOf(pid) : [];
      child.kill("SIGKILL");
      for (const descendant of descendants) signalQuietly(descendant);
      await exited;
    },
  };
}

/** All living descendants of a process, zombies included (Linux: read from /proc). */
export function childrenOf(pid: number): readonly number[] {
  const children = new Map<number, number[]>();
  for (const entry of readdirSync("/proc")) {
    const stat = /^\d+$/.test(entry) ? readStat(Number(entry)) : undefined;
    if (stat !== undefined) children.set(stat.parent, [...(children.get(stat.parent) ?? []), Number(entry)]);
  }
  const descend = (parent: number): readonly number[] =>
    (children.get(parent) ?? []).flatMap((child) => [child, ...descend(child)]);
  return descend(pid);
}

/** Whether the process runs; one that ended but was not reaped yet does not. */
export function isAlive(pid: number): boolean {
  const stat = readStat(pid);
  return stat !== undefined && stat.state !== "Z" && stat.state !== "X";
}

function readStat(pid: number): { readonly state: string; readonly parent: number } | undefined {
  try {
    // The name in parentheses may itself contain spaces and parentheses.
    const [state = "", parent = ""] = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    return { state, parent: Number(parent) };
  } catch {
    return undefined;
  }
}

function signalQuietly(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended in the meantime, which is what is wanted.
  }
}
