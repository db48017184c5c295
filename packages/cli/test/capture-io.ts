// A terminal, or a pipe, that remembers what was written to it.
import type { CliIo, CliOutput } from "../src/io.ts";

export interface CapturedIo extends CliIo {
  /** Everything written to stdout so far. */
  out(): string;
  /** Everything written to stderr so far. */
  err(): string;
  /** As if Ctrl-C were pressed. */
  pressCtrlC(): void;
}

export interface CaptureOptions {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Replaces waiting between two looks of `status --watch`; does nothing by default. */
  readonly onSleep?: () => void | Promise<void>;
}

export function captureIo({
  isTTY = false,
  columns = 120,
  env = {},
  onSleep = () => undefined,
}: CaptureOptions = {}): CapturedIo {
  const interrupt = new AbortController();
  const written = { out: "", err: "" };
  const output = (name: "out" | "err"): CliOutput => ({
    isTTY,
    columns,
    write: (text) => {
      written[name] += text;
    },
  });
  return {
    stdout: output("out"),
    stderr: output("err"),
    env,
    interrupt: () => interrupt.signal,
    async sleep(_, signal) {
      await onSleep();
      signal.throwIfAborted();
    },
    out: () => written.out,
    err: () => written.err,
    pressCtrlC: () => interrupt.abort(),
  };
}
