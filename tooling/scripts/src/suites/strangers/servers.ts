// The servers that stand behind the gateway: ours, written with the strangers' SDKs, and the reference servers from npm.
import { join } from "node:path";
import {
  everythingServer,
  filesystemServer,
  freePort,
  memoryServer,
  type StartedProcess,
  startProcess,
  thinkingServer,
  waitUntil,
} from "@fairlead/testbed";
import { strangerFile, versions } from "./install.ts";
import { ownPlan, type Plan, referencePlans } from "./plan.ts";

export type Era = "legacy" | "modern";

/** One server over one transport, spoken to in one era. */
export interface Row {
  /** Also its pool's namespace. */
  readonly name: string;
  readonly title: string;
  readonly transport: "stdio" | "HTTP";
  readonly era: Era;
  /** A URL, or a command with its arguments. */
  readonly target: string | readonly [string, ...string[]];
  readonly env?: Readonly<Record<string, string>>;
  readonly plan: Plan;
}

export interface Servers extends AsyncDisposable {
  readonly rows: readonly Row[];
}

interface OwnServer {
  readonly name: string;
  readonly title: string;
  readonly command: readonly [string, ...string[]];
  /** Whether sessions and 2026-07-28 need instances of their own over HTTP. */
  readonly splits: boolean;
}

/** Starts those that speak HTTP. An interpreter or program that is undefined leaves its servers out. */
export async function startServers(
  folder: string,
  python: string | undefined,
  goServer: string | undefined,
): Promise<Servers> {
  const running: StartedProcess[] = [];
  const dispose = async (): Promise<void> => {
    await Promise.all(running.map((server) => server[Symbol.asyncDispose]()));
  };
  const own: OwnServer[] = [];
  if (python !== undefined) {
    const script = (file: string): [string, ...string[]] => [python, strangerFile(`servers/${file}`)];
    const sdk = script("python-sdk.py");
    own.push({ name: "python", title: `Python SDK ${versions.pythonSdk}`, command: sdk, splits: false });
    const fast = script("fastmcp-server.py");
    own.push({ name: "fastmcp", title: `FastMCP ${versions.fastmcp}`, command: fast, splits: false });
  }
  if (goServer !== undefined)
    own.push({ name: "go", title: `Go SDK ${versions.goSdk}`, command: [goServer], splits: true });

  try {
    const rows: Row[] = [];
    for (const server of own) rows.push(...(await rowsOf(server, running)));
    return { rows: [...rows, ...(await referenceRows(folder, running))], [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function rowsOf(server: OwnServer, running: StartedProcess[]): Promise<readonly Row[]> {
  const { name, title, command, splits } = server;
  const rows: Row[] = [];
  let url: string | undefined;
  for (const era of ["legacy", "modern"] as const) {
    const common = { title, era, plan: ownPlan };
    rows.push({ ...common, name: `${name}-stdio-${era}`, transport: "stdio", target: [...command, "stdio"] });
    if (url === undefined || splits) {
      const options = splits && era === "modern" ? ["stateless"] : [];
      url = await startHttp(command, (port) => ({ args: [port, ...options] }), running);
    }
    rows.push({ ...common, name: `${name}-http-${era}`, transport: "HTTP", target: url });
  }
  return rows;
}

async function referenceRows(folder: string, running: StartedProcess[]): Promise<readonly Row[]> {
  const node = process.execPath;
  const { everything, filesystem, memory, thinking } = referencePlans;
  const row = (name: string, title: string, plan: Plan, ...args: string[]): Row => ({
    name: `${name}-stdio-legacy`,
    title: `server-${title}`,
    transport: "stdio",
    era: "legacy",
    target: [node, ...args],
    plan,
  });
  const url = await startHttp(
    [node, everythingServer],
    (port) => ({ args: ["streamableHttp"], env: { PORT: port } }),
    running,
  );
  return [
    row("everything", "everything", everything, everythingServer, "stdio"),
    {
      ...row("everything", "everything", everything),
      name: "everything-http-legacy",
      transport: "HTTP",
      target: url,
    },
    row("files", "filesystem", filesystem, filesystemServer, folder),
    {
      ...row("memory", "memory", memory, memoryServer),
      env: { MEMORY_FILE_PATH: join(folder, "memory.jsonl") },
    },
    row("thinking", "sequential-thinking", thinking, thinkingServer),
  ];
}

async function startHttp(
  [command, ...first]: readonly [string, ...string[]],
  options: (port: string) => { readonly args: readonly string[]; readonly env?: Record<string, string> },
  running: StartedProcess[],
): Promise<string> {
  const port = String(await freePort());
  const { args, env = {} } = options(port);
  const server = await startProcess({ command, args: [...first, ...args], env });
  running.push(server);
  const url = `http://127.0.0.1:${port}/mcp`;
  await waitUntil(
    async () => {
      await fetch(url);
      return true;
    },
    { what: `${url} to answer`, timeoutMs: 30_000, intervalMs: 100 },
  ).catch((cause: unknown) => {
    throw new Error(`${String(cause)}\n${server.stderr().slice(-1_000)}`, { cause });
  });
  return url;
}
