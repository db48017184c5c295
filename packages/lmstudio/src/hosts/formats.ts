// Where each MCP host keeps its servers, and how it writes one down. All but VS Code have `mcpServers`; each has a way of its
// own, or none, to refer to a secret instead of holding it.
import { posix, win32 } from "node:path";

/** The hosts whose configuration can be written. */
export const mcpHosts = ["lmstudio", "claude-code", "claude-desktop", "cursor", "vscode"] as const;

export type McpHost = (typeof mcpHosts)[number];

/** One server, in words that all hosts share. */
export type HostEntry = HostProcess | HostUrl;

/** A process that speaks MCP on its standard streams. */
export interface HostProcess {
  /** Better absolute: apps with windows often do not have the shell's `PATH`. */
  readonly command: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Environment variables whose values stay out of the file: the host's own reference to them is written. */
  readonly secrets?: readonly string[];
}

/** A server at a URL (Streamable HTTP). */
export interface HostUrl {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
}

interface Places {
  readonly home: string;
  readonly platform: NodeJS.Platform;
  /** Folder of a project, for hosts that have a file per project. */
  readonly project: string | undefined;
}

export interface HostFormat {
  /** For people. */
  readonly title: string;
  readonly rootKey: "mcpServers" | "servers";
  path(places: Places): string;
  /** Whether entries say of what kind they are. */
  readonly hasType: boolean;
  /** Whether servers at a URL can be entered. */
  readonly takesUrl: boolean;
  /** How a variable is referred to; `undefined` where it cannot be. */
  readonly reference: ((variable: string) => string) | undefined;
  /** What has to stand beside the servers for such a reference. */
  readonly input?: (variable: string) => { readonly id: string } & Readonly<Record<string, unknown>>;
}

export const hostFormats: Readonly<Record<McpHost, HostFormat>> = {
  lmstudio: {
    title: "LM Studio",
    rootKey: "mcpServers",
    path: ({ home, platform }) => joined(platform, home, ".lmstudio", "mcp.json"),
    hasType: false,
    takesUrl: true,
    reference: undefined,
  },
  "claude-code": {
    title: "Claude Code",
    rootKey: "mcpServers",
    path: ({ home, platform, project }) =>
      project === undefined ? joined(platform, home, ".claude.json") : joined(platform, project, ".mcp.json"),
    hasType: true,
    takesUrl: true,
    reference: (variable) => `\${${variable}}`,
  },
  "claude-desktop": {
    title: "Claude Desktop",
    rootKey: "mcpServers",
    path: (places) =>
      joined(places.platform, applicationData(places), "Claude", "claude_desktop_config.json"),
    hasType: false,
    takesUrl: false,
    reference: undefined,
  },
  cursor: {
    title: "Cursor",
    rootKey: "mcpServers",
    path: ({ home, platform, project = home }) => joined(platform, project, ".cursor", "mcp.json"),
    hasType: false,
    takesUrl: true,
    reference: (variable) => `\${env:${variable}}`,
  },
  vscode: {
    title: "VS Code",
    rootKey: "servers",
    path: (places) =>
      places.project === undefined
        ? joined(places.platform, applicationData(places), "Code", "User", "mcp.json")
        : joined(places.platform, places.project, ".vscode", "mcp.json"),
    hasType: true,
    takesUrl: true,
    reference: (variable) => `\${input:${inputId(variable)}}`,
    input: (variable) => ({
      type: "promptString",
      id: inputId(variable),
      description: variable,
      password: true,
    }),
  },
};

/** The entry in a host's words. */
export function entryFor(format: HostFormat, entry: HostEntry): Readonly<Record<string, unknown>> {
  if ("url" in entry) {
    const { url, headers = {} } = entry;
    const type = format.hasType ? { type: "http" } : {};
    return { ...type, url, ...(Object.keys(headers).length === 0 ? {} : { headers }) };
  }
  const { command, args = [], env = {}, secrets = [] } = entry;
  const { reference } = format;
  const referred = reference === undefined ? [] : secrets.map((name) => [name, reference(name)] as const);
  const all = { ...env, ...Object.fromEntries(referred) };
  return {
    ...(format.hasType ? { type: "stdio" } : {}),
    command,
    ...(args.length === 0 ? {} : { args: [...args] }),
    ...(Object.keys(all).length === 0 ? {} : { env: all }),
  };
}

/** Keys of an entry that are ours to write; a host's other keys are kept. */
export const ownKeys: readonly string[] = ["type", "command", "args", "env", "url", "headers"];

function applicationData({ home, platform }: Places): string {
  if (platform === "darwin") return joined(platform, home, "Library", "Application Support");
  if (platform === "win32") return joined(platform, home, "AppData", "Roaming");
  return joined(platform, home, ".config");
}

function joined(platform: NodeJS.Platform, ...parts: string[]): string {
  return (platform === "win32" ? win32 : posix).join(...parts);
}

function inputId(variable: string): string {
  return variable.toLowerCase().replaceAll("_", "-");
}
