// Runs a program to its end and keeps what it printed for the error message.
import { spawn } from "node:child_process";

export interface RunOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** @defaultValue 300000 */
  readonly timeoutMs?: number;
}

/** Resolves to stdout. @throws {@link Error} with the end of the output when it fails or takes too long. */
export async function runCommand(
  command: string,
  args: readonly string[],
  { cwd, env = {}, timeoutMs = 300_000 }: RunOptions,
): Promise<string> {
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: timeoutMs,
  });
  let stdout = "";
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    stdout += chunk;
    output += chunk;
  });
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    output += chunk;
  });
  const ended = await new Promise<string>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  if (ended !== "exit code 0")
    throw new Error(`${command} ${args.join(" ")}: ${ended}\n${output.trimEnd().slice(-3000)}`);
  return stdout;
}
