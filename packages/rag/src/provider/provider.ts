// The provider: one question to pools of RAG servers, one answer. Pools, failover, breakers and queues are the
// multiplexer's; here is who is asked what, what their answers mean, and what happens when none comes.
import { createMultiplexer, type MultiplexerStatus } from "@fairlead/aggregator";
import { type Clock, systemClock } from "@fairlead/core";
import { RagError } from "../errors.ts";
import type { RagQuery, RagResponse } from "./answer.ts";
import { CAPABILITIES, type Capability, createEnhancedMCPConfig, type RagProviderConfig } from "./config.ts";
import { fanOut, type Target, type TargetAnswer } from "./fan-out.ts";
import { mergeHits } from "./merge.ts";
import { planPools, type RagPool } from "./pools.ts";
import type { ServerProfile, ToolDescription } from "./profile.ts";
import { detectProfile } from "./profiles.ts";
import { createStatistics, type FailoverRecord, type TargetStatistics } from "./statistics.ts";

export interface ProviderStatus {
  /** At least one server answers. */
  readonly isHealthy: boolean;
  readonly totalServers: number;
  readonly healthyServers: number;
  readonly currentStrategy: string;
  /** Calls that wait for a server. */
  readonly queueSize: number;
  /** Mean of the last 500 queries, in milliseconds. */
  readonly avgResponseTime: number;
  /** Queries per second, over the last minute. */
  readonly throughput: number;
  /** Share of the queries that failed, 0 to 1. */
  readonly errorRate: number;
  /** Milliseconds since the multiplexer began. */
  readonly uptime: number;
  readonly pools: readonly PoolReport[];
}

export interface PoolReport {
  readonly namespace: string;
  readonly profile: string | null;
  readonly capabilities: readonly Capability[];
  readonly servers: readonly {
    readonly id: string;
    readonly status: string;
    readonly reason: string | null;
  }[];
}

export interface ProviderAnalytics {
  readonly dashboard: {
    readonly queries: number;
    readonly degraded: number;
    readonly failed: number;
    readonly targets: readonly TargetStatistics[];
  };
  /** What could be done, in words. */
  readonly optimization: readonly string[];
  /** Newest first. */
  readonly failoverHistory: readonly FailoverRecord[];
}

export interface ProviderHealth {
  readonly healthy: boolean;
  readonly fallbackHealthy: boolean | null;
  readonly servers: readonly {
    readonly id: string;
    readonly pool: string;
    readonly status: string;
    readonly reason: string | null;
  }[];
}

export interface RagProvider {
  /** Starts, or reaches, the servers; resolves when one can be asked. @throws RagError `NO_SERVERS_AVAILABLE` */
  connect(): Promise<void>;
  /** @throws RagError `NO_SERVERS_AVAILABLE`, `DEADLINE_EXCEEDED`, `QUERY_FAILED`, `INVALID_INPUT`, `NOT_CONNECTED` */
  query(query: RagQuery): Promise<RagResponse>;
  getMultiplexerStatus(): ProviderStatus;
  getPerformanceAnalytics(): ProviderAnalytics;
  /** The servers as their pings found them last. */
  healthCheck(): Promise<ProviderHealth>;
  /** Idempotent. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Share of the time that the servers have before the fallback is asked. */
const PRIMARY_SHARE = 0.6;
const SLOW_RATIO = 3;

/** @throws RangeError when the configuration contradicts itself */
export function createRagProvider(
  given: RagProviderConfig,
  { clock = systemClock }: { readonly clock?: Clock } = {},
): RagProvider {
  const config = createEnhancedMCPConfig(given);
  const { timeoutMs = 10_000, maxChars = 40_000 } = config;
  const { pools, fallback, multiplexerConfig } = planPools(config);
  const multiplexer = createMultiplexer(multiplexerConfig);
  const statistics = createStatistics(clock);
  const profiles = new Map<string, ServerProfile>();
  const all = fallback === undefined ? pools : [...pools, fallback];
  let connected: Promise<void> | undefined;
  let closing: Promise<void> | undefined;

  return {
    connect() {
      connected ??= connect();
      return connected;
    },
    query,
    getMultiplexerStatus,
    getPerformanceAnalytics,
    async healthCheck() {
      const servers = serversOf(multiplexer.getStatus());
      const isReady = (namespace: string): boolean =>
        servers.some(({ pool, status }) => pool === namespace && status === "ready");
      return {
        healthy: pools.some(({ namespace }) => isReady(namespace)),
        fallbackHealthy: fallback === undefined ? null : isReady(fallback.namespace),
        servers,
      };
    },
    close,
    [Symbol.asyncDispose]: close,
  };

  async function connect(): Promise<void> {
    await multiplexer.initialize({ settleMs: config.connectTimeoutMs ?? 30_000 });
    await Promise.all(all.map(profileOf));
    if (profiles.size > 0) return;
    const reasons = serversOf(multiplexer.getStatus()).map(
      ({ id, reason, status }) => `${id}: ${reason ?? status}`,
    );
    await close();
    throw new RagError(
      "NO_SERVERS_AVAILABLE",
      `None of the RAG servers can be asked (${reasons.join("; ") || "no tool looks like a search"}).`,
      { servers: reasons },
    );
  }

  async function query(asked: RagQuery): Promise<RagResponse> {
    if (connected === undefined)
      throw new RagError("NOT_CONNECTED", "Call connect() before the first query.");
    await connected;
    if (closing !== undefined) throw new RagError("NOT_CONNECTED", "The provider was closed.");
    const {
      maxResults = 10,
      threshold = 0,
      context = "",
      priority,
      signal,
      timeoutMs: limit = timeoutMs,
    } = asked;
    check(asked.query.trim() !== "", "query must not be empty");
    check(
      Number.isInteger(maxResults) && maxResults >= 1 && maxResults <= 100,
      `maxResults must be an integer from 1 to 100, got ${maxResults}`,
    );
    check(threshold >= 0 && threshold <= 1, `threshold must be between 0 and 1, got ${threshold}`);
    check(limit >= 1, `timeoutMs must be at least 1, got ${limit}`);
    signal?.throwIfAborted();

    const startedAt = clock.now();
    const shared = { query: { query: asked.query, context, maxResults, threshold }, priority, signal, clock };
    const targets = await targetsOf(pools, asked.capabilities);
    const first = await fanOut(multiplexer, targets, {
      ...shared,
      timeoutMs: fallback === undefined ? limit : limit * PRIMARY_SHARE,
    });
    const answered = first.some(({ report }) => report.outcome === "answered");
    const second =
      answered || fallback === undefined
        ? []
        : await fanOut(multiplexer, (await targetsOf([fallback], asked.capabilities)).slice(0, 1), {
            ...shared,
            timeoutMs: Math.max(1, limit - (clock.now() - startedAt)),
          });
    const degraded = second.some(({ report }) => report.outcome === "answered");
    const reports = [...first, ...second].map(({ report }) => report);
    const tookMs = clock.now() - startedAt;
    statistics.note(reports, tookMs, answered ? "answered" : degraded ? "degraded" : "failed");
    if (!answered && !degraded) throw failureOf(reports, limit);
    return { ...combine(degraded ? second : first, maxResults), degraded, servers: reports, tookMs };
  }

  function combine(answers: readonly TargetAnswer[], maxResults: number) {
    const reports = answers.map(({ report }) => report);
    return {
      ...mergeHits(
        answers.map(({ hits }) => hits),
        maxResults,
        maxChars,
      ),
      partial: reports.some(({ outcome }) => outcome !== "answered"),
      thresholdApplied: reports.every(({ thresholdApplied }) => thresholdApplied),
      graph: {
        nodes: answers.flatMap(({ graph }) => graph.nodes).slice(0, 10 * maxResults),
        edges: answers.flatMap(({ graph }) => graph.edges).slice(0, 20 * maxResults),
      },
    };
  }

  /** Every pool with everything that it can do and is wanted for. */
  async function targetsOf(
    asked: readonly RagPool[],
    wanted: readonly Capability[] | undefined,
  ): Promise<readonly Target[]> {
    const found = await Promise.all(
      asked.map(async (pool) => {
        const uses = (await profileOf(pool))?.uses ?? {};
        return CAPABILITIES.flatMap((capability): Target[] => {
          const use = uses[capability];
          const isWanted = wanted === undefined || wanted.includes(capability);
          const isOffered = pool.capabilities === undefined || pool.capabilities.includes(capability);
          return use === undefined || !isWanted || !isOffered
            ? []
            : [{ pool: pool.namespace, capability, use, collection: pool.collection }];
        });
      }),
    );
    // A hybrid search of a pool has asked its vectors already.
    return found.flatMap((targets) =>
      wanted === undefined && targets.some(({ capability }) => capability === "hybrid_search")
        ? targets.filter(({ capability }) => capability !== "vector_search")
        : targets,
    );
  }

  /** How a pool is spoken to; undefined as long as its servers have not been reached. */
  async function profileOf({
    namespace,
    profile,
    capabilities,
  }: RagPool): Promise<ServerProfile | undefined> {
    const known = profile ?? profiles.get(namespace);
    if (known !== undefined && profiles.has(namespace)) return known;
    const listed = await multiplexer
      .executeRequest<{ readonly tools?: readonly ToolDescription[] }>(
        { method: "tools/list" },
        { namespace },
      )
      .catch(() => ({ tools: [] }));
    const tools = listed.tools ?? [];
    const detected = tools.length === 0 ? undefined : (profile ?? detectProfile(tools, capabilities));
    if (detected !== undefined) profiles.set(namespace, detected);
    return detected;
  }

  function getMultiplexerStatus(): ProviderStatus {
    const status = multiplexer.getStatus();
    const servers = serversOf(status);
    const healthyServers = servers.filter((server) => server.status === "ready").length;
    const { queries, failed } = statistics.totals;
    return {
      isHealthy: healthyServers > 0,
      totalServers: servers.length,
      healthyServers,
      currentStrategy: status.pools[0]?.strategy ?? "",
      queueSize: status.pools.reduce((sum, { queued }) => sum + queued, 0),
      avgResponseTime: statistics.averageMs,
      throughput: statistics.throughput,
      errorRate: queries === 0 ? 0 : failed / queries,
      uptime: status.uptimeMs,
      pools: all.map(({ namespace, capabilities }) => {
        const profile = profiles.get(namespace);
        const offered = CAPABILITIES.filter((capability) => profile?.uses[capability] !== undefined);
        return {
          namespace,
          profile: profile?.name ?? null,
          capabilities:
            capabilities === undefined
              ? offered
              : offered.filter((capability) => capabilities.includes(capability)),
          servers: servers
            .filter(({ pool }) => pool === namespace)
            .map(({ id, status, reason }) => ({ id, status, reason })),
        };
      }),
    };
  }

  function getPerformanceAnalytics(): ProviderAnalytics {
    const targets = statistics.targets();
    const failoverHistory = statistics.failovers;
    const medians = targets.flatMap(({ p50Ms }) => (p50Ms === null ? [] : [p50Ms])).toSorted((a, b) => a - b);
    const usual = medians[Math.floor(medians.length / 2)] ?? 0;
    const slow = targets.filter(
      ({ p50Ms }) => p50Ms !== null && medians.length > 1 && p50Ms > SLOW_RATIO * usual,
    );
    const alone = multiplexer.getStatus().pools.filter(({ replicas }) => replicas.length === 1);
    return {
      dashboard: { ...statistics.totals, targets },
      optimization: [
        ...slow.map(
          ({ pool, capability }) =>
            `${capability} of ${pool} takes more than ${SLOW_RATIO} times as long as the others: give it replicas, or leave it out.`,
        ),
        ...targets
          .filter(({ queries, failures }) => queries >= 10 && failures / queries > 0.1)
          .map(
            ({ pool, failures, queries }) =>
              `${pool} failed ${failures} of ${queries} queries: see its servers' state.`,
          ),
        ...alone.map(
          ({ namespace }) =>
            `${namespace} has one server: a second one with the same documents could stand in for it.`,
        ),
      ],
      failoverHistory,
    };
  }

  function close(): Promise<void> {
    closing ??= multiplexer.close();
    return closing;
  }
}

function serversOf({ pools }: MultiplexerStatus): ProviderHealth["servers"] {
  return pools.flatMap(({ namespace, replicas }) =>
    replicas.map(({ id, status, reason }) => ({ id, pool: namespace, status, reason })),
  );
}

function failureOf(reports: RagResponse["servers"], limit: number): RagError {
  const reasons = reports.map(
    ({ pool, error }) => `${pool}: ${error?.code ?? "no answer"}: ${error?.message ?? ""}`,
  );
  const facts = { servers: reasons };
  if (reports.length === 0)
    return new RagError(
      "NO_SERVERS_AVAILABLE",
      "No server offers what was asked for, or none has been reached yet.",
      facts,
    );
  if (reports.every(({ outcome }) => outcome === "timed-out"))
    return new RagError(
      "DEADLINE_EXCEEDED",
      `No RAG server answered within ${limit} ms (${reasons.join("; ")}).`,
      facts,
    );
  const unreachable = ["NO_SERVERS_AVAILABLE", "FAILOVER_EXHAUSTED", "CONNECTION_FAILED", "CIRCUIT_OPEN"];
  return reports.every(({ error }) => unreachable.includes(error?.code ?? ""))
    ? new RagError("NO_SERVERS_AVAILABLE", `No RAG server can be reached (${reasons.join("; ")}).`, facts)
    : new RagError("QUERY_FAILED", `No RAG server answered (${reasons.join("; ")}).`, facts);
}

function check(condition: boolean, message: string): void {
  if (!condition) throw new RagError("INVALID_INPUT", message);
}
