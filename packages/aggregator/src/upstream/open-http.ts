// Opens a server that is reached by URL: starts its process if there is one, finds out its era and its transport, and
// shakes hands.
import { rm } from "node:fs/promises";
import type { HttpUpstreamConfig } from "../config.ts";
import type { Era } from "../era.ts";
import { createHttpClient, type HttpClient } from "../http1/client.ts";
import { type Child, startChild } from "./child-process.ts";
import type { ConnectionListener, UpstreamFailure } from "./connection.ts";
import { ControlError, discover, handshake, type ServerInfo } from "./control.ts";
import { verdictOf } from "./era-detection.ts";
import { createHttpConnection, type HttpConnection } from "./http-connection.ts";
import { confirmed, targetOf, withLastWords } from "./open-common.ts";
import { pinnedLookup } from "./pinned-lookup.ts";
import { fillPlaceholders } from "./placeholders.ts";
import { createSseConnection, type SseConnection } from "./sse-connection.ts";
import type { OpenOptions, OpenUpstream } from "./target.ts";

const LISTEN_POLL_MS = 50;
/** What a server answers a POST with that only knows HTTP+SSE (2025-11-25, "Backwards Compatibility"). */
const NOT_STREAMABLE: readonly number[] = [400, 404, 405];

type HttpUpstreamConnection = HttpConnection | SseConnection;

/** A connection that stands, and what differs between the two transports. */
interface Dialled {
  readonly connection: HttpUpstreamConnection;
  readonly info: ServerInfo;
  readonly keepsSessions: boolean;
  /** Resolves when the server can say something on its own account, or cannot; never rejects. */
  readonly stream: Promise<void>;
  renew(): Promise<void>;
}

export async function openHttp(
  config: HttpUpstreamConfig,
  listener: ConnectionListener,
  options: OpenOptions,
): Promise<OpenUpstream> {
  const { url, args, env, socketPath } = await fillPlaceholders(config);
  const { addresses } = config;
  const common = { socketPath, lookup: addresses === undefined ? undefined : pinnedLookup(addresses) };
  const client = createHttpClient(url, common);
  const streamClient = createHttpClient(url, { ...common, connections: Number.POSITIVE_INFINITY });
  /** Of clients; they end with this one. */
  const sessions = new Set<HttpUpstreamConnection>();
  let child: Child | undefined;
  let connection: HttpUpstreamConnection | undefined;
  const wire: Wire = {
    url,
    client,
    streamClient,
    headers: config.headers ?? {},
    onDial(dialled) {
      connection = dialled;
    },
  };
  const dispose = async (): Promise<void> => {
    for (const session of sessions)
      session.fail({ executed: "maybe", kind: "closed", message: "the server's connection has ended" });
    await connection?.close();
    client.close();
    streamClient.close();
    await child?.stop();
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
    const open = await whenListening(child, options, (leftMs) =>
      dial(wire, config.transport, listener, { ...options, startTimeoutMs: leftMs }),
    );
    return {
      connection: open.connection,
      info: open.info,
      renew: () => open.renew(),
      pid: child?.pid,
      get keepsSessions() {
        return open.keepsSessions;
      },
      async openSession(hello, itsListener) {
        let session: HttpUpstreamConnection | undefined;
        const forget = (): void => {
          if (session !== undefined) sessions.delete(session);
        };
        const onDown = (failure: UpstreamFailure): void => {
          forget();
          itsListener.onDown(failure);
        };
        const onDial = (dialled: HttpUpstreamConnection): void => {
          session = dialled;
          sessions.add(dialled);
        };
        const isSse = options.era.isSse || config.transport === "sse";
        const opened = await dialLegacy(
          { ...wire, onDial },
          isSse,
          { ...itsListener, onDown },
          { ...options, hello },
        ).catch((error: unknown) => {
          forget();
          throw error;
        });
        await opened.stream;
        const close = (): Promise<void> => {
          forget();
          return opened.connection.close();
        };
        return { connection: opened.connection, info: opened.info, close };
      },
      close: dispose,
    };
  } catch (error) {
    child?.kill();
    await dispose();
    throw child === undefined ? error : withLastWords(error, child);
  }
}

interface Wire {
  readonly url: URL;
  readonly client: HttpClient;
  readonly streamClient: HttpClient;
  readonly headers: Readonly<Record<string, string>>;
  /** Told of every connection, before anything is sent on it. */
  onDial(connection: HttpUpstreamConnection): void;
}

/** Opens in the era that is known; or else as modern, and as legacy where the answer says so. */
async function dial(
  wire: Wire,
  transport: HttpUpstreamConfig["transport"],
  listener: ConnectionListener,
  options: OpenOptions,
): Promise<Dialled> {
  const memory = options.era;
  if (transport === "sse") return dialSse(wire, listener, options);
  if (memory.era === undefined) {
    try {
      return await confirmed(memory, "modern", () => dialStreamable("modern", wire, listener, options));
    } catch (error) {
      if (verdictOf(error) !== "legacy") throw error;
    }
  }
  return await confirmed(memory, memory.era ?? "legacy", async (era) => {
    if (era === "modern") return dialStreamable(era, wire, listener, options);
    try {
      return await dialLegacy(wire, memory.isSse, listener, options);
    } catch (error) {
      if (!isRefusedPost(error)) throw error;
      if (memory.isSse) {
        // It has changed; the next try asks anew.
        memory.isSse = false;
        throw error;
      }
      // The older transport is only what it is when its own handshake works; if not, the first refusal says more.
      const opened = await dialSse(wire, listener, options).catch(() => Promise.reject(error as Error));
      memory.isSse = true;
      return opened;
    }
  });
}

function dialLegacy(
  wire: Wire,
  isSse: boolean,
  listener: ConnectionListener,
  options: OpenOptions,
): Promise<Dialled> {
  return isSse ? dialSse(wire, listener, options) : dialStreamable("legacy", wire, listener, options);
}

async function dialStreamable(
  era: Era,
  wire: Wire,
  listener: ConnectionListener,
  options: OpenOptions,
): Promise<Dialled> {
  const { hello, startTimeoutMs, clock } = options;
  const connection = createHttpConnection(listener, {
    ...options,
    ...wire,
    target: targetOf(era, options),
    path: `${wire.url.pathname}${wire.url.search}`,
  });
  let stream: Promise<void> = Promise.resolve();
  const initialize = async (timeoutMs: number): Promise<ServerInfo> => {
    const info = await handshake(connection, hello, timeoutMs, clock);
    stream = connection.established(info.protocolVersion);
    return info;
  };
  wire.onDial(connection);
  try {
    const ask = era === "modern" ? discover(connection, startTimeoutMs, clock) : initialize(startTimeoutMs);
    const info = await ask;
    return {
      connection,
      info,
      stream,
      get keepsSessions() {
        return connection.hasSession;
      },
      renew: async () => void (await initialize(startTimeoutMs)),
    };
  } catch (error) {
    void connection.close();
    throw error;
  }
}

async function dialSse(wire: Wire, listener: ConnectionListener, options: OpenOptions): Promise<Dialled> {
  const { hello, startTimeoutMs, clock } = options;
  const connection = createSseConnection(listener, { ...options, ...wire });
  wire.onDial(connection);
  try {
    await connection.open(startTimeoutMs);
    const info = await handshake(connection, hello, startTimeoutMs, clock);
    connection.established(info.protocolVersion);
    const renew = (): Promise<void> => Promise.reject(new Error("the stream is the session"));
    return { connection, info, keepsSessions: true, stream: Promise.resolve(), renew };
  } catch (error) {
    void connection.close();
    throw error;
  }
}

function isRefusedPost(error: unknown): boolean {
  const status = error instanceof ControlError ? error.failure?.status : undefined;
  return status !== undefined && NOT_STREAMABLE.includes(status);
}

/** A process that was just started does not listen yet; a URL that refuses is simply down. */
async function whenListening<T>(
  child: Child | undefined,
  { startTimeoutMs, clock, signal }: OpenOptions,
  ask: (leftMs: number) => Promise<T>,
): Promise<T> {
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

function withWords(how: string, child: Child | undefined): string {
  const words = child?.lastWords();
  return words === undefined ? how : `${how}; its last words: ${words}`;
}
