// `fairlead-lmstudio install`: this server into the configuration of MCP hosts.
import {
  HostConfigError,
  type HostEntry,
  installLinks,
  type McpHost,
  planHostConfig,
  writeHostConfig,
} from "../hosts/index.ts";
import type { InstallCommand } from "./arguments.ts";

export interface InstallContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Path of this program's file. */
  readonly program: string;
  /** Path of the Node that runs it. */
  readonly node: string;
  readonly home?: string;
  readonly platform?: NodeJS.Platform;
  readonly print: (line: string) => void;
}

/** Settings that go with the server when they are set where it is installed from. */
const carried = [
  "LMSTUDIO_API_BASE",
  "MAX_CONCURRENT_REQUESTS",
  "CONNECTION_TIMEOUT",
  "READ_TIMEOUT",
  "HTTP_CONNECT_TIMEOUT",
  "HTTP_READ_TIMEOUT_SIMPLE",
  "HTTP_READ_TIMEOUT_COMPLEX",
  "HTTP_MAX_RETRIES",
  "HTTP_BACKOFF_FACTOR",
  "ROUTER_RATE_LIMIT_TPS",
  "SMART_PLAN_IMMEDIATE_TIMEOUT_SEC",
  "ROUTER_BG_TIMEOUT_SEC",
  "LMSTUDIO_TOOL_TIMEOUT_SEC",
  "LMSTUDIO_TASK_ROUTES",
  "LMSTUDIO_BACKENDS",
  "OPENAI_BASE_URL",
  "ANTHROPIC_BASE_URL",
] as const;

/** Their values are never written. */
const secrets = ["LMSTUDIO_API_TOKEN", "OPENAI_API_KEY", "ANTHROPIC_API_KEY"] as const;

/** @returns whether all went well; each host stands for itself. */
export async function install(command: InstallCommand, context: InstallContext): Promise<boolean> {
  const { hosts, name, project, remove, dryRun } = command;
  const { print, home, platform } = context;
  const entry = remove ? null : entryOf(command, context);
  let isFine = true;
  for (const host of hosts) {
    try {
      const plan = await planHostConfig({
        host,
        name,
        entry,
        ...(home === undefined ? {} : { home }),
        ...(platform === undefined ? {} : { platform }),
        ...(project === undefined ? {} : { project }),
      });
      if (!plan.changed) print(`${host}: nothing to change in ${plan.path}`);
      else if (dryRun) print(`${host}: ${plan.path} would be\n${plan.after.trimEnd()}`);
      else {
        const { backupPath } = await writeHostConfig(plan);
        print(
          `${host}: ${remove ? "taken out of" : "written to"} ${plan.path}${backupPath === undefined ? "" : `, before: ${backupPath}`}`,
        );
      }
      for (const variable of plan.unreferenced)
        print(
          `${host}: set ${variable} in the environment of the host, or write it in by hand; its value is not written`,
        );
      if (!remove) print(afterwards[host]);
    } catch (error) {
      if (!(error instanceof HostConfigError)) throw error;
      isFine = false;
      print(`${host}: ${error.message}`);
    }
  }
  if (entry !== null) {
    const links = installLinks(name, entry);
    print(
      `LM Studio, by link: ${links.lmstudio}\nfrom a web page:    ${links.lmstudioWeb}\nCursor, by link:    ${links.cursor}`,
    );
  }
  return isFine;
}

const afterwards: Readonly<Record<McpHost, string>> = {
  lmstudio:
    "lmstudio: switch the server on in the app (Program → Install); it reads the file when it changes",
  "claude-code": "claude-code: /mcp shows it in the next session",
  "claude-desktop": "claude-desktop: restart the app",
  cursor: "cursor: switch the server on in Settings → MCP",
  vscode: "vscode: MCP: List Servers starts it",
};

function entryOf({ url, env }: InstallCommand, context: InstallContext): HostEntry {
  if (url !== undefined) return { url };
  const set = carried.flatMap((variable) => {
    const value = context.env[variable];
    return value === undefined || value === "" ? [] : [[variable, value] as const];
  });
  const known = secrets.filter((variable) => (context.env[variable] ?? "") !== "");
  return {
    ...commandOf(context),
    env: { ...Object.fromEntries(set), ...env },
    ...(known.length === 0 ? {} : { secrets: known }),
  };
}

/** Absolute, since apps with windows do not know the shell's PATH; but a cache of npx is gone one day. */
function commandOf({ program, node }: InstallContext): {
  readonly command: string;
  readonly args: readonly string[];
} {
  if (/[\\/]_npx[\\/]/.test(program))
    return { command: "npx", args: ["-y", "-p", "@fairlead/lmstudio", "fairlead-lmstudio"] };
  // From a checkout it runs as it is written.
  const sources = program.endsWith(".ts") ? ["--conditions=@fairlead/source"] : [];
  return { command: node, args: [...sources, program] };
}
