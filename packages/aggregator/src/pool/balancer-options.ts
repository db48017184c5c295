// A pool's balancer and breakers as its configuration wants them. They check their options themselves, so the same options
// are tried when a configuration is checked.
import type { BalancerOptions } from "@fairlead/balancer";
import type { CircuitBreakerOptions } from "@fairlead/core";
import { type BreakerConfig, DEFAULT_STRATEGY, type PoolConfig } from "../config.ts";

/** Options of a pool that its balancer is made with. */
export const BALANCER_KEYS: readonly (keyof PoolConfig)[] = [
  "strategy",
  "strategyOptions",
  "outlierEjection",
  "slowStart",
  "panicThresholdRatio",
];

export function balancerOptions({
  strategy = DEFAULT_STRATEGY,
  strategyOptions,
  outlierEjection: { enabled: ejects = true, ...outlierEjection } = {},
  slowStart = {},
  panicThresholdRatio = 0.5,
}: PoolConfig): BalancerOptions & { readonly strategy: NonNullable<PoolConfig["strategy"]> } {
  return {
    strategy,
    strategyOptions,
    outlierEjection: ejects && defined(outlierEjection),
    slowStart: defined(slowStart),
    panicThresholdRatio,
    // A pause of this process during a pick is no fault of a built-in strategy.
    ...(typeof strategy === "string" ? { strategyStallMs: Infinity } : {}),
  };
}

export function breakerOptions(breaker: BreakerConfig = {}): CircuitBreakerOptions {
  return defined(breaker);
}

type Defined<T> = { readonly [K in keyof T]: Exclude<T[K], undefined> };

/** Without the fields that are undefined, so that they do not override defaults. */
function defined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as Defined<T>;
}
