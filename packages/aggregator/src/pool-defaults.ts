// Options that all pools have unless they say otherwise.
import type { PoolConfig, PoolDefaults } from "./config.ts";

/** The pool with `defaults` for what it leaves out; groups such as `breaker` are filled up key by key. */
export function withPoolDefaults(pool: PoolConfig, defaults: PoolDefaults = {}): PoolConfig {
  const merged: Record<string, unknown> = { ...defaults };
  // The options of one strategy mean nothing to another.
  if (pool.strategy !== undefined) delete merged["strategyOptions"];
  for (const [key, value] of Object.entries(pool)) {
    const fallback = merged[key];
    if (value === undefined) continue;
    merged[key] = isGroup(value) && isGroup(fallback) ? { ...fallback, ...withoutUndefined(value) } : value;
  }
  return { ...merged, namespace: pool.namespace, upstreams: pool.upstreams };
}

function isGroup(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function withoutUndefined(value: object): object {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined));
}
