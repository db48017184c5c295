// The gateway as users run it: a process of its own, a configuration file, a free port.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { MultiplexerStatus, UpstreamStatus } from "@fairlead/aggregator";
import {
  everythingServer,
  filesystemServer,
  fixtureServerPath,
  memoryServer,
  modernFixtureServerPath,
  type StartedProcess,
  startProcess,
  tempDir,
  thinkingServer,
  waitUntil,
} from "@fairlead/testbed";

const mainScript = fileURLToPath(new URL("../src/main.ts", import.meta.url));

export interface TestGateway {
  readonly url: string;
  readonly process: StartedProcess;
  readonly directory: string;
  /** The configuration file. */
  readonly file: string;
  /** The operators' token that the gateway made. */
  adminToken(): Promise<string>;
  status(): Promise<MultiplexerStatus>;
  replica(id: string): Promise<UpstreamStatus>;
  /** Waits until every upstream (or those named) is ready. */
  untilReady(ids?: readonly string[]): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** JSON is YAML, so a test's configuration is an object. */
export type TestConfig = Readonly<Record<string, unknown>> & {
  readonly pools?: Readonly<Record<string, unknown>>;
};

export function nodeArguments(config: string, ...more: readonly string[]): string[] {
  return ["--conditions=@fairlead/source", mainScript, "--config", config, ...more];
}

/** Limits of clients are off unless a test is about them: one test's client stands for many. */
export const NO_LIMITS: Readonly<Record<string, unknown>> = {
  maxClients: 0,
  limits: { requestsPerMinute: 0, concurrency: 0, streams: 0, sessions: 0, bytesPerMinute: 0 },
  breaker: { failureThreshold: 0 },
};

/** Starts a gateway and waits until it listens, not until its upstreams are ready. A text is a file as it stands. */
export async function startGateway(
  config: TestConfig | string,
  options: readonly string[] = ["--port", "0"],
  env: Readonly<Record<string, string>> = {},
): Promise<TestGateway> {
  const directory = await tempDir();
  const file = join(directory.path, "fairlead.config.yaml");
  await writeFile(
    file,
    typeof config === "string" ? config : JSON.stringify({ clients: NO_LIMITS, ...config }),
  );
  const child = await startProcess({
    command: process.execPath,
    args: nodeArguments(file, ...options),
    env: { XDG_STATE_HOME: directory.path, ...env },
  });
  const dispose = async (): Promise<void> => {
    await child[Symbol.asyncDispose]();
    await directory[Symbol.asyncDispose]();
  };
  const line = await child
    .waitForLine(/listening on (http:\/\/[^"\s]+)/, 30_000)
    .catch(async (error: unknown) => {
      await dispose();
      throw error;
    });
  const [, url = ""] = line;

  const status = async (): Promise<MultiplexerStatus> =>
    (await (await fetch(`${url}/api/status`)).json()) as MultiplexerStatus;
  const replicas = async (): Promise<UpstreamStatus[]> =>
    (await status()).pools.flatMap((pool) => pool.replicas);

  return {
    url,
    process: child,
    directory: directory.path,
    file,
    async adminToken() {
      const path = join(directory.path, "fairlead", `admin-${new URL(url).port}.token`);
      return (await readFile(path, "utf8")).trim();
    },
    status,
    async replica(id) {
      const found = (await replicas()).find((replica) => replica.id === id);
      if (found === undefined) throw new Error(`no replica ${id}`);
      return found;
    },
    async untilReady(ids) {
      await waitUntil(
        async () => {
          const wanted = (await replicas()).filter(({ id }) => ids === undefined || ids.includes(id));
          const missing = wanted.filter((replica) => replica.status !== "ready");
          if (missing.length > 0)
            throw new Error(missing.map(({ id, status: is, reason }) => `${id} ${is} ${reason}`).join("; "));
          return true;
        },
        { timeoutMs: 45_000, what: "the upstreams to be ready" },
      );
    },
    [Symbol.asyncDispose]: dispose,
  };
}

/** Starts a gateway on a port that is known before, so that another one can take its place; resolves when it is ready. */
export async function startOnPort(file: string, port: number, stateHome: string): Promise<StartedProcess> {
  const gateway = await startProcess({
    command: process.execPath,
    args: nodeArguments(file, "--port", String(port)),
    env: { XDG_STATE_HOME: stateHome },
  });
  await waitUntil(async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).status === 200, {
    timeoutMs: 60_000,
    what: "the gateway",
  });
  return gateway;
}

const node = process.execPath;

/** The configuration of `npm start`, with the real servers from npm. */
export function realServers(directory: string): TestConfig {
  const everything = { command: node, args: [everythingServer, "stdio"] };
  return {
    pools: {
      everything: {
        strategy: "round-robin",
        upstreams: [
          everything,
          everything,
          {
            url: "http://localhost/mcp",
            command: node,
            args: [everythingServer, "streamableHttp"],
            env: { PORT: "{socket}" },
          },
        ],
      },
      files: { upstreams: [{ command: node, args: [filesystemServer, directory] }] },
      memory: {
        upstreams: [
          { command: node, args: [memoryServer], env: { MEMORY_FILE_PATH: join(directory, "memory.jsonl") } },
        ],
      },
      thinking: { upstreams: [{ command: node, args: [thinkingServer] }] },
    },
  };
}

/** A scripted server on stdio. */
export function stdioFixture(env: Readonly<Record<string, string>> = {}): Record<string, unknown> {
  return { command: node, args: [fixtureServerPath, "--stdio"], env };
}

/** A scripted server that the gateway starts on HTTP. */
export function httpFixture(env: Readonly<Record<string, string>> = {}): Record<string, unknown> {
  return {
    url: "http://localhost/mcp",
    command: node,
    args: [fixtureServerPath, "--http", "--socket", "{socket}"],
    env,
  };
}

/** Scripted servers of revision 2026-07-28, on stdio and on HTTP. */
export function modernStdioFixture(env: Readonly<Record<string, string>> = {}): Record<string, unknown> {
  return { command: node, args: [modernFixtureServerPath, "--stdio"], env };
}

export function modernHttpFixture(env: Readonly<Record<string, string>> = {}): Record<string, unknown> {
  return {
    url: "http://localhost/mcp",
    command: node,
    args: [modernFixtureServerPath, "--http", "--socket", "{socket}"],
    env,
  };
}

/** The file that every scripted server of a gateway writes to what it really executes. */
export function ledgerOf({ directory }: TestGateway): string {
  return join(directory, "ledger");
}

/** Makes a scripted server write to {@link ledgerOf}. */
export const withLedger: Readonly<Record<string, string>> = {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the gateway's configuration fills it in
  FIXTURE_LEDGER: "${FAIRLEAD_CONFIG_DIR}/ledger",
};
