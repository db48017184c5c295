// The state of everything at one moment, in plain data for people and dashboards.
import type { EndpointSnapshot, LoadReport } from "@fairlead/balancer";
import type { Clock } from "@fairlead/core";
import { overallFigures } from "./analytics/analytics.ts";
import type { Catalog } from "./catalog/catalog.ts";
import type { Service } from "./client/service.ts";
import type { Sessions } from "./client/sessions.ts";
import { isServing, type PoolMember, stateOf } from "./pool/member.ts";
import type { Pool } from "./pool/pool.ts";
import type { ResultCache } from "./pool/result-cache.ts";
import { rangeOf } from "./pool/scaler.ts";
import type { ReplicaStatus } from "./upstream/replica-state.ts";

export interface MultiplexerStatus {
  readonly name: string;
  readonly version: string;
  /** `degraded`: some upstream is not ready. */
  readonly status: "starting" | "ready" | "degraded" | "draining";
  /** ISO 8601. */
  readonly startedAt: string;
  readonly uptimeMs: number;
  /** Whether every pool has an upstream that is ready. */
  readonly isHealthy: boolean;
  readonly totalServers: number;
  /** Upstreams that are ready. */
  readonly healthyServers: number;
  /** Strategies of the pools, each once. */
  readonly currentStrategy: string;
  /** Calls that wait for an upstream. */
  readonly queueSize: number;
  /** Of calls that ended in the last minute, in milliseconds. */
  readonly avgResponseTime: number;
  /** Calls per second that ended in the last minute. */
  readonly throughput: number;
  /** Of calls that ended in the last minute, 0 to 1. */
  readonly errorRate: number;
  /** Milliseconds, as `uptimeMs`. */
  readonly uptime: number;
  readonly pools: readonly PoolStatus[];
  readonly clients: { readonly sessions: number; readonly streams: number };
  readonly calls: { readonly total: number; readonly inFlight: number; readonly failed: number };
  readonly problems: readonly Problem[];
}

export interface PoolStatus {
  readonly namespace: string;
  readonly path: string;
  readonly strategy: string;
  readonly tools: number;
  readonly resources: number;
  readonly resourceTemplates: number;
  readonly prompts: number;
  /** Calls that wait for an upstream. */
  readonly queued: number;
  /** Second attempts of slow calls, and how many of them answered first. */
  readonly hedges: { readonly started: number; readonly won: number };
  /** Results that are kept; null when no tool has any. */
  readonly cache: {
    readonly entries: number;
    readonly bytes: number;
    readonly hits: number;
    readonly misses: number;
    /** Calls that got the result of an equal one that was under way. */
    readonly joins: number;
  } | null;
  /** Upstreams with a configured number of replicas, and how many they have now. */
  readonly scaling: readonly {
    readonly upstream: string;
    readonly min: number;
    readonly max: number;
    readonly replicas: number;
  }[];
  readonly replicas: readonly UpstreamStatus[];
}

export interface UpstreamStatus {
  readonly id: string;
  /** Id of the configured upstream that it is a replica of; its own when that has only one. */
  readonly upstream: string;
  readonly transport: "stdio" | "streamable-http" | "sse";
  readonly priority: number;
  readonly weight: number;
  /** What it counts for now: less than `weight` during slow start. */
  readonly effectiveWeight: number;
  readonly zone: string | null;
  readonly tags: readonly string[];
  readonly capabilities: readonly string[];
  readonly era: "legacy" | "modern" | null;
  readonly protocolVersion: string | null;
  readonly status: ReplicaStatus;
  readonly reason: string | null;
  /** ISO 8601. */
  readonly nextTryAt: string | null;
  readonly restarts: number;
  readonly pid: number | null;
  readonly inFlight: number;
  /** Sessions that clients have of their own. */
  readonly sessions: number;
  readonly breaker: "closed" | "open" | "half-open";
  /** Whether it gets no calls for a while, since too many failed. */
  readonly ejected: boolean;
  /** What it last reported about its load, or was measured of its process; null when nothing is known. */
  readonly load: LoadReport | null;
  readonly calls: number;
  readonly failures: number;
  readonly server: { readonly name: string; readonly version: string } | null;
}

export interface Problem {
  readonly code: "UPSTREAM_DOWN" | "NAME_COLLISION";
  readonly message: string;
  readonly fix: string;
}

export interface StatusSources {
  readonly pools: readonly Pool[];
  readonly catalog: Catalog;
  readonly sessions: Sessions;
  readonly service: Service;
  readonly clock: Clock;
  readonly startedAt: number;
  readonly draining: boolean;
  readonly initialized: boolean;
  readonly basePath: string;
  readonly serverInfo: { readonly name: string; readonly version: string };
}

export function statusOf(sources: StatusSources): MultiplexerStatus {
  const { pools, sessions, service, clock, startedAt, serverInfo } = sources;
  const uptimeMs = clock.now() - startedAt;
  const sum = (pick: (pool: Pool) => number): number => pools.reduce((total, pool) => total + pick(pool), 0);
  return {
    ...serverInfo,
    status: overall(sources),
    startedAt: new Date(Date.now() - uptimeMs).toISOString(),
    uptimeMs: Math.round(uptimeMs),
    ...summaryOf(sources),
    uptime: Math.round(uptimeMs),
    pools: pools.map((pool) => poolStatus(pool, sources)),
    clients: { sessions: sessions.size, streams: sessions.streams },
    calls: {
      total: sum(({ calls }) => calls.counts.total),
      inFlight: service.running,
      failed: sum(({ calls }) => calls.counts.failed),
    },
    problems: problemsOf(sources),
  };
}

function summaryOf({
  pools,
  draining,
  clock,
}: StatusSources): Pick<
  MultiplexerStatus,
  | "isHealthy"
  | "totalServers"
  | "healthyServers"
  | "currentStrategy"
  | "queueSize"
  | "avgResponseTime"
  | "throughput"
  | "errorRate"
> {
  const members = pools.flatMap((pool) => pool.members);
  const { throughput, errorRate, latencyMs } = overallFigures(pools, clock.now());
  return {
    isHealthy: !draining && pools.every((pool) => pool.members.some(isServing)),
    totalServers: members.length,
    healthyServers: members.filter(isServing).length,
    currentStrategy: [...new Set(pools.map(({ balancing }) => balancing.strategy))].join(", "),
    queueSize: pools.reduce((total, { calls }) => total + calls.queued, 0),
    avgResponseTime: latencyMs.mean,
    throughput,
    errorRate,
  };
}

function overall({ pools, draining, initialized }: StatusSources): MultiplexerStatus["status"] {
  if (draining) return "draining";
  const all = pools.flatMap(({ members }) => members.map((member) => stateOf(member).status));
  const serves = pools.every(({ members }) => members.some((member) => stateOf(member).status === "ready"));
  if (serves && all.every((status) => NOT_BROKEN.has(status))) return "ready";
  return initialized || all.includes("ready") ? "degraded" : "starting";
}

function scalingOf({ upstreams }: Pool): PoolStatus["scaling"] {
  return [...upstreams.configured].flatMap(([upstream, { replicas, maxConcurrency }]) => {
    if (replicas === undefined) return [];
    const { min, max } = rangeOf(replicas, maxConcurrency);
    return [{ upstream, min, max, replicas: upstreams.membersOf(upstream).length }];
  });
}

function cacheStatus(cache: ResultCache | undefined): PoolStatus["cache"] {
  if (cache === undefined) return null;
  const { entries, bytes, hits, misses, joins } = cache;
  return { entries, bytes, hits, misses, joins };
}

/** States that an upstream is in when everything is as it should be. */
const NOT_BROKEN: ReadonlySet<ReplicaStatus> = new Set<ReplicaStatus>(["ready", "draining", "disabled"]);

function poolStatus(pool: Pool, { clock, basePath }: StatusSources): PoolStatus {
  const { lists } = pool.catalog;
  const { strategy, endpoints } = pool.balancing;
  const balanced = new Map(endpoints.map((endpoint) => [endpoint.id, endpoint]));
  return {
    namespace: pool.namespace,
    path: `${basePath}/${pool.namespace}`,
    strategy,
    tools: lists.tools.size,
    resources: lists.resources.size,
    resourceTemplates: lists.resourceTemplates.size,
    prompts: lists.prompts.size,
    queued: pool.calls.queued,
    hedges: { ...pool.calls.hedges },
    cache: cacheStatus(pool.calls.cache),
    scaling: scalingOf(pool),
    replicas: pool.members.map((member) => upstreamStatus(member, pool, balanced.get(member.id), clock)),
  };
}

function upstreamStatus(
  member: PoolMember,
  pool: Pool,
  balanced: EndpointSnapshot | undefined,
  clock: Clock,
): UpstreamStatus {
  const { replica, breaker, config } = member;
  const { status, reason, nextTryAtMs, restarts, pid, info } = stateOf(member);
  return {
    id: replica.id,
    upstream: member.upstream,
    transport: config.transport,
    priority: config.priority ?? 1,
    weight: config.weight ?? 1,
    effectiveWeight: balanced?.effectiveWeight ?? 0,
    zone: config.zone ?? null,
    tags: config.tags ?? [],
    capabilities: config.capabilities ?? [],
    era: info?.era ?? null,
    protocolVersion: info?.protocolVersion ?? null,
    status,
    reason,
    nextTryAt: nextTryAtMs === null ? null : new Date(Date.now() + nextTryAtMs - clock.now()).toISOString(),
    restarts,
    pid,
    inFlight: member.inFlight,
    sessions: pool.sessions.sizeOf(replica),
    breaker: breaker.state.status,
    ejected: balanced?.ejected === true,
    load: balanced?.load ?? null,
    calls: member.calls,
    failures: member.failures,
    server: info?.serverInfo ?? null,
  };
}

function problemsOf({ pools, catalog }: StatusSources): Problem[] {
  const down = pools.flatMap(({ members }) =>
    members.flatMap((member): Problem[] => {
      const { replica } = member;
      const { status, reason } = stateOf(member);
      if (NOT_BROKEN.has(status) || reason === null) return [];
      return [
        { code: "UPSTREAM_DOWN", message: `${replica.id}: ${reason}`, fix: fixFor(reason, replica.config) },
      ];
    }),
  );
  const collisions = catalog.collisions.map(
    ({ kind, name, first, second }): Problem => ({
      code: "NAME_COLLISION",
      message: `two ${kind} want the name ${name}: ${first.pool} and ${second.pool}; that of ${second.pool} is not offered`,
      fix:
        kind === "tools" || kind === "prompts"
          ? "give one pool another namespace"
          : `reach it at the path of ${second.pool}`,
    }),
  );
  return [...down, ...collisions];
}

function fixFor(reason: string, config: PoolMember["replica"]["config"]): string {
  if (reason.includes("was not found")) return "install it, or correct `command` in the configuration";
  if (reason.includes("ECONNREFUSED"))
    return `start the server at ${placeOf(config)}, or correct \`url\`; it joins by itself`;
  if (reason.includes("did not answer"))
    return "look at what the server waits for; raise `startTimeoutMs` if it only is slow";
  if (reason.includes("HTTP 401") || reason.includes("HTTP 403"))
    return "check `headers.authorization` of this upstream";
  return "run its command by hand to see why; it is tried again by itself";
}

/** A URL without the credentials that may be in it. */
function placeOf(config: PoolMember["replica"]["config"]): string {
  if (config.transport === "stdio") return config.command;
  const { origin, pathname } = new URL(config.url.replaceAll(/\{(port|socket)\}/g, "0"));
  return origin + pathname;
}
