// Opens one connection to one configured upstream: starts the process if there is one, connects, shakes hands.
import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock } from "@fairlead/core";
import { Pool } from "undici";
import type { HttpUpstreamConfig, StdioUpstreamConfig, UpstreamConfig } from "../config.ts";
import { type Child, startChild } from "./child-process.ts";
import type { ConnectionListener, UpstreamConnection } from "./connection.ts";
import { ControlError, handshake, type ServerInfo } from "./control.ts";
import { createHttpConnection } from "./http-connection.ts";
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
  const child = await startChild({ ...config, onStderr: options.onStderr });
  const stopEarly = (): void => child.kill();
  options.signal.addEventListener("abort", stopEarly, { once: true });
  const connection = createStdioConnection(child, listener, options);
  try {
    options.signal.throwIfAborted();
    const info = await handshake(connection, options.clientInfo, options.startTimeoutMs, options.clock);
    // A process has no session apart from itself.
    const renew = (): Promise<void> => Promise.reject(new Error("the process has no session to renew"));
    return { connection, info, pid: child.pid, renew, close: connection.close };
  } catch (error) {
    child.kill();
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
  let connection: ReturnType<typeof createHttpConnection> | undefined;
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
    const http = createHttpConnection(listener, {
      dispatcher,
      path: `${url.pathname}${url.search}`,
      headers: config.headers ?? {},
      maxMessageBytes: options.maxMessageBytes,
      maxDepth: options.maxDepth,
      clock: options.clock,
    });
    connection = http;
    void child?.exited.then((how) =>
      http.fail({ executed: "maybe", kind: "transport", message: withWords(how, child) }),
    );
    const info = await handshakeWhenListening(http, child, options);
    http.established(info.protocolVersion);
    const renew = async (): Promise<void> => {
      http.established(
        (await handshake(http, options.clientInfo, options.startTimeoutMs, options.clock)).protocolVersion,
      );
    };
    return { connection: http, info, pid: child?.pid, renew, close: dispose };
  } catch (error) {
    child?.kill();
    await dispose();
    throw child === undefined ? error : withLastWords(error, child);
  }
}

/** A process that was just started does not listen yet; a URL that refuses is simply down. */
async function handshakeWhenListening(
  connection: UpstreamConnection,
  child: Child | undefined,
  { clientInfo, startTimeoutMs, clock, signal }: OpenOptions,
): Promise<ServerInfo> {
  const deadline = clock.now() + startTimeoutMs;
  for (;;) {
    signal.throwIfAborted();
    const leftMs = deadline - clock.now();
    try {
      return await handshake(connection, clientInfo, Math.max(leftMs, 1), clock);
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
  return new Error(`${text}; its last words: ${words}`, { cause: error });
}

function withWords(how: string, child: Child | undefined): string {
  const words = child?.lastWords();
  return words === undefined ? how : `${how}; its last words: ${words}`;
}
