#!/usr/bin/env node
// `fairlead-gateway`: the gateway without the rest of the command line.
import { parseArgs } from "node:util";
import { runGateway } from "./run.ts";

const HELP = `Usage: fairlead-gateway [options]

One MCP endpoint in front of many MCP servers.

Options:
  --config <file>   configuration (default: fairlead.config.yaml)
  --port <number>   port to listen on, 0 for any free one (default: server.port, 3005)
  --host <address>  loopback address to listen on (default: server.host, 127.0.0.1)
  --stdio           serve one client on stdin and stdout instead of HTTP
  --help            this text

Exit codes: 0 ended in order, 1 could not run, 2 wrong configuration or options

Example:
  fairlead-gateway --config team.yaml --port 3010
`;

process.exitCode = await main();

async function main(): Promise<number> {
  let values: { config?: string; port?: string; host?: string; stdio?: boolean; help?: boolean };
  try {
    ({ values } = parseArgs({
      options: {
        config: { type: "string" },
        port: { type: "string" },
        host: { type: "string" },
        stdio: { type: "boolean" },
        help: { type: "boolean" },
      },
    }));
  } catch (error) {
    return usage(error instanceof Error ? error.message : String(error));
  }
  if (values.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  const { config, host, stdio } = values;
  const port = values.port === undefined ? undefined : Number(values.port);
  if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port <= 65_535)) {
    return usage(`--port must be a number from 0 to 65535, got "${values.port}"`);
  }
  return runGateway({
    ...(config === undefined ? {} : { config }),
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port }),
    ...(stdio === undefined ? {} : { stdio }),
  });
}

function usage(message: string): number {
  process.stderr.write(`fairlead-gateway: ${message}\nTry: fairlead-gateway --help\n`);
  return 2;
}
