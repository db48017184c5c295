// Many MCP servers behind one endpoint: pools, catalog, clients, and how they are started and ended together.
import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Readable, Writable } from "node:stream";
import { type Clock, type Random, systemClock } from "@fairlead/core";
import { analyticsOf, type PerformanceAnalytics } from "./analytics/analytics.ts";
import { createFailoverHistory } from "./analytics/failover-history.ts";
import type { Caller } from "./caller.ts";
import { createCatalog, type OfferedTool, type Scope } from "./catalog/catalog.ts";
import { LIST_KINDS } from "./catalog/lists.ts";
import type { ViewConfig } from "./catalog/view.ts";
import { type MessageChannel, openChannel } from "./client/channel.ts";
import type { Client } from "./client/client.ts";
import { createFetchHandler } from "./client/fetch-handler.ts";
import type { Gate } from "./client/gate.ts";
import { createHttpHandler } from "./client/http-handler.ts";
import {
  createInProcess,
  type ExecuteOptions,
  type MethodRequest,
  QUERY_TOOLS,
  type QueryRequest,
} from "./client/in-process.ts";
import { createNotifier } from "./client/notifier.ts";
import { createService } from "./client/service.ts";
import { createSessions } from "./client/sessions.ts";
import { serveStdio } from "./client/stdio-front.ts";
import type { LimitsConfig, MultiplexerConfig, PoolConfig, RoutingConfig, UpstreamConfig } from "./config.ts";
import { contradictionsOf } from "./contradictions.ts";
import { AggregatorError } from "./errors.ts";
import { createEventHub, type EventHub } from "./event-hub.ts";
import type { MultiplexerEvent } from "./events.ts";
import { collisionError, createManagement, isFatal, type Management } from "./management.ts";
import { createPool, type Pool } from "./pool/pool.ts";
import { withPoolDefaults } from "./pool-defaults.ts";
import { createPoolListener } from "./pool-listener.ts";
import { createRouter } from "./router/router.ts";
import { poolsOf, type ServerAddress } from "./server-address.ts";
import { type MultiplexerStatus, statusOf } from "./status.ts";
import { createStartLimiter } from "./upstream/start-limiter.ts";

export interface MultiplexerOptions {
  /** Told of everything worth a log line, from the beginning; see also {@link Multiplexer.on}. */
  readonly onEvent?: (event: MultiplexerEvent) => void;
  /** Asked before each request, and told of its end. @defaultValue everything passes */
  readonly gate?: Gate;
  /** Whether a tool is offered to anybody, such as when its definition has changed. Must not throw. @defaultValue every one is */
  readonly offers?: (tool: OfferedTool) => boolean;
  /** Path that the handler serves; each pool is at `<basePath>/<namespace>`. @defaultValue "/mcp" */
  readonly basePath?: string;
  /** @defaultValue the system's monotonic clock */
  readonly clock?: Clock;
  /** @defaultValue `Math.random` */
  readonly random?: Random;
}

export interface InitializeOptions {
  /** Milliseconds. @defaultValue 5 000 */
  readonly settleMs?: number;
}

export interface Multiplexer extends Management {
  /**
   * Starts all upstreams and resolves as soon as each has joined or failed once, or after `settleMs` (5 000 ms); nobody
   * waits for a server that hangs. `servers` are added to the configured pools before.
   * @throws {@link AggregatorError} `NAME_COLLISION`, `INVALID_CONFIG`
   */
  initialize(options?: InitializeOptions): Promise<void>;
  initialize(servers: readonly ServerAddress[], options?: InitializeOptions): Promise<void>;
  /** Also takes a server by host and port; its pool is made if it is not there. */
  readonly addServer: Management["addServer"] & ((server: ServerAddress) => Promise<string>);
  /**
   * Takes an HTTP request if its path is one of MCP's; false leaves it to who mounted it, untouched. Without a `caller`
   * each session, or each connection where there is no session, counts as one; a session belongs to who opened it.
   */
  handler(request: IncomingMessage, response: ServerResponse, caller?: Caller): boolean;
  /**
   * The same for frameworks that speak the web's `Request` and `Response`. Other paths get 404. Closing the response's body,
   * or aborting the request's signal, is the client going away. Without a `caller` all requests count as one's.
   */
  fetch(request: Request, caller?: Caller): Promise<Response>;
  /** Serves one client on a pair of streams until the input ends. */
  serveStdio(input: Readable, output: Writable, caller?: Caller): Promise<void>;
  /**
   * Serves one client on a channel that carries whole messages, such as a WebSocket; undefined when nothing is served at
   * the path.
   */
  openChannel(options: ChannelRequest): MessageChannel | undefined;
  /**
   * Makes a call from this process, on the same way as those of clients. A {@link MethodRequest} is answered with its
   * `result`; a {@link QueryRequest} goes to a tool for queries and is answered with that tool's structured content.
   * `options` may be just the priority, from 0 to 9.
   *
   * @throws {@link AggregatorError} when no server answered; {@link RpcError} for an error of the protocol;
   *   {@link ToolError} when the tool of a query failed; the signal's reason after an abort
   */
  executeRequest<Result = Record<string, unknown>>(
    request: MethodRequest | QueryRequest,
    options?: number | ExecuteOptions,
  ): Promise<Result>;
  /** Replaces the routing rules, for calls from here on. @throws {@link AggregatorError} `INVALID_CONFIG` */
  updateRouting(routing: RoutingConfig | undefined): void;
  /** Replaces the views, and asks anew what is offered; clients are told that lists changed. */
  updateViews(views: Readonly<Record<string, ViewConfig>>): void;
  getStatus(): MultiplexerStatus;
  /** Figures of the last minute, advice that follows from them, and the failovers that are remembered. */
  getPerformanceAnalytics(): PerformanceAnalytics;
  /** Listens to one kind of event, or with `"*"` to all; returns how to stop. */
  readonly on: EventHub["on"];
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
const SETTLE_MS = 5_000;

/** Creates a multiplexer; nothing is started yet. @throws {@link AggregatorError} `INVALID_CONFIG` */
export function createMultiplexer(config: MultiplexerConfig, options: MultiplexerOptions = {}): Multiplexer {
  const { clock = systemClock, random = Math.random, basePath = "/mcp" } = options;
  const { separator = "__", serverInfo = { name: "fairlead", version: "0.1.0" } } = config;
  const [contradiction] = contradictionsOf({ ...config, pools: config.pools.map(completed) });
  if (contradiction !== undefined) throw new AggregatorError("INVALID_CONFIG", contradiction.message);
  const limits = { ...DEFAULT_LIMITS, ...withoutUndefined(config.limits ?? {}) };
  const startedAt = clock.now();
  const { emit: onEvent, on } = createEventHub();
  if (options.onEvent !== undefined) on("*", options.onEvent);
  const history = createFailoverHistory(clock);
  on("failover", ({ pool, upstream, reason }) => history.forced(pool, upstream, reason));
  let { routing } = config;
  let router = createRouter(routing);
  const notifier = createNotifier();
  const starts = createStartLimiter(limits.maxConcurrentStarts);
  let started = false;
  let initialized = false;
  let draining = false;
  let closing: Promise<void> | undefined;

  // The catalog is made of the pools, so it comes after them.
  const listener = createPoolListener({ catalog: () => catalog, notifier, history, clock, onEvent });
  const poolOf = (pool: PoolConfig): Pool =>
    createPool({
      config: pool,
      limits,
      clientInfo: serverInfo,
      zone: config.zone,
      routingStrategies: () => strategiesIn(routing),
      starts,
      clock,
      random,
      listener,
    });
  const pools = config.pools.map((pool) => poolOf(completed(pool)));
  const catalog = createCatalog(pools, separator, { views: config.views, offers: options.offers });
  const service = createService({
    serverInfo,
    separator,
    pageSize: limits.pageSize,
    notifier,
    gate: options.gate,
    router: () => router,
    clock,
  });
  const onClientGone = (client: Client): void => {
    notifier.removeClient(client);
    service.forget(client);
    for (const pool of pools) pool.sessions.forget(client.key);
  };
  const inProcess = createInProcess({
    catalog,
    service,
    queryTools: config.queryTools ?? QUERY_TOOLS,
    maxDepth: limits.maxDepth,
  });
  const sessions = createSessions({
    maxSessions: limits.maxSessions,
    idleMs: limits.sessionIdleMs,
    clock,
    gate: options.gate,
    onOpen: notifier.addClient,
    onClose: onClientGone,
  });
  const onError = (error: unknown): void => onEvent({ type: "internal-error", error });
  const http = createHttpHandler({
    catalog,
    service,
    sessions,
    gate: options.gate,
    basePath,
    onError,
    ...limits,
  });

  const channelOptions = {
    service,
    maxDepth: limits.maxDepth,
    onOpen: notifier.addClient,
    onClose: onClientGone,
    onError,
  };
  const { stop, ...management } = createManagement({
    pools,
    separator,
    catalog,
    notifier,
    sessions,
    service,
    createPool: poolOf,
    completed,
    isStarted: () => started,
    onEvent,
  });

  return {
    ...management,
    initialize,
    addServer: async (first: string | ServerAddress, upstream?: UpstreamConfig) => {
      if (typeof first !== "string") return (await addServers([first]))[0] ?? "";
      if (upstream === undefined) throw new RangeError("upstream must be given after a namespace");
      return await management.addServer(first, upstream);
    },
    handler: http.handle,
    fetch: createFetchHandler(http.handle),
    openChannel({ path, caller, ...rest }) {
      const scope = http.scopeOf(path, caller);
      if (scope === undefined || scope === "unknown") return undefined;
      const key = `channel ${randomUUID()}`;
      return openChannel({ ...channelOptions, ...rest, key, scope, caller: caller ?? { id: key } });
    },
    serveStdio: async (input, output, caller = { id: "stdio" }) =>
      serveStdio({
        ...channelOptions,
        caller,
        input,
        output,
        scope: scopeOf(caller),
        maxRequestBytes: limits.maxRequestBytes,
      }),
    async executeRequest<Result>(
      request: MethodRequest | QueryRequest,
      options: number | ExecuteOptions = {},
    ) {
      if (closing !== undefined)
        throw new AggregatorError("DRAINING", "The multiplexer is closed.", { outcome: "not-executed" });
      const settings = typeof options === "number" ? { priority: options } : options;
      return (await inProcess.execute(request, settings)) as Result;
    },
    updateViews(views) {
      catalog.configureViews(views);
      for (const pool of pools) notifier.listChanged(pool, LIST_KINDS);
    },
    updateRouting(next) {
      const [contradiction] = contradictionsOf({ pools: [], routing: next });
      if (contradiction !== undefined) throw new AggregatorError("INVALID_CONFIG", contradiction.message);
      routing = next;
      router = createRouter(next);
      // Their balancers are made with the strategies that the rules name.
      for (const pool of pools) pool.configure(pool.config);
    },
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
    getPerformanceAnalytics: () => analyticsOf({ pools, router, history, clock }),
    on,
    drainAll,
    close,
    [Symbol.asyncDispose]: close,
  };

  function completed(pool: PoolConfig): PoolConfig {
    return withPoolDefaults(pool, config.poolDefaults);
  }

  /** @throws {@link AggregatorError} `INVALID_CONFIG` when the caller's view is not known: nothing is better than everything */
  function scopeOf(caller: Caller | undefined): Scope {
    const scope = catalog.at("", caller?.view);
    if (scope !== undefined) return scope;
    throw new AggregatorError("INVALID_CONFIG", `There is no view "${caller?.view}".`);
  }

  async function initialize(
    first: readonly ServerAddress[] | InitializeOptions = {},
    second: InitializeOptions = {},
  ): Promise<void> {
    const [servers, { settleMs = SETTLE_MS }] = isList(first) ? [first, second] : [[], first];
    await addServers(servers);
    started = true;
    for (const pool of pools) pool.start();
    const timer = new AbortController();
    await Promise.race([
      Promise.all(pools.map(({ upstreams }) => upstreams.settled())),
      clock.sleep(settleMs, timer.signal).catch(() => {}),
    ]);
    timer.abort();
    initialized = true;
    const collision = catalog.collisions.find((candidate) => isFatal(candidate));
    if (collision !== undefined) throw collisionError(collision);
  }

  /** Returns their ids. */
  async function addServers(servers: readonly ServerAddress[]): Promise<string[]> {
    const ids: string[] = [];
    for (const pool of poolsOf(servers)) {
      if (!pools.some(({ namespace }) => namespace === pool.namespace)) await management.addPool(pool);
      else for (const upstream of pool.upstreams) await management.addServer(pool.namespace, upstream);
      ids.push(...pool.upstreams.flatMap(({ id }) => id ?? []));
    }
    return ids;
  }

  async function drainAll(timeoutMs: number): Promise<void> {
    draining = true;
    http.drain();
    const deadline = clock.now() + timeoutMs;
    while (service.running + sessions.expected > 0 && clock.now() < deadline)
      await clock.sleep(DRAIN_POLL_MS);
  }

  function close(): Promise<void> {
    draining = true;
    closing ??= (async () => {
      http.drain();
      await stop();
      http.close();
    })();
    return closing;
  }
}

function isList(value: readonly ServerAddress[] | InitializeOptions): value is readonly ServerAddress[] {
  return Array.isArray(value);
}

function strategiesIn(routing: RoutingConfig | undefined): readonly string[] {
  return [...new Set(routing?.rules.flatMap(({ route: { strategy } }) => strategy ?? []))];
}

function withoutUndefined<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
