// `fairlead serve`: the gateway in the foreground. The gateway is loaded only here, so that the other commands start
// without it.
import { CliError } from "../errors.ts";
import type { CliIo } from "../io.ts";
import { attach } from "./attach.ts";

export interface ServeOptions {
  readonly config?: string;
  readonly port?: string;
  readonly host?: string;
  readonly stdio?: boolean;
  readonly attach?: string;
  readonly key?: string;
}

/** Resolves to the gateway's own exit code when it has ended. */
export async function serve(
  { config, port, host, stdio, attach: url, key }: ServeOptions,
  io: CliIo,
): Promise<number> {
  if (url !== undefined) {
    if (stdio !== true || config !== undefined || port !== undefined || host !== undefined)
      throw new CliError("USAGE", "--attach goes with --stdio, and with nothing else of serve", {
        fix: "fairlead serve --stdio --attach http://127.0.0.1:3005",
      });
    return attach({ url, key }, io);
  }
  const portNumber = port === undefined ? undefined : parsePort(port);
  const { runGateway } = await import("@fairlead/gateway");
  return await runGateway({
    ...(config === undefined ? {} : { config }),
    ...(portNumber === undefined ? {} : { port: portNumber }),
    ...(host === undefined ? {} : { host }),
    ...(stdio === undefined ? {} : { stdio }),
  });
}

function parsePort(text: string): number {
  const port = text.trim() === "" ? Number.NaN : Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new CliError("USAGE", `--port must be a number from 0 to 65535, got "${text}"`, {
      fix: "pass for example --port 3010, or 0 for any free port",
    });
  return port;
}
