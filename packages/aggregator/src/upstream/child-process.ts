// A server's process: a process group of its own, so that what it starts ends with it; a bounded memory of its stderr;
// and an end that always comes: stdin closed, SIGTERM, SIGKILL.
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { childEnvironment } from "./child-env.ts";
import { releaseGroup, watchGroup } from "./reaper.ts";
import { createRingBuffer } from "./ring-buffer.ts";

export interface ChildOptions {
  readonly command: string;
  readonly args?: readonly string[] | undefined;
  /** Added to the allow-list of {@link childEnvironment}. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly cwd?: string | undefined;
  /** Each line that the child writes to stderr. */
  readonly onStderr?: ((text: string) => void) | undefined;
}

export interface Child {
  readonly pid: number;
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** Resolves when the process has ended and its output is read, with words for a person: "exited with code 1". */
  readonly exited: Promise<string>;
  readonly hasExited: boolean;
  /** The last line of stderr that is not blank. */
  lastWords(): string | undefined;
  /** Ends the whole group: closes stdin, then SIGTERM, then SIGKILL. Resolves when the process is gone. */
  stop(): Promise<void>;
  /** SIGTERM to the whole group at once. */
  terminate(): void;
  /** SIGKILL to the whole group at once. */
  kill(): void;
}

const STDERR_BYTES = 16 * 1024;
const EOF_GRACE_MS = 300;
const TERM_GRACE_MS = 1_500;
const PIPE_GRACE_MS = 200;

/** Starts a process; rejects with words for a person when it cannot be started. */
export async function startChild(options: ChildOptions): Promise<Child> {
  const { command, args = [], env, cwd, onStderr } = options;
  const process_ = spawn(command, args, {
    cwd,
    env: childEnvironment(env),
    stdio: ["pipe", "pipe", "pipe"],
    detached: process.platform !== "win32",
    shell: false,
    windowsHide: true,
  });
  await started(process_, options);
  const pid = process_.pid as number;
  watchGroup(pid);

  const stderr = createRingBuffer(STDERR_BYTES);
  process_.stderr.on("data", (chunk: Buffer) => {
    stderr.push(chunk);
    onStderr?.(chunk.toString("utf8").trimEnd());
  });
  // A write to a child that has just died ends in EPIPE here; the exit tells the story.
  process_.stdin.on("error", () => {});
  process_.stdout.on("error", () => {});
  process_.stderr.on("error", () => {});

  let hasExited = false;
  const exited = new Promise<string>((resolve) => {
    process_.once("exit", (code, signal) => {
      hasExited = true;
      // Whatever the child left behind in its group goes too; nobody else would end it.
      signalGroup(pid, "SIGKILL");
      releaseGroup(pid);
      const how = signal === null ? `exited with code ${code}` : `was killed by ${signal}`;
      // Its last answers may still be in the pipe; "close" follows when they are read.
      process_.once("close", () => resolve(how));
      setTimeout(resolve, PIPE_GRACE_MS, how).unref();
    });
  });

  return {
    pid,
    stdin: process_.stdin,
    stdout: process_.stdout,
    exited,
    get hasExited() {
      return hasExited;
    },
    lastWords: stderr.lastLine,
    stop,
    terminate: () => signalGroup(pid, "SIGTERM"),
    kill: () => signalGroup(pid, "SIGKILL"),
  };

  async function stop(): Promise<void> {
    process_.stdin.end();
    for (const [signal, graceMs] of [
      ["SIGTERM", EOF_GRACE_MS],
      ["SIGKILL", TERM_GRACE_MS],
    ] as const) {
      if (await endsWithin(graceMs)) return;
      signalGroup(pid, signal);
    }
    await exited;
  }

  async function endsWithin(graceMs: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), graceMs);
    });
    const result = await Promise.race([exited.then(() => true as const), late]);
    clearTimeout(timer);
    return result;
  }
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(process.platform === "win32" ? pid : -pid, signal);
  } catch {
    // ESRCH: the whole group is gone already.
  }
}

function started(child: ChildProcessWithoutNullStreams, { command, cwd }: ChildOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", (error: NodeJS.ErrnoException) => {
      const why =
        error.code === "ENOENT"
          ? `command "${command}" was not found${cwd === undefined ? "" : ` (working directory ${cwd})`}`
          : `command "${command}" could not be started: ${error.message}`;
      reject(new Error(why, { cause: error }));
    });
  });
}
