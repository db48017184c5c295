// What holds for the calls of a pool and of its tools. Worked out when the configuration is read: a call of a tool for
// which nothing special was said goes straight on its way.
import type { Clock } from "@fairlead/core";
import type { PoolConfig, ToolPolicy } from "../config.ts";
import { type AdaptiveDeadline, createAdaptiveDeadline } from "./adaptive-deadline.ts";
import { cacheCalls } from "./cached-calls.ts";
import { createHedging, type HedgeHost, type Hedging } from "./hedge.ts";
import type { PoolRequest } from "./pool-request.ts";
import type { ResultCache, ResultCacheOptions } from "./result-cache.ts";

/** Something under way that can be called off. An object with shared functions, because one is made per call. */
export interface Work {
  /** The upstream whose answer was passed on, once it was. */
  readonly answeredBy?: string | undefined;
  /** Upstreams that failed on it. */
  readonly tried?: readonly string[] | undefined;
  cancel(reason: string): void;
}

export type Dispatch = (request: PoolRequest) => Work;

/** What holds for a call. */
export interface CallPolicy {
  /** By the operator's word; undefined: by annotation. */
  readonly retry: "safe" | "never" | undefined;
  readonly trustAnnotations: boolean;
  readonly timeoutMs: number;
  readonly maxTimeoutMs: number;
  readonly maxAttempts: number;
  /** Another way than the plain one; undefined for nearly all calls. */
  readonly dispatch: Dispatch | undefined;
}

export interface Policies {
  /** What holds for a call of `method` on the thing that the upstream calls `original`. */
  of(method: string, original: string): CallPolicy;
  readonly cache: ResultCache | undefined;
}

export interface PolicyHost extends HedgeHost {
  readonly clock: Clock;
  readonly cache: (bounds: Omit<ResultCacheOptions, "clock">) => ResultCache;
}

const TIMEOUT_MS = 30_000;
const MAX_TIMEOUT_MS = 600_000;
const MAX_ATTEMPTS = 3;
const CACHE_BYTES = 16 * 1024 * 1024;
const CACHE_ENTRIES = 10_000;
/** Tools and methods that durations are kept of, each for itself; more share one memory. */
const MAX_LEARNED = 1_000;

export function createPolicies(config: PoolConfig, host: PolicyHost): Policies {
  const tools = new Map(Object.entries(config.tools ?? {}));
  const caches = [...tools.values()].some(({ cache }) => cache !== undefined);
  const { cacheBytes: maxBytes = CACHE_BYTES, cacheEntries: maxEntries = CACHE_ENTRIES } = config;
  const cache = caches ? host.cache({ maxBytes, maxEntries }) : undefined;
  const base = compile(undefined);
  const compiled = new Map([...tools].map(([name, tool]) => [name, compile(tool)]));
  if (!learns(config)) {
    const isPlain = compiled.size === 0;
    return {
      cache,
      of: (method, original) => (isPlain || method !== TOOL ? base : (compiled.get(original) ?? base)),
    };
  }
  // What is learned is learned of each thing by itself.
  const learned = new Map<string, CallPolicy>();
  return {
    cache,
    of(method, original) {
      const key = method === TOOL ? original : `${method} ${original}`;
      const known = (method === TOOL ? compiled.get(original) : undefined) ?? learned.get(key);
      if (known !== undefined) return known;
      if (learned.size >= MAX_LEARNED) return base;
      const policy = compile(undefined);
      learned.set(key, policy);
      return policy;
    },
  };

  function compile(tool: ToolPolicy | undefined): CallPolicy {
    const timeoutMs = tool?.timeoutMs ?? config.timeoutMs ?? TIMEOUT_MS;
    const adaptive = { ...config.adaptiveTimeout, ...tool?.adaptiveTimeout };
    const hedge = { ...config.hedge, ...tool?.hedge };
    const isAdaptive = isOn(config.adaptiveTimeout, tool?.adaptiveTimeout);
    const isHedged = isOn(config.hedge, tool?.hedge);
    const deadline: AdaptiveDeadline | undefined = isAdaptive
      ? createAdaptiveDeadline({ ...adaptive, timeoutMs, clock: host.clock })
      : undefined;
    const hedging: Hedging | undefined = isHedged ? createHedging(hedge, host) : undefined;
    let dispatch: Dispatch | undefined;
    if (hedging !== undefined) dispatch = (request) => hedging.dispatch(request);
    if (deadline !== undefined) {
      const next = dispatch ?? host.run;
      dispatch = (request) => next(deadline.observe(request));
    }
    const cached = tool?.cache;
    if (cached !== undefined && cache !== undefined)
      dispatch = cacheCalls({ cache, config: cached, clock: host.clock, next: dispatch ?? host.run });
    return {
      retry: tool?.retry,
      trustAnnotations: config.trustAnnotations ?? true,
      timeoutMs,
      maxTimeoutMs: tool?.maxTimeoutMs ?? config.maxTimeoutMs ?? MAX_TIMEOUT_MS,
      maxAttempts: tool?.maxAttempts ?? config.maxAttempts ?? MAX_ATTEMPTS,
      dispatch,
    };
  }
}

const TOOL = "tools/call";

type Switch = { readonly enabled?: boolean | undefined } | undefined;

/** A group that is written down is on, unless it says otherwise; a tool's word comes before the pool's. */
function isOn(pool: Switch, tool: Switch): boolean {
  return tool === undefined ? pool !== undefined && pool.enabled !== false : tool.enabled !== false;
}

function learns({ hedge, adaptiveTimeout }: PoolConfig): boolean {
  return isOn(hedge, undefined) || isOn(adaptiveTimeout, undefined);
}
