// What a command needs of the process it runs in, so that tests run commands without one.
import { setTimeout as sleep } from "node:timers/promises";

export interface CliOutput {
  write(text: string): void;
  /** Whether somebody watches: colours, progress and redrawing need a terminal. */
  readonly isTTY: boolean;
  /** Width of the terminal in characters. */
  readonly columns: number;
}

export interface CliIo {
  readonly stdout: CliOutput;
  readonly stderr: CliOutput;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborts at Ctrl-C. The first use takes over the signal; a second Ctrl-C ends the process as usual. */
  interrupt(): AbortSignal;
  /** Rejects when the signal aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

/** The real terminal, environment and signals. */
export function processIo(): CliIo {
  let controller: AbortController | undefined;
  for (const stream of [process.stdout, process.stderr])
    stream.on("error", (error: NodeJS.ErrnoException) => {
      // The reader of a pipe has had enough, as in `fairlead tools | head -1`.
      if (error.code === "EPIPE") process.exit(0);
      throw error;
    });
  return {
    stdout: outputOf(process.stdout),
    stderr: outputOf(process.stderr),
    env: process.env,
    interrupt() {
      if (controller === undefined) {
        const created = new AbortController();
        process.once("SIGINT", () => created.abort());
        controller = created;
      }
      return controller.signal;
    },
    sleep: (ms, signal) => sleep(ms, undefined, { signal }),
  };
}

function outputOf(stream: NodeJS.WriteStream): CliOutput {
  return {
    write: (text) => {
      stream.write(text);
    },
    get isTTY() {
      return stream.isTTY === true;
    },
    get columns() {
      return stream.columns ?? 80;
    },
  };
}
