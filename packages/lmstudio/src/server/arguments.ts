// The command line of `fairlead-lmstudio`.
import { parseArgs } from "node:util";
import { type McpHost, mcpHosts } from "../hosts/index.ts";

export const usage: string = `Usage: fairlead-lmstudio [options]            an MCP server on standard input and output
       fairlead-lmstudio --http [options]     an MCP server over Streamable HTTP
       fairlead-lmstudio install [host...]    writes it into the configuration of MCP hosts

  --http                 listen on a port instead
  --port <n>             0 for a free one (default 3010)
  --host <address>       address to listen on (default 127.0.0.1; any other needs FAIRLEAD_LMSTUDIO_TOKEN)
  --version, --help

install: hosts are ${mcpHosts.join(", ")} (default lmstudio), or all
  --name <name>          of the server (default lmstudio-concurrent)
  --env <NAME=value>     written into the configuration; several times
  --project <folder>     the file of this project, with Claude Code, Cursor and VS Code
  --url <url>            a server over HTTP that runs already, in place of a command
  --remove               takes the server out again
  --dry-run              shows what would be written, and writes nothing

Environment: LMSTUDIO_API_BASE (default http://localhost:1234/v1; several with commas), LMSTUDIO_API_TOKEN, MAX_CONCURRENT_REQUESTS,
CONNECTION_TIMEOUT, READ_TIMEOUT, HTTP_CONNECT_TIMEOUT, HTTP_READ_TIMEOUT_SIMPLE, HTTP_READ_TIMEOUT_COMPLEX, HTTP_MAX_RETRIES,
HTTP_BACKOFF_FACTOR, ROUTER_RATE_LIMIT_TPS, SMART_PLAN_IMMEDIATE_TIMEOUT_SEC, ROUTER_BG_TIMEOUT_SEC (times in seconds),
LMSTUDIO_TOOL_TIMEOUT_SEC (default 50), LMSTUDIO_TASK_ROUTES (code|bug=qwen/coder,creative=mistral), LMSTUDIO_BACKENDS (openai,anthropic).
`;

export type Command =
  | { readonly kind: "help" }
  | { readonly kind: "version" }
  | { readonly kind: "stdio"; readonly notes: readonly string[] }
  | { readonly kind: "http"; readonly port: number; readonly host: string; readonly notes: readonly string[] }
  | InstallCommand;

export interface InstallCommand {
  readonly kind: "install";
  readonly hosts: readonly McpHost[];
  readonly name: string;
  readonly env: Readonly<Record<string, string>>;
  readonly project: string | undefined;
  readonly url: string | undefined;
  readonly remove: boolean;
  readonly dryRun: boolean;
}

/** @throws TypeError or RangeError for what it does not understand. */
export function readCommand(args: readonly string[]): Command {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      http: { type: "boolean", default: false },
      port: { type: "string", default: "3010" },
      host: { type: "string", default: "127.0.0.1" },
      name: { type: "string", default: "lmstudio-concurrent" },
      env: { type: "string", multiple: true, default: [] },
      project: { type: "string" },
      url: { type: "string" },
      remove: { type: "boolean", default: false },
      "dry-run": { type: "boolean", default: false },
      version: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return { kind: "help" };
  if (values.version) return { kind: "version" };
  const [first, ...rest] = positionals;
  if (first === "install")
    return {
      kind: "install",
      hosts: hostsOf(rest),
      name: values.name,
      env: Object.fromEntries(values.env.map(variableOf)),
      project: values.project,
      url: values.url,
      remove: values.remove,
      dryRun: values["dry-run"],
    };
  // Configurations that were written for the Python bridge go on with its path as the argument.
  const bridge = positionals.filter((text) => text.endsWith(".py"));
  const unknown = positionals.find((text) => !text.endsWith(".py"));
  if (unknown !== undefined) throw new TypeError(`Unexpected argument '${unknown}'`);
  const notes = bridge.map((text) => `${text} is not needed any more, and ignored`);
  if (!values.http) return { kind: "stdio", notes };
  const port = Number(values.port);
  if (values.port.trim() === "" || !Number.isInteger(port) || port < 0 || port > 65_535)
    throw new RangeError(`--port must be an integer from 0 to 65535, got ${values.port}`);
  return { kind: "http", port, host: values.host, notes };
}

function hostsOf(names: readonly string[]): readonly McpHost[] {
  if (names.length === 0) return ["lmstudio"];
  if (names.includes("all")) return mcpHosts;
  return names.map((name) => {
    const host = mcpHosts.find((known) => known === name);
    if (host === undefined) throw new RangeError(`install takes ${mcpHosts.join(", ")} or all, got ${name}`);
    return host;
  });
}

function variableOf(text: string): readonly [string, string] {
  const at = text.indexOf("=");
  if (at < 1) throw new RangeError(`--env must be NAME=value, got ${text}`);
  return [text.slice(0, at), text.slice(at + 1)];
}
