// Many MCP servers behind one endpoint: pools, catalog, clients, and how they are started and ended together.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Readable, Writable } from "node:stream";
import { type Clock, type Random, systemClock } from "@fairlead/core";
import type { Caller } from "./caller.ts";
import { createCatalog } from "./catalog/catalog.ts";
import { isNamespace } from "./catalog/names.ts";
import { type MessageChannel, openChannel } from "./client/channel.ts";
import { createHttpHandler } from "./client/http-handler.ts";
import { createNotifier } from "./client/notifier.ts";
import { createService } from "./client/service.ts";
import { createSessions } from "./client/sessions.ts";
import { serveStdio } from "./client/stdio-front.ts";
import type { LimitsConfig, MultiplexerConfig } from "./config.ts";
import { AggregatorError } from "./errors.ts";
import type { MultiplexerEvent } from "./events.ts";
import { createPool, type Pool, type PoolListener } from "./pool/pool.ts";
import { type MultiplexerStatus, statusOf } from "./status.ts";
import { createStartLimiter } from "./upstream/start-limiter.ts";

export interface MultiplexerOptions {
  /** Told of everything worth a log line; must not throw. */
  readonly onEvent?: (event: MultiplexerEvent) => void;
  /** Path that the handler serves; each pool is at `<basePath>/<namespace>`. @defaultValue "/mcp" */
  readonly basePath?: string;
  /** @defaultValue the system's monotonic clock */
  readonly clock?: Clock;
  /** @defaultValue `Math.random` */
  readonly random?: Random;
}

export interface Multiplexer {
  /**
   * Starts all upstreams and resolves as soon as each has joined or failed once, or after `settleMs`; nobody waits for a
   * server that hangs. @throws {@link AggregatorError} `NAME_COLLISION`
   */
  initialize(options?: { readonly settleMs?: number }): Promise<void>;
  /**
   * Takes an HTTP request if its path is one of MCP's; false leaves it to who mounted it, untouched. Without a `caller`
   * each session, or each connection where there is no session, counts as one; a session belongs to who opened it.
   */
  handler(request: IncomingMessage, response: ServerResponse, caller?: Caller): boolean;
  /** Serves one client on a pair of streams until the input ends. */
  serveStdio(input: Readable, output: Writable, caller?: Caller): Promise<void>;
  /**
   * Serves one client on a channel that carries whole messages, such as a WebSocket; undefined when nothing is served at
   * the path.
   */
  openChannel(options: ChannelRequest): MessageChannel | undefined;
  getStatus(): MultiplexerStatus;
  /** Takes no new connections' worth of work: streams end, responses close their connections; resolves when nothing runs. */
  drainAll(timeoutMs: number): Promise<void>;
  /** Ends everything; calls that still run fail. Idempotent. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface ChannelRequest {
  /** As in a URL: the base path serves everything, `<basePath>/<namespace>` one pool. */
  readonly path: string;
  /** @defaultValue the channel itself */
  readonly caller?: Caller | undefined;
  /** Requests that may run at a time; further ones are refused. @defaultValue unlimited */
  readonly maxRunning?: number;
  /** Sends one message to the client. */
  readonly write: (message: Buffer) => void;
  /** Sends one that a slow client can do without: progress, log messages. @defaultValue `write` */
  readonly writeOptional?: (message: Buffer) => void;
}

const DEFAULT_LIMITS: Required<{ [K in keyof LimitsConfig]: number }> = {
  maxRequestBytes: 4 * 1024 * 1024,
  maxResponseBytes: 32 * 1024 * 1024,
  maxDepth: 64,
  maxSessions: 10_000,
  sessionIdleMs: 3_600_000,
  pageSize: 500,
  maxConcurrentStarts: 4,
};
const DRAIN_POLL_MS = 10;

/** Creates a multiplexer; nothing is started yet. @throws {@link AggregatorError} `INVALID_CONFIG` */
export function createMultiplexer(config: MultiplexerConfig, options: MultiplexerOptions = {}): Multiplexer {
  const { clock = systemClock, random = Math.random, basePath = "/mcp", onEvent = () => {} } = options;
  const { separator = "__", serverInfo = { name: "fairlead", version: "0.1.0" } } = config;
  checkConfig(config, separator);
  const limits = { ...DEFAULT_LIMITS, ...withoutUndefined(config.limits ?? {}) };
  const startedAt = clock.now();
  const notifier = createNotifier();
  const starts = createStartLimiter(limits.maxConcurrentStarts);
  let channels = 0;
  let initialized = false;
  let draining = false;
  let closing: Promise<void> | undefined;
  let onProgress: () => void = () => {};

  const listener: PoolListener = {
    onCatalogChange(pool, kinds) {
      const known = new Set(catalog.collisions.map(({ name }) => name));
      catalog.rebuild(kinds);
      for (const collision of catalog.collisions) {
        if (!known.has(collision.name)) onEvent({ type: "name-collision", collision });
      }
      onEvent({ type: "catalog-changed", pool: pool.namespace, kinds });
      notifier.listChanged(pool, kinds);
    },
    onReplicaState(pool, { replica }) {
      const { status, reason, nextTryAtMs } = replica.state;
      const retryInMs = nextTryAtMs === null ? null : nextTryAtMs - clock.now();
      onEvent({
        type: "upstream-state",
        pool: pool.namespace,
        upstream: replica.id,
        status,
        reason,
        retryInMs,
      });
      onProgress();
    },
    onServerNotification: (pool, _member, message, envelope) =>
      notifier.serverNotification(pool, message, envelope),
    onStderr: (pool, { replica }, text) =>
      onEvent({ type: "stderr", pool: pool.namespace, upstream: replica.id, text }),
    onProblem: (pool, { replica }, message) =>
      onEvent({ type: "problem", pool: pool.namespace, upstream: replica.id, message }),
  };
  const pools: readonly Pool[] = config.pools.map((pool) =>
    createPool({ config: pool, limits, clientInfo: serverInfo, starts, clock, random, listener }),
  );
  const catalog = createCatalog(pools, separator);
  const service = createService({ serverInfo, separator, pageSize: limits.pageSize, notifier });
  const sessions = createSessions({
    maxSessions: limits.maxSessions,
    idleMs: limits.sessionIdleMs,
    clock,
    onOpen: notifier.addClient,
    onClose: notifier.removeClient,
  });
  const onError = (error: unknown): void => onEvent({ type: "internal-error", error });
  const http = createHttpHandler({ catalog, service, sessions, basePath, onError, ...limits });

  const channelOptions = {
    service,
    maxDepth: limits.maxDepth,
    onOpen: notifier.addClient,
    onClose: notifier.removeClient,
    onError,
  };

  return {
    initialize,
    handler: http.handle,
    openChannel({ path, caller, ...rest }) {
      const scope = http.scopeOf(path);
      if (scope === undefined || scope === "unknown") return undefined;
      const key = `channel ${++channels}`;
      return openChannel({ ...channelOptions, ...rest, key, scope, caller: caller ?? { id: key } });
    },
    serveStdio: (input, output, caller = { id: "stdio" }) =>
      serveStdio({
        ...channelOptions,
        caller,
        input,
        output,
        scope: catalog.all,
        maxRequestBytes: limits.maxRequestBytes,
      }),
    getStatus: () =>
      statusOf({
        pools,
        catalog,
        sessions,
        service,
        clock,
        startedAt,
        draining,
        initialized,
        basePath,
        serverInfo,
      }),
    drainAll,
    close,
    [Symbol.asyncDispose]: close,
  };

  async function initialize({ settleMs = 5_000 }: { readonly settleMs?: number } = {}): Promise<void> {
    for (const pool of pools) pool.start();
    const timer = new AbortController();
    await new Promise<void>((resolve) => {
      onProgress = () => {
        if (pools.every(({ members }) => members.every(({ replica }) => replica.state.status !== "starting")))
          resolve();
      };
      clock.sleep(settleMs, timer.signal).then(resolve, () => {});
      onProgress();
    });
    timer.abort();
    onProgress = () => {};
    initialized = true;
    const collision = catalog.collisions.find(({ kind }) => kind === "tools" || kind === "prompts");
    if (collision === undefined) return;
    const { name, kind, first, second } = collision;
    throw new AggregatorError(
      "NAME_COLLISION",
      `Two ${kind} want the name ${name}: "${first.name}" of ${first.pool} and "${second.name}" of ${second.pool}. Give one pool another namespace, or choose another separator.`,
    );
  }

  async function drainAll(timeoutMs: number): Promise<void> {
    draining = true;
    http.drain();
    const deadline = clock.now() + timeoutMs;
    while (service.running > 0 && clock.now() < deadline) await clock.sleep(DRAIN_POLL_MS);
  }

  function close(): Promise<void> {
    draining = true;
    closing ??= (async () => {
      http.drain();
      await Promise.all(pools.map((pool) => pool.stop()));
      http.close();
    })();
    return closing;
  }
}

function checkConfig({ pools }: MultiplexerConfig, separator: string): void {
  const fail = (message: string): never => {
    throw new AggregatorError("INVALID_CONFIG", message);
  };
  if (!/^[A-Za-z0-9_-]{1,8}$/.test(separator))
    fail(`separator must be 1 to 8 characters of [A-Za-z0-9_-], got "${separator}"`);
  const namespaces = new Set<string>();
  const ids = new Set<string>();
  for (const { namespace, upstreams } of pools) {
    if (!isNamespace(namespace))
      fail(`namespace must be 1 to 32 characters of [A-Za-z0-9_-], got "${namespace}"`);
    if (namespace.includes(separator)) fail(`namespace "${namespace}" contains the separator "${separator}"`);
    if (namespaces.has(namespace)) fail(`namespace "${namespace}" is given twice`);
    if (upstreams.length === 0) fail(`pool "${namespace}" has no upstreams`);
    namespaces.add(namespace);
    for (const [at, { id = `${namespace}-${at + 1}` }] of upstreams.entries()) {
      if (ids.has(id)) fail(`upstream id "${id}" is given twice`);
      ids.add(id);
    }
  }
}

function withoutUndefined<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
