// Asks before something is lost. Only people at a terminal are asked; scripts say --yes.
import { CliError } from "./errors.ts";
import type { CliIo } from "./io.ts";

/** Resolves when it may go on. @throws {@link CliError} `USAGE` without a terminal, `INTERRUPTED` when the answer is no */
export async function confirmed(question: string, yes: boolean | undefined, io: CliIo): Promise<void> {
  if (yes === true) return;
  if (!io.stdout.isTTY || !io.stderr.isTTY)
    throw new CliError("USAGE", `${question} Nobody can be asked here.`, { fix: "add --yes" });
  const { confirm, isCancel } = await import("@clack/prompts");
  const answer = await confirm({ message: question, initialValue: false });
  if (isCancel(answer) || !answer)
    throw new CliError("INTERRUPTED", "nothing was done", { fix: "answer yes, or add --yes" });
}
