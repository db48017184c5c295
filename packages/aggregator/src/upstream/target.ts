// Opens one connection to one configured upstream: starts the process if there is one, connects, shakes hands.
import { rm } from "node:fs/promises";
import type { Clock } from "@fairlead/core";
import { Pool } from "undici";
import type { HttpUpstreamConfig, StdioUpstreamConfig, UpstreamConfig } from "../config.ts";
import type { Era } from "../era.ts";
import { type Child, startChild } from "./child-process.ts";
import type { ConnectionListener, UpstreamConnection } from "./connection.ts";
import { ControlError, discover, type Hello, handshake, type ServerInfo } from "./control.ts";
import { type EraMemory, verdictOf } from "./era-detection.ts";
import { createHttpConnection, type HttpConnection } from "./http-connection.ts";
import { fillPlaceholders } from "./placeholders.ts";
import { LEGACY_TARGET, modernTarget, type RequestTarget } from "./request-target.ts";
import { createStdioConnection } from "./stdio-connection.ts";

/** An upstream that is ready to be asked. */
export interface OpenUpstream {
  readonly connection: UpstreamConnection;
  readonly info: ServerInfo;
  readonly pid: number | undefined;
  /** Opens a new session on the same connection. */
  renew(): Promise<void>;
  /** Whether the server keeps a session, in which clients could meet. */
  readonly keepsSessions: boolean;
  /** Opens one more session, with a process of its own on stdio. @throws Error as {@link openUpstream} does */
  openSession(hello: Hello, listener: ConnectionListener): Promise<OpenSession>;
  /** Closes the connection, and ends the process if it was started here. */
  close(): Promise<void>;
}

/** One more session with an upstream. */
export interface OpenSession {
  readonly connection: UpstreamConnection;
  readonly info: ServerInfo;
  close(): Promise<void>;
}

export interface OpenOptions {
  /** How the connection introduces itself to a legacy server. */
  readonly hello: Hello;
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
  const { hello, startTimeoutMs, clock } = options;
  const child = await startChild({ ...config, onStderr: options.onStderr });
  const stopEarly = (): void => child.kill();
  options.signal.addEventListener("abort", stopEarly, { once: true });
  const connection = createStdioConnection(child, listener, { ...options, target: targetOf(era, options) });
  try {
    options.signal.throwIfAborted();
    const info =
      era === "modern"
        ? await discover(connection, startTimeoutMs, clock)
        : await handshake(connection, hello, startTimeoutMs, clock);
    // A process has no session apart from itself.
    const renew = (): Promise<void> => Promise.reject(new Error("the process has no session to renew"));
    const openSession: OpenUpstream["openSession"] = (sessionHello, sessionListener) =>
      openProcess("legacy", config, sessionListener, { ...options, hello: sessionHello });
    const { close } = connection;
    return { connection, info, pid: child.pid, renew, keepsSessions: era === "legacy", openSession, close };
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
  const connect = { timeout: CONNECT_TIMEOUT_MS, ...(socketPath === undefined ? {} : { socketPath }) };
  const dispatcher = new Pool(url.origin, { connections: 256, connect });
  const streamDispatcher = new Pool(url.origin, { connections: null, connect });
  const sessions = new Set<HttpConnection>();
  let child: Child | undefined;
  let connection: HttpConnection | undefined;
  const dispose = async (): Promise<void> => {
    const ended = {
      executed: "maybe",
      kind: "closed",
      message: "the server's connection has ended",
    } as const;
    for (const session of sessions) session.fail(ended);
    await connection?.close();
    await Promise.all([dispatcher.destroy(), streamDispatcher.destroy(), child?.stop()]);
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
    const connectAs = (era: Era, itsListener: ConnectionListener): HttpConnection =>
      createHttpConnection(itsListener, {
        ...options,
        target: targetOf(era, options),
        dispatcher,
        streamDispatcher,
        path: `${url.pathname}${url.search}`,
        headers: config.headers ?? {},
      });
    const open = await detected(options.era, (era) => {
      void connection?.close();
      connection = connectAs(era, listener);
      return shakeHands(era, connection, child, options);
    });
    const openSession: OpenUpstream["openSession"] = async (hello, sessionListener) => {
      const session = connectAs("legacy", {
        ...sessionListener,
        onDown(failure) {
          sessions.delete(session);
          sessionListener.onDown(failure);
        },
      });
      sessions.add(session);
      const close = (): Promise<void> => {
        sessions.delete(session);
        return session.close();
      };
      try {
        const info = await handshake(session, hello, options.startTimeoutMs, options.clock);
        await session.established(info.protocolVersion);
        return { connection: session, info, close };
      } catch (error) {
        await close();
        throw error;
      }
    };
    return {
      ...open,
      pid: child?.pid,
      get keepsSessions() {
        return connection?.hasSession ?? false;
      },
      openSession,
      close: dispose,
    };
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
  const { hello, startTimeoutMs, clock } = options;
  if (era === "modern") {
    const info = await whenListening(child, options, (leftMs) => discover(connection, leftMs, clock));
    const renew = (): Promise<void> => Promise.reject(new Error("a modern server has no session to renew"));
    return { connection, info, renew };
  }
  const initialize = async (leftMs: number): Promise<ServerInfo> => {
    const info = await handshake(connection, hello, leftMs, clock);
    void connection.established(info.protocolVersion);
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
