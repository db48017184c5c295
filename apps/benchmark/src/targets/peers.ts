// Other gateways from npm, at pinned versions. They are installed when they are first measured, into a cache outside of the
// checkout, and nothing of them is kept here. One that cannot be had or does not start is reported with its own words.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { type StartOptions, startMeasured } from "../process.ts";
import { freePort, type StartTarget, type Target, type TargetContext } from "./target.ts";

interface Peer {
  /** Name and version on npm. */
  readonly name: string;
  readonly version: string;
  /** The script to run, inside of the package. */
  readonly script: string;
  /** Why it cannot take part in this kind of call. */
  refuses(context: TargetContext): string | undefined;
  /** Arguments and address, for a port. */
  run(
    context: TargetContext,
    port: number,
    directory: string,
  ): Promise<
    { readonly args: readonly string[]; readonly url: string } & Pick<StartOptions, "readyText" | "readyUrl">
  >;
  readonly transport: Target["transport"];
  readonly tool: string;
}

const STDIO_ONLY = "it has only stdio servers behind it";
const LEGACY_ONLY = "it does not speak 2026-07-28";

const PEERS: readonly Peer[] = [
  {
    name: "mcp-hub",
    version: "4.2.1",
    script: "dist/cli.js",
    tool: "up__echo",
    // It offers its clients the transport of 2024-11-05 and nothing newer.
    transport: "sse",
    refuses: ({ kind }) => (kind.era === "modern" ? LEGACY_ONLY : undefined),
    async run({ kind, upstreamUrl, stdio }, port, directory) {
      const config = join(directory, "mcp-hub.json");
      const server = kind.upstream === "stdio" ? stdio : { url: upstreamUrl };
      await writeFile(config, JSON.stringify({ mcpServers: { up: server } }));
      const origin = `http://127.0.0.1:${port}`;
      return {
        args: ["--port", String(port), "--config", config],
        url: `${origin}/mcp`,
        readyUrl: `${origin}/api/health`,
        // It answers before its servers are connected, and drops who comes too early.
        readyText: '"state":"ready"',
      };
    },
  },
  {
    name: "mcp-proxy",
    version: "6.7.19",
    script: "dist/bin/mcp-proxy.mjs",
    tool: "echo",
    transport: "http",
    refuses: ({ kind }) => (kind.upstream === "http" ? STDIO_ONLY : undefined),
    run: async ({ stdio }, port) => {
      const origin = `http://127.0.0.1:${port}`;
      const args = ["--host", "127.0.0.1", "--port", String(port), "--server", "stream"];
      return {
        args: [...args, "--", stdio.command, ...stdio.args],
        url: `${origin}/mcp`,
        readyUrl: `${origin}/ping`,
      };
    },
  },
  {
    name: "supergateway",
    version: "4.0.0",
    script: "dist/index.js",
    tool: "echo",
    transport: "http",
    refuses: ({ kind }) =>
      kind.upstream === "http" ? STDIO_ONLY : kind.era === "modern" ? LEGACY_ONLY : undefined,
    run: async ({ stdio }, port) => {
      const origin = `http://127.0.0.1:${port}`;
      const command = [stdio.command, ...stdio.args].join(" ");
      return {
        args: [
          ...["--stdio", command, "--outputTransport", "streamableHttp", "--stateful"],
          ...["--port", String(port), "--healthEndpoint", "/healthz", "--logLevel", "none"],
        ],
        url: `${origin}/mcp`,
        readyUrl: `${origin}/healthz`,
      };
    },
  },
];

/** Gateways whose documentation names an npm package that there is not. Asked for anew in each run, lest that be true only here. */
const MISSING = ["@1mcp/agent", "@samanhappy/mcphub", "metamcp"] as const;

export const PEER_TARGETS: Readonly<Record<string, StartTarget>> = Object.fromEntries<StartTarget>([
  ...PEERS.map((peer) => [peer.name, (context: TargetContext) => startPeer(peer, context)] as const),
  ...MISSING.map((name) => [name, () => lookForMissing(name)] as const),
  ["@maximhq/bifrost", async () => "its npm package fetches the program from elsewhere when it is started"],
]);

const looked = new Map<string, Promise<string>>();

function lookForMissing(name: string): Promise<string> {
  const known = looked.get(name);
  if (known !== undefined) return known;
  const found = npm(homedir(), ["view", name, "version"]).then(
    () => "npm has it now, but how it is started is not known here",
    (error: unknown) => `npm does not have it (${/E\d{3}/.exec(String(error))?.[0] ?? "no answer"})`,
  );
  looked.set(name, found);
  return found;
}

async function startPeer(peer: Peer, context: TargetContext): Promise<Target | string> {
  const refusal = peer.refuses(context);
  if (refusal !== undefined) return refusal;
  const { name, version, script, transport, tool } = peer;
  try {
    const root = await install(name, version, context.onProgress);
    const directory = await mkdtemp(join(context.directory, `${name}-`));
    const port = await freePort();
    const { args, url, ...ready } = await peer.run(context, port, directory);
    const options: StartOptions = {
      command: process.execPath,
      args: [join(root, "node_modules", name, script), ...args],
      // Its own files (caches, keys) belong to this run.
      env: {
        HOME: directory,
        XDG_STATE_HOME: directory,
        XDG_CONFIG_HOME: directory,
        XDG_DATA_HOME: directory,
      },
      ...ready,
    };
    return { name: `${name} ${version}`, url, tool, transport, process: await startMeasured(options) };
  } catch (error) {
    return `did not start: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function cacheFolder(): string {
  return process.env["FAIRLEAD_BENCHMARK_CACHE"] ?? join(homedir(), ".cache", "fairlead-benchmark");
}

async function install(name: string, version: string, onProgress: (line: string) => void): Promise<string> {
  const root = join(cacheFolder(), `${name}-${version}`);
  if (existsSync(join(root, "installed"))) return root;
  onProgress(`installing ${name} ${version} into ${root}`);
  await rm(root, { recursive: true, force: true });
  await mkdir(root, { recursive: true });
  await writeFile(join(root, "package.json"), '{ "private": true }\n');
  await npm(root, [
    "install",
    "--no-audit",
    "--no-fund",
    "--no-save",
    "--ignore-scripts",
    `${name}@${version}`,
  ]);
  await writeFile(join(root, "installed"), `${version}\n`);
  return root;
}

function npm(cwd: string, args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn("npm", args, { cwd, stdio: ["ignore", "ignore", "pipe"] });
    let words = "";
    child.stderr.on("data", (chunk: Buffer) => {
      words = (words + chunk.toString()).slice(-2_000);
    });
    child.once("error", reject);
    child.once("exit", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`npm ${args.join(" ")} ended with ${code}: ${words}`));
    });
  });
}
