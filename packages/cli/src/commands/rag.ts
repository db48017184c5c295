// `fairlead rag`: handed to @fairlead/rag, which is loaded only for it.
import type { CliIo } from "../io.ts";

export async function runRag(args: readonly string[], io: CliIo): Promise<number> {
  const { runRagCommand } = await import("@fairlead/rag/cli");
  return runRagCommand(args, io);
}
