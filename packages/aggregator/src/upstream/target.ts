// Opens one connection to one configured upstream: starts the process if there is one, connects, shakes hands.
import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock } from "@fairlead/core";
import { Pool } from "undici";
import type { HttpUpstreamConfig, StdioUpstreamConfig, UpstreamConfig } from "../config.ts";
import type { Era } from "../era.ts";
import { type Child, startChild } from "./child-process.ts";
import type { ConnectionListener, UpstreamConnection } from "./connection.ts";
import { ControlError, discover, handshake, type ServerInfo } from "./control.ts";
import { type EraMemory, verdictOf } from "./era-detection.ts";
import { createHttpConnection, type HttpConnection } from "./http-connection.ts";
import { LEGACY_TARGET, modernTarget, type RequestTarget } from "./request-target.ts";
import { createStdioConnection } from "./stdio-connection.ts";

/** An upstream that is ready to be asked. */
export interface OpenUpstream {
  readonly connection: UpstreamConnection;
  readonly info: ServerInfo;
  readonly pid: number | undefined;
  /** Opens a new session on the same connection. */
  renew(): Promise<void>;
  /** Closes the connection, and ends the process if it was started here. */
  close(): Promise<void>;
}

export interface OpenOptions {
  readonly clientInfo: { readonly name: string; readonly version: string };
  /** Which era the server is of, or that it has to be found out. */
  readonly era: EraMemory;
  readonly startTimeoutMs: number;
  readonly maxMessageBytes: number;
  readonly maxDepth: number;
  readonly clock: Clock;
  /** Aborted when the attempt is given up. */
  readonly signal: AbortSignal;
  readonly onStderr: (text: string) => void;
}

const LISTEN_POLL_MS = 50;
const CONNECT_TIMEOUT_MS = 5_000;
/** How long a process may take for its answer to `server/discover` when its era is not known. */
const STDIO_PROBE_MS = 2_000;

/** Opens `config`. @throws Error with words for a person; nothing is left behind then */
export function openUpstream(
  config: UpstreamConfig,
  listener: ConnectionListener,
  options: OpenOptions,
): Promise<OpenUpstream> {
  return config.transport === "stdio"
    ? openStdio(config, listener, options)
    : openHttp(config, listener, options);
}

async function openStdio(
  config: StdioUpstreamConfig,
  listener: ConnectionListener,
  options: OpenOptions,
): Promise<OpenUpstream> {
  const { era } = options;
  if (era.era === undefined) {
    // Whatever else it does when it is asked (answer, hang, exit), it does not know the question; and since some servers
    // are of no more use then, the handshake gets a process of its own.
    const bound = Math.min(STDIO_PROBE_MS, options.startTimeoutMs);
    try {
      const open = await openProcess("modern", config, listener, { ...options, startTimeoutMs: bound }, true);
      era.confirm("modern");
      return open;
    } catch (error) {
      options.signal.throwIfAborted();
      if (verdictOf(error) === "modern") {
        era.confirm("modern");
        throw error;
      }
    }
  }
  return await confirmed(era, era.era ?? "legacy", (known) => openProcess(known, config, listener, options));
}

async function openProcess(
  era: Era,
  config: StdioUpstreamConfig,
  listener: ConnectionListener,
  options: OpenOptions,
  isProbe = false,
): Promise<OpenUpstream> {
  const { clientInfo, startTimeoutMs, clock } = options;
  const child = await startChild({ ...config, onStderr: options.onStderr });
  const stopEarly = (): void => child.kill();
  options.signal.addEventListener("abort", stopEarly, { once: true });
  const connection = createStdioConnection(child, listener, { ...options, target: targetOf(era, options) });
  try {
    options.signal.throwIfAborted();
    const info =
      era === "modern"
        ? await discover(connection, startTimeoutMs, clock)
        : await handshake(connection, clientInfo, startTimeoutMs, clock);
    // A process has no session apart from itself.
    const renew = (): Promise<void> => Promise.reject(new Error("the process has no session to renew"));
    return { connection, info, pid: child.pid, renew, close: connection.close };
  } catch (error) {
    // Closed first: the end of a process that nobody uses is no news.
    const closed = connection.close();
    if (isProbe) {
      // It may be well, and hold what the next process needs: it is let go in order, and waited for.
      child.terminate();
      await closed;
    } else child.kill();
    throw withLastWords(error, child);
  } finally {
    options.signal.removeEventListener("abort", stopEarly);
  }
}

async function openHttp(
  config: HttpUpstreamConfig,
  listener: ConnectionListener,
  options: OpenOptions,
): Promise<OpenUpstream> {
  const { url, args, env, socketPath } = await fillPlaceholders(config);
  const dispatcher = new Pool(url.origin, {
    connections: 256,
    connect: { timeout: CONNECT_TIMEOUT_MS, ...(socketPath === undefined ? {} : { socketPath }) },
  });
  let child: Child | undefined;
  let connection: HttpConnection | undefined;
  const dispose = async (): Promise<void> => {
    await connection?.close();
    await Promise.all([dispatcher.destroy(), child?.stop()]);
    if (socketPath !== undefined) await rm(socketPath, { force: true });
  };
  try {
    if (config.command !== undefined) {
      child = await startChild({
        command: config.command,
        args,
        env,
        cwd: config.cwd,
        onStderr: options.onStderr,
      });
      // Nobody reads the stdout of an HTTP server, and a full pipe would stop it.
      child.stdout.resume();
    }
    void child?.exited.then((how) =>
      connection?.fail({ executed: "maybe", kind: "transport", message: withWords(how, child) }),
    );
    const open = await detected(options.era, (era) => {
      void connection?.close();
      connection = createHttpConnection(listener, {
        ...options,
        target: targetOf(era, options),
        dispatcher,
        path: `${url.pathname}${url.search}`,
        headers: config.headers ?? {},
      });
      return shakeHands(era, connection, child, options);
    });
    return { ...open, pid: child?.pid, close: dispose };
  } catch (error) {
    child?.kill();
    await dispose();
    throw child === undefined ? error : withLastWords(error, child);
  }
}

/** Opens in the era that is known; or else as modern, and as legacy where the answer says so. */
async function detected<T>(memory: EraMemory, open: (era: Era) => Promise<T>): Promise<T> {
  if (memory.era === undefined) {
    try {
      return await confirmed(memory, "modern", open);
    } catch (error) {
      if (verdictOf(error) !== "legacy") throw error;
    }
  }
  return await confirmed(memory, memory.era ?? "legacy", open);
}

async function confirmed<T>(memory: EraMemory, era: Era, open: (era: Era) => Promise<T>): Promise<T> {
  try {
    const result = await open(era);
    memory.confirm(era);
    return result;
  } catch (error) {
    memory.refute(era, error);
    throw error;
  }
}

function targetOf(era: Era, { clientInfo }: OpenOptions): RequestTarget {
  return era === "modern" ? modernTarget(clientInfo) : LEGACY_TARGET;
}

async function shakeHands(
  era: Era,
  connection: HttpConnection,
  child: Child | undefined,
  options: OpenOptions,
): Promise<Pick<OpenUpstream, "connection" | "info" | "renew">> {
  const { clientInfo, startTimeoutMs, clock } = options;
  if (era === "modern") {
    const info = await whenListening(child, options, (leftMs) => discover(connection, leftMs, clock));
    const renew = (): Promise<void> => Promise.reject(new Error("a modern server has no session to renew"));
    return { connection, info, renew };
  }
  const initialize = async (leftMs: number): Promise<ServerInfo> => {
    const info = await handshake(connection, clientInfo, leftMs, clock);
    connection.established(info.protocolVersion);
    return info;
  };
  const info = await whenListening(child, options, initialize);
  return { connection, info, renew: async () => void (await initialize(startTimeoutMs)) };
}

/** A process that was just started does not listen yet; a URL that refuses is simply down. */
async function whenListening(
  child: Child | undefined,
  { startTimeoutMs, clock, signal }: OpenOptions,
  ask: (leftMs: number) => Promise<ServerInfo>,
): Promise<ServerInfo> {
  const deadline = clock.now() + startTimeoutMs;
  for (;;) {
    signal.throwIfAborted();
    const leftMs = deadline - clock.now();
    try {
      return await ask(Math.max(leftMs, 1));
    } catch (error) {
      const notListening =
        error instanceof ControlError &&
        error.failure?.executed === "no" &&
        error.failure.kind === "transport";
      if (!notListening || child === undefined || child.hasExited || leftMs <= LISTEN_POLL_MS) throw error;
      await clock.sleep(LISTEN_POLL_MS, signal);
    }
  }
}

interface Filled {
  readonly url: URL;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly socketPath: string | undefined;
}

async function fillPlaceholders(config: HttpUpstreamConfig): Promise<Filled> {
  const texts = [config.url, ...(config.args ?? []), ...Object.values(config.env ?? {})];
  const port = texts.some((text) => text.includes("{port}")) ? String(await freePort()) : "";
  const needsSocket = texts.some((text) => text.includes("{socket}"));
  const socketPath = needsSocket ? socketName() : undefined;
  const fill = (text: string): string =>
    text.replaceAll("{port}", port).replaceAll("{socket}", socketPath ?? "");
  return {
    url: new URL(fill(config.url)),
    args: (config.args ?? []).map(fill),
    env: Object.fromEntries(Object.entries(config.env ?? {}).map(([name, value]) => [name, fill(value)])),
    socketPath,
  };
}

/** Short, because a Unix socket's path may have about 100 bytes; unguessable, because the directory is shared. */
function socketName(): string {
  const name = `fairlead-${randomBytes(12).toString("hex")}`;
  return process.platform === "win32" ? `\\\\.\\pipe\\${name}` : join(tmpdir(), `${name}.sock`);
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

function withLastWords(error: unknown, child: Child): Error {
  const text = error instanceof Error ? error.message : String(error);
  const words = child.lastWords();
  if (words === undefined || text.includes(words)) return error instanceof Error ? error : new Error(text);
  const told = `${text}; its last words: ${words}`;
  return error instanceof ControlError ? new ControlError(told, error) : new Error(told, { cause: error });
}

function withWords(how: string, child: Child | undefined): string {
  const words = child?.lastWords();
  return words === undefined ? how : `${how}; its last words: ${words}`;
}
