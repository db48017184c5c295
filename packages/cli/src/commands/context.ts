// What every group of commands needs to describe itself.
import type { Command, Option } from "commander";
import type { CliIo } from "../io.ts";

export interface CommandContext {
  readonly io: CliIo;
  /** Tells the exit code. */
  done(exitCode: number): void;
  /** `--url`, with its default. */
  urlOption(): Option;
}

/** Adds `--url`, `--key` and `--json`. */
export function remote(command: Command, { urlOption }: CommandContext): Command {
  return command
    .addOption(urlOption())
    .option(
      "--key <key>",
      "key, or the operators' token (env: FAIRLEAD_KEY; default: this machine's gateway's own)",
    )
    .option("--json", "print JSON");
}

export interface RemoteOptions {
  readonly url: string;
  readonly key?: string;
  readonly json?: boolean;
}
