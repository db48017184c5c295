// What a multiplexer is made of, in plain data. The gateway reads it from a file; a library user writes it down.

import type { StrategyFactory } from "@fairlead/balancer";
import type { ViewConfig } from "./catalog/view.ts";

/** What a pool uses that names no strategy. */
export const DEFAULT_STRATEGY = "least-connections";

/** How to reach or start one MCP server. */
export type UpstreamConfig = StdioUpstreamConfig | HttpUpstreamConfig;

interface UpstreamCommon {
  /** Unique among all upstreams. @defaultValue `<namespace>-<position, from 1>` */
  readonly id?: string | undefined;
  /** Share of the traffic relative to its siblings, > 0. @defaultValue 1 */
  readonly weight?: number | undefined;
  /** Lower is preferred; higher ones serve when no lower one can. @defaultValue 1 */
  readonly priority?: number | undefined;
  /** Most calls at a time; more wait or go elsewhere. @defaultValue unlimited */
  readonly maxConcurrency?: number | undefined;
  /**
   * Most calls in a minute, also all at once after a pause, as its provider allows them; more wait for their turn, or go to
   * upstreams of another priority. @defaultValue unlimited
   */
  readonly requestsPerMinute?: number | undefined;
  /**
   * `"modern"`: speaks revision 2026-07-28; `"legacy"`: speaks 2025-11-25 or older; `"auto"`: is asked once.
   * @defaultValue "auto"
   */
  readonly era?: "auto" | "legacy" | "modern" | undefined;
  /** Labels that routing can ask for. @defaultValue none */
  readonly tags?: readonly string[] | undefined;
  /** Where it runs. One in another zone than the gateway's serves when no other of its priority can. */
  readonly zone?: string | undefined;
  /** What it can do, for requests that ask for it. @defaultValue none */
  readonly capabilities?: readonly string[] | undefined;
  /** `false`: is not started and gets no calls until it is enabled. @defaultValue true */
  readonly enabled?: boolean | undefined;
  /** How many processes are started with `command`: so many, or as many as it takes. @defaultValue 1 */
  readonly replicas?: number | ReplicasConfig | undefined;
}

/** Replicas of one upstream, under the ids `<id>.1`, `<id>.2` and so on. */
export interface ReplicasConfig {
  /** From 1. @defaultValue 1 */
  readonly min?: number | undefined;
  /** At most 256. @defaultValue `min`: always as many */
  readonly max?: number | undefined;
  /** Calls that one replica should have at a time. @defaultValue `maxConcurrency`, or 4 */
  readonly targetInFlight?: number | undefined;
  /** More are started when a call has waited this long, in milliseconds. @defaultValue 100 */
  readonly scaleUpWaitMs?: number | undefined;
  /** More are started when the replicas have this share (0 to 1) of `targetInFlight`. @defaultValue 0.8 */
  readonly scaleUpRatio?: number | undefined;
  /** One ends when the others would have no more than this share (0 to 1). @defaultValue 0.5 */
  readonly scaleDownRatio?: number | undefined;
  /** Between two additions, in milliseconds. @defaultValue 1 000 */
  readonly upCooldownMs?: number | undefined;
  /** How long one fewer must have been enough before one ends, in milliseconds. @defaultValue 30 000 */
  readonly downCooldownMs?: number | undefined;
}

interface ProcessConfig {
  readonly args?: readonly string[] | undefined;
  /** Added to a short allow-list of the gateway's own environment (PATH, HOME, LANG, …). */
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly cwd?: string | undefined;
}

/** A process that speaks MCP on its stdin and stdout. */
export interface StdioUpstreamConfig extends UpstreamCommon, ProcessConfig {
  readonly transport: "stdio";
  readonly command: string;
}

/**
 * A server that speaks Streamable HTTP, or the older HTTP+SSE (`"sse"`), which is also tried when a server refuses the
 * POST of `initialize` with 400, 404 or 405. With `command` the gateway starts and supervises it too; then `{port}` (a free
 * loopback port) and `{socket}` (a path for a Unix socket, which the gateway connects to) may stand in `url`, `args`
 * and `env`.
 */
export interface HttpUpstreamConfig extends UpstreamCommon, ProcessConfig {
  readonly transport: "streamable-http" | "sse";
  readonly url: string;
  /** Sent with every request, such as `authorization`. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /**
   * IP addresses that the host of `url` may have; a name that has none of them any more is not connected to.
   * @defaultValue any
   */
  readonly addresses?: readonly string[] | undefined;
  readonly command?: string | undefined;
}

/** What may be said about one tool, by its original name. */
export interface ToolPolicy {
  /** `"safe"`: may run twice, so it is retried elsewhere; `"never"`: not even if annotated as read-only. */
  readonly retry?: "safe" | "never" | undefined;
  readonly timeoutMs?: number | undefined;
  readonly maxTimeoutMs?: number | undefined;
  readonly maxAttempts?: number | undefined;
  /** Instead of the pool's. */
  readonly adaptiveTimeout?: AdaptiveTimeoutConfig | undefined;
  /** Instead of the pool's. */
  readonly hedge?: HedgeConfig | undefined;
  /** Keeps results. @defaultValue off */
  readonly cache?: CacheConfig | undefined;
}

/** A deadline that follows how long a tool has taken lately; `timeoutMs` holds until enough is known, and at most. */
export interface AdaptiveTimeoutConfig {
  /** @defaultValue true */
  readonly enabled?: boolean | undefined;
  /** The deadline is this quantile of recent durations times `factor`. @defaultValue 0.99 */
  readonly quantile?: number | undefined;
  /** @defaultValue 3 */
  readonly factor?: number | undefined;
  /** Never below, in milliseconds. @defaultValue 1 000 */
  readonly minMs?: number | undefined;
  /** Durations needed before the deadline follows them. @defaultValue 20 */
  readonly warmUp?: number | undefined;
  /** Older durations count no more, in milliseconds. @defaultValue 300 000 */
  readonly maxAgeMs?: number | undefined;
}

/** A second attempt on another upstream when a read-only call takes longer than most; the first answer wins. */
export interface HedgeConfig {
  /** @defaultValue true */
  readonly enabled?: boolean | undefined;
  /** How long to wait for an answer before that, in milliseconds. @defaultValue the quantile of recent durations */
  readonly delayMs?: number | undefined;
  /** Which quantile, when there is no `delayMs`. @defaultValue 0.95 */
  readonly quantile?: number | undefined;
}

/** Results of a tool that stay true for a while, for equal arguments; equal calls at a time are made once. */
export interface CacheConfig {
  /** How long, in milliseconds; a result with a smaller `ttlMs` of its own, only that long. */
  readonly ttlMs: number;
  /**
   * Whether a result for one caller is one for every other, too; never those that their server calls
   * `cacheScope: "private"`. @defaultValue false
   */
  readonly shared?: boolean | undefined;
}

/** The upstreams that serve one namespace. */
export interface PoolConfig {
  /** Prefix of the pool's tools: 1 to 32 characters of `[A-Za-z0-9_-]`. */
  readonly namespace: string;
  readonly upstreams: readonly UpstreamConfig[];
  /** Name of a built-in load-balancing strategy, or a factory. @defaultValue "least-connections" */
  readonly strategy?: string | StrategyFactory<never> | undefined;
  /** Passed to the strategy, which validates them. */
  readonly strategyOptions?: unknown;
  /** A call without progress ends after this long, in milliseconds. @defaultValue 30 000 */
  readonly timeoutMs?: number | undefined;
  /** A call ends after this long even with progress, in milliseconds. @defaultValue 600 000 */
  readonly maxTimeoutMs?: number | undefined;
  /** How long `initialize` or `server/discover` may take, in milliseconds. @defaultValue 10 000 */
  readonly startTimeoutMs?: number | undefined;
  /** Attempts on different upstreams for one call, from 1. @defaultValue 3 */
  readonly maxAttempts?: number | undefined;
  /** How long a call waits for an upstream to become available, in milliseconds. @defaultValue 2 000 */
  readonly queueTimeoutMs?: number | undefined;
  /** Calls that may wait at a time. @defaultValue 1 000 */
  readonly maxQueue?: number | undefined;
  /** After waiting this long a call counts as one priority (of 0 to 9) higher, in milliseconds. @defaultValue 200 */
  readonly queueAgeingMs?: number | undefined;
  /** Whether `readOnlyHint` and `idempotentHint` of this pool's tools are believed. @defaultValue true */
  readonly trustAnnotations?: boolean | undefined;
  readonly tools?: Readonly<Record<string, ToolPolicy>> | undefined;
  /** @defaultValue off */
  readonly adaptiveTimeout?: AdaptiveTimeoutConfig | undefined;
  /** @defaultValue off */
  readonly hedge?: HedgeConfig | undefined;
  /** Most that the results of all tools with a `cache` take, in bytes. @defaultValue 16 MiB */
  readonly cacheBytes?: number | undefined;
  /** Most results that are kept of all tools with a `cache`. @defaultValue 10 000 */
  readonly cacheEntries?: number | undefined;
  /**
   * Who shares a session with an upstream that keeps sessions (a process, or a legacy server over HTTP). Servers without
   * sessions, and of revision 2026-07-28, are always shared.
   *
   * - `"shared"`: one session serves all clients. It declares no client capabilities, so nothing is asked of a client.
   * - `"per-client"`: each client session gets one of its own with its first call, and stays with that upstream; what
   *   comes without a session gets one for each call. Declares what the client declared.
   * - `"ephemeral"`: each call gets one of its own.
   *
   * @defaultValue "per-client" if all upstreams are reached over HTTP, "shared" if any is a process on stdio
   */
  readonly session?: SessionPolicy | undefined;
  readonly sessionLimits?: SessionLimitsConfig | undefined;
  /** Which of a client's capabilities are declared to the servers, where it has a session. @defaultValue all of them */
  readonly clientCapabilities?: readonly ClientCapability[] | undefined;
  readonly healthCheck?: HealthCheckConfig | undefined;
  readonly restart?: RestartConfig | undefined;
  readonly breaker?: BreakerConfig | undefined;
  /** Leaves out an upstream whose calls fail, for a while. */
  readonly outlierEjection?: OutlierEjectionConfig | undefined;
  /** Ramp for upstreams that are new or come back. */
  readonly slowStart?: SlowStartConfig | undefined;
  /**
   * When a smaller share (0 to 1) of the upstreams of one priority serves, ejections are disregarded: the fault is elsewhere.
   * @defaultValue 0.5
   */
  readonly panicThresholdRatio?: number | undefined;
  /**
   * Whether the strategy is told CPU and memory of the processes that the gateway has started (Linux only).
   * @defaultValue true with `resource-aware`
   */
  readonly loadReports?: boolean | undefined;
  /**
   * What it means when an upstream answers HTTP 503: `"rejected"` that it has not executed the call, which may therefore go
   * elsewhere whatever it does; `"unknown"` that nobody can tell. @defaultValue "unknown"
   */
  readonly on503?: "rejected" | "unknown" | undefined;
}

export interface OutlierEjectionConfig {
  /** @defaultValue true */
  readonly enabled?: boolean | undefined;
  /** Failures in a row that eject; 0: off. @defaultValue 5 */
  readonly consecutiveFailures?: number | undefined;
  /** Share of failures (0 to 1) within a window that ejects. @defaultValue 0.5 */
  readonly failureRatio?: number | undefined;
  /** Calls that take longer are slow, in milliseconds. @defaultValue Infinity: off */
  readonly slowCallMs?: number | undefined;
  /** Share of slow calls (0 to 1) within a window that ejects. @defaultValue 0.8 */
  readonly slowCallRatio?: number | undefined;
  /** Milliseconds. @defaultValue 10 000 */
  readonly windowMs?: number | undefined;
  /** Calls in a window below which shares mean nothing. @defaultValue 20 */
  readonly minimumCalls?: number | undefined;
  /** First ejection, in milliseconds; doubles with each further one. @defaultValue 1 000 */
  readonly baseEjectionMs?: number | undefined;
  /** Longest ejection, in milliseconds. @defaultValue 5 000 */
  readonly maxEjectionMs?: number | undefined;
  /** Share of a priority's upstreams that may be out at a time; one always may. @defaultValue 0.5 */
  readonly maxEjectedRatio?: number | undefined;
}

export interface SlowStartConfig {
  /** How long the ramp takes, in milliseconds; 0: none. @defaultValue 0 */
  readonly windowMs?: number | undefined;
  /** 1 is a straight line, larger gives more work early. @defaultValue 1 */
  readonly aggression?: number | undefined;
  /** Share of its weight (0 to 1) that it gets at once. @defaultValue 0.1 */
  readonly minWeightRatio?: number | undefined;
}

export type SessionPolicy = "per-client" | "shared" | "ephemeral";

/** What a server may ask of a client. */
export type ClientCapability = "sampling" | "elicitation" | "roots";

/** Bounds for the sessions that clients have with one upstream. */
export interface SessionLimitsConfig {
  /**
   * Sessions of clients at a time; beyond them the one that was idle for longest ends, and if none is idle, the call goes
   * elsewhere or fails. @defaultValue 32 for processes, 1 000 over HTTP
   */
  readonly max?: number | undefined;
  /** A session without calls ends after this long, in milliseconds. @defaultValue 1 800 000 */
  readonly idleMs?: number | undefined;
}
/** What pools may have in common. */
export type PoolDefaults = Omit<PoolConfig, "namespace" | "upstreams" | "tools">;

export interface HealthCheckConfig {
  /** Time between two pings (of modern servers: `server/discover`), in milliseconds; 0 turns them off. @defaultValue 10 000 */
  readonly intervalMs?: number | undefined;
  /** @defaultValue 5 000 */
  readonly timeoutMs?: number | undefined;
  /** Pings in a row that must fail before the upstream gets no more calls. @defaultValue 2 */
  readonly failureThreshold?: number | undefined;
  /** Instead of a ping; resolves when the upstream is well, and throws when it is not. Only from code. */
  readonly check?: HealthCheck | undefined;
}

/** Says whether an upstream is well: throws, or rejects, when it is not. */
export type HealthCheck = (upstream: CheckedUpstream) => Promise<void> | void;

/** An upstream as a health check sees it. */
export interface CheckedUpstream {
  readonly id: string;
  /** Aborted when the time for the check is over. */
  readonly signal: AbortSignal;
  /** Sends it a request; resolves to the result. */
  request(method: string, params?: Readonly<Record<string, unknown>>): Promise<unknown>;
}

export interface RestartConfig {
  /** First delay after a failure, in milliseconds; doubles from there, with jitter. One that was well is started again at once. @defaultValue 200 */
  readonly baseDelayMs?: number | undefined;
  /** Longest delay, in milliseconds. @defaultValue 30 000 for processes, 1 500 for URLs */
  readonly maxDelayMs?: number | undefined;
  /** Ends within a minute of which the process counts as crash-looping. @defaultValue 5 */
  readonly crashLoopThreshold?: number | undefined;
}

export interface BreakerConfig {
  /** How far back failures count, in milliseconds. @defaultValue 300 000 */
  readonly monitoringWindowMs?: number | undefined;
  /** @defaultValue 5 */
  readonly failureThreshold?: number | undefined;
  /** Milliseconds. @defaultValue 60 000 */
  readonly resetTimeoutMs?: number | undefined;
  /** @defaultValue 3 */
  readonly successThreshold?: number | undefined;
  /** @defaultValue 3 */
  readonly halfOpenMaxCalls?: number | undefined;
}

export interface LimitsConfig {
  /** Longest message from a client, in bytes. @defaultValue 4 MiB */
  readonly maxRequestBytes?: number | undefined;
  /** Longest message from a server, in bytes. @defaultValue 32 MiB */
  readonly maxResponseBytes?: number | undefined;
  /** Deepest nesting of a message. @defaultValue 64 */
  readonly maxDepth?: number | undefined;
  /** Client sessions at a time. @defaultValue 10 000 */
  readonly maxSessions?: number | undefined;
  /** A session that is not used for this long ends, in milliseconds. @defaultValue 3 600 000 */
  readonly sessionIdleMs?: number | undefined;
  /** Entries in one page of a list. @defaultValue 500 */
  readonly pageSize?: number | undefined;
  /** Processes that may be starting at a time. @defaultValue 4 */
  readonly maxConcurrentStarts?: number | undefined;
}

/** Which calls a rule is about: all conditions hold; a list holds when one of its globs does (`*` is any characters). */
export interface RuleMatch {
  /** Such as `tools/call` or `resources/*`. */
  readonly methods?: readonly string[] | undefined;
  /** Namespaces. */
  readonly pools?: readonly string[] | undefined;
  /** Original names of tools; holds for `tools/call` only. */
  readonly tools?: readonly string[] | undefined;
  /** Ids of callers. */
  readonly clients?: readonly string[] | undefined;
  /** All of these are among the request's own tags: `params._meta["fairlead/tags"]`. */
  readonly tags?: readonly string[] | undefined;
  /** Least length of `params`, in bytes. */
  readonly minParamsBytes?: number | undefined;
  /** Greatest length of `params`, in bytes. */
  readonly maxParamsBytes?: number | undefined;
}

/** What a rule says about the calls that it matches; what it leaves out stays as it is. */
export interface RuleRoute {
  /** Only upstreams with all of these tags. */
  readonly tags?: readonly string[] | undefined;
  /** Only upstreams with all of these capabilities. */
  readonly capabilities?: readonly string[] | undefined;
  /** Name of a built-in load-balancing strategy. */
  readonly strategy?: string | undefined;
  /** From 0 to 9, higher is served first; wins over the caller's. */
  readonly priority?: number | undefined;
  /** Name of one of the `timeoutClasses`. */
  readonly timeoutClass?: string | undefined;
}

export interface RoutingRule {
  /** For people: in errors, events and analytics. */
  readonly name: string;
  /** @defaultValue every call */
  readonly match?: RuleMatch | undefined;
  readonly route: RuleRoute;
}

export interface TimeoutClass {
  /** As in a pool, in milliseconds. */
  readonly timeoutMs?: number | undefined;
  /** As in a pool, in milliseconds. */
  readonly maxTimeoutMs?: number | undefined;
}

export interface RoutingConfig {
  /** The first one that matches a call holds for it; at most 1 000. */
  readonly rules: readonly RoutingRule[];
  readonly timeoutClasses?: Readonly<Record<string, TimeoutClass>> | undefined;
}

export interface MultiplexerConfig {
  readonly pools: readonly PoolConfig[];
  /** Options of every pool that does not say otherwise; groups such as `breaker` are filled up key by key. */
  readonly poolDefaults?: PoolDefaults | undefined;
  /** Selections of tools by name, each at `<basePath>/<name>`, or given to callers. @defaultValue none */
  readonly views?: Readonly<Record<string, ViewConfig>> | undefined;
  /** Rules about single kinds of calls. @defaultValue none, which costs nothing */
  readonly routing?: RoutingConfig | undefined;
  /**
   * Original names of tools that a query of `executeRequest` may go to; the first that a pool has is taken.
   * @defaultValue hybrid_search, vector_search, search, query, graph_query
   */
  readonly queryTools?: readonly string[] | undefined;
  /** Between namespace and name. @defaultValue "__" */
  readonly separator?: string | undefined;
  /** Zone that the gateway itself is in; see {@link UpstreamConfig}. @defaultValue none: all zones are alike */
  readonly zone?: string | undefined;
  /** How the gateway names itself to both sides. */
  readonly serverInfo?: { readonly name: string; readonly version: string } | undefined;
  readonly limits?: LimitsConfig | undefined;
}
