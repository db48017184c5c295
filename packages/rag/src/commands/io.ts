// What a command writes to and is told, so that tests, and the `fairlead` command line, run it without a process.

export interface CommandIo {
  readonly stdout: { write(text: string): void };
  readonly stderr: { write(text: string): void; readonly isTTY?: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborts at Ctrl-C. */
  interrupt(): AbortSignal;
}

/** One line that is rewritten where somebody watches, and nothing elsewhere. */
export function progressLine({ stderr }: CommandIo, what: string): (done: number, total: number) => void {
  return (done, total) => {
    if (stderr.isTTY === true) stderr.write(`\r${what}: ${done} of ${total}${done === total ? "\n" : ""}`);
  };
}
