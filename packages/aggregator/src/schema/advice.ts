// Warnings about, and recommendations for, a configuration that is valid.
import type { HttpUpstreamConfig, MultiplexerConfig, PoolConfig, UpstreamConfig } from "../config.ts";
import type { ConfigFinding } from "../contradictions.ts";
import { routingWarnings } from "./routing-advice.ts";

interface Advice {
  readonly warnings: ConfigFinding[];
  readonly recommendations: ConfigFinding[];
}

/** How long the official SDKs' clients wait for an answer, unless they are told otherwise. */
const CLIENT_TIMEOUT_MS = 60_000;
const CREDENTIAL_HEADERS = /^(authorization|cookie|x-api-key|api-key)$/i;

/** `serverCount` is how many upstreams a pool should have by its preset. */
export function adviceOn(config: MultiplexerConfig, serverCount: number | undefined): Advice {
  const { pools } = config;
  const advice: Advice = { warnings: routingWarnings(config), recommendations: [] };
  if (pools.length === 0) {
    advice.warnings.push({
      path: "pools",
      message: "no pool is configured, so nothing is served yet",
      fix: "add a pool, or give servers to initialize()",
    });
  }
  for (const [at, pool] of pools.entries()) {
    const path = `pools[${at}]`;
    adviseOnTimes(pool, path, advice);
    adviseOnRedundancy(pool, path, advice, serverCount);
    adviseOnUrls(pool, path, advice);
  }
  return advice;
}

function adviseOnTimes(pool: PoolConfig, path: string, { warnings, recommendations }: Advice): void {
  const { timeoutMs = 30_000, maxTimeoutMs = 600_000, queueTimeoutMs = 2_000, healthCheck, restart } = pool;
  const { intervalMs = 10_000, timeoutMs: pingTimeoutMs = 5_000 } = healthCheck ?? {};
  if (timeoutMs > maxTimeoutMs) {
    warnings.push({
      path: `${path}.timeoutMs`,
      message: `a call without progress may take ${timeoutMs} ms, one with progress only ${maxTimeoutMs} ms`,
      fix: "raise maxTimeoutMs, or lower timeoutMs",
    });
  }
  if (queueTimeoutMs >= timeoutMs) {
    warnings.push({
      path: `${path}.queueTimeoutMs`,
      message: `a call may wait ${queueTimeoutMs} ms for an upstream, but has only ${timeoutMs} ms in all`,
      fix: "lower queueTimeoutMs well below timeoutMs",
    });
  }
  if (intervalMs === 0) {
    warnings.push({
      path: `${path}.healthCheck.intervalMs`,
      message: "pings are off, so a server that hangs is noticed only by the calls that fail on it",
      fix: "set it to 10000 or so",
    });
  } else if (pingTimeoutMs > intervalMs) {
    warnings.push({
      path: `${path}.healthCheck.timeoutMs`,
      message: `a ping may take ${pingTimeoutMs} ms, longer than the ${intervalMs} ms to the next one`,
      fix: "lower it below intervalMs",
    });
  }
  const { baseDelayMs = 200, maxDelayMs } = restart ?? {};
  if (maxDelayMs !== undefined && baseDelayMs > maxDelayMs) {
    warnings.push({
      path: `${path}.restart.baseDelayMs`,
      message: `the first delay, ${baseDelayMs} ms, is longer than the longest, ${maxDelayMs} ms`,
      fix: "lower baseDelayMs, or raise maxDelayMs",
    });
  }
  if (timeoutMs > CLIENT_TIMEOUT_MS) {
    recommendations.push({
      path: `${path}.timeoutMs`,
      message: `most clients give up after ${CLIENT_TIMEOUT_MS} ms unless they see progress; this pool allows ${timeoutMs} ms`,
      fix: "lower it, or have the tools report progress",
    });
  }
}

function adviseOnRedundancy(
  { namespace, upstreams, maxAttempts = 3, breaker }: PoolConfig,
  path: string,
  { warnings, recommendations }: Advice,
  serverCount: number | undefined,
): void {
  const count = upstreams.reduce((sum, upstream) => sum + mostOf(upstream), 0);
  if (count > 1 && maxAttempts === 1) {
    warnings.push({
      path: `${path}.maxAttempts`,
      message: `"${namespace}" has ${count} upstreams, but a call that fails on one is not tried on another`,
      fix: "set it to 2 or 3",
    });
  }
  if (breaker?.failureThreshold === 1) {
    warnings.push({
      path: `${path}.breaker.failureThreshold`,
      message: "one failed call takes a whole upstream out of service",
      fix: "set it to 3 to 5",
    });
  }
  if (count === 1) {
    recommendations.push({
      path: `${path}.upstreams`,
      message: `"${namespace}" has one upstream; while it restarts, its calls wait or fail`,
      fix: "add a second one, if the server keeps no state of its own",
    });
  } else if (serverCount !== undefined && count < serverCount) {
    recommendations.push({
      path: `${path}.upstreams`,
      message: `"${namespace}" has ${count} upstreams; the preset is meant for ${serverCount}`,
      fix: "add upstreams, or choose a smaller preset",
    });
  }
  if (count > 1 && upstreams.every(({ maxConcurrency }) => maxConcurrency === undefined)) {
    recommendations.push({
      path: `${path}.upstreams`,
      message: `no upstream of "${namespace}" has a bound on its concurrent calls`,
      fix: "set maxConcurrency to what one server takes, so that the rest waits here, in order",
    });
  }
}

/** Processes, where one upstream has several. */
function mostOf(upstream: UpstreamConfig): number {
  const { replicas } = upstream;
  return typeof replicas === "number" ? replicas : (replicas?.max ?? replicas?.min ?? 1);
}

function adviseOnUrls({ upstreams }: PoolConfig, path: string, { warnings, recommendations }: Advice): void {
  const hosts = new Set<string>();
  const seen = new Map<string, number>();
  for (const [at, upstream] of upstreams.entries()) {
    if (upstream.transport === "stdio") continue;
    const url = parseUrl(upstream.url);
    // With `{port}` or `{socket}` in it, it is a place on this machine that nobody else has.
    if (url === undefined || upstream.url.includes("{")) continue;
    hosts.add(url.hostname);
    const first = seen.get(url.href);
    seen.set(url.href, first ?? at);
    if (first !== undefined) {
      warnings.push({
        path: `${path}.upstreams[${at}].url`,
        message: `upstreams ${first} and ${at} are the same server, so they fail together`,
        fix: "name another server, or give one upstream more weight",
      });
    }
    if (url.username !== "" || url.password !== "") {
      warnings.push({
        path: `${path}.upstreams[${at}].url`,
        message: "credentials in a URL end up in logs and error messages",
        fix: "send them as headers.authorization",
      });
    }
    if (url.protocol === "http:" && !isLocal(url.hostname) && hasCredentials(upstream)) {
      warnings.push({
        path: `${path}.upstreams[${at}].url`,
        message: `credentials are sent to ${url.hostname} without encryption`,
        fix: "use https://",
      });
    }
  }
  const [host = ""] = hosts;
  if (seen.size > 1 && hosts.size === 1 && !isLocal(host)) {
    recommendations.push({
      path: `${path}.upstreams`,
      message: `all upstreams are on ${host}, so they are lost together`,
      fix: "spread them over hosts or zones",
    });
  }
}

function hasCredentials({ url, headers = {} }: HttpUpstreamConfig): boolean {
  return new URL(url).password !== "" || Object.keys(headers).some((name) => CREDENTIAL_HEADERS.test(name));
}

function isLocal(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || hostname.startsWith("127.");
}

function parseUrl(url: string): URL | undefined {
  return URL.canParse(url) ? new URL(url) : undefined;
}
