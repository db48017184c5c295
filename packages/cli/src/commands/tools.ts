// `fairlead tools`: what the gateway serves.
import { withClient } from "../connection.ts";
import { authorization } from "../credentials.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { styleFor } from "../format/style.ts";
import { formatTools } from "../format/tools.ts";
import type { CliIo } from "../io.ts";
import { resolveTarget } from "../target.ts";

export interface ToolsOptions {
  readonly url: string;
  readonly key?: string;
  readonly json?: boolean;
}

export async function listTools({ url, key, json = false }: ToolsOptions, io: CliIo): Promise<ExitCode> {
  const signal = io.interrupt();
  const headers = await authorization({ url, key }, io);
  const { tools } = await withClient(
    resolveTarget(url).mcp,
    signal,
    ({ client }) => client.listTools(undefined, { signal }),
    { headers },
  );
  io.stdout.write(
    json
      ? `${JSON.stringify({ tools }, null, 2)}\n`
      : `${formatTools(tools, io.stdout, styleFor(io.stdout, io.env))}\n`,
  );
  return exitCodes.ok;
}
