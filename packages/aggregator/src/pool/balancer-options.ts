// What a pool's configuration says to its balancer.
import type { BalancerOptions } from "@fairlead/balancer";
import { DEFAULT_STRATEGY, type PoolConfig } from "../config.ts";

/** The options that a pool's configuration decides; which of them are possible, the balancer says. */
export function balancerOptionsOf({
  strategy = DEFAULT_STRATEGY,
  strategyOptions,
  outlierEjection: { enabled = true, ...outlierEjection } = {},
  slowStart = {},
  panicThresholdRatio = 0.5,
}: PoolConfig): BalancerOptions {
  return {
    strategy,
    strategyOptions,
    outlierEjection: enabled && defined(outlierEjection),
    slowStart: defined(slowStart),
    panicThresholdRatio,
    // A pause of this process during a pick is no fault of a built-in strategy.
    ...(typeof strategy === "string" ? { strategyStallMs: Infinity } : {}),
  };
}

/** Options of {@link PoolConfig} that a balancer is made with. */
export const BALANCER_KEYS: readonly (keyof PoolConfig)[] = [
  "strategy",
  "strategyOptions",
  "outlierEjection",
  "slowStart",
  "panicThresholdRatio",
];

type Defined<T> = { readonly [K in keyof T]: Exclude<T[K], undefined> };

/** Without the fields that are undefined, so that they do not override defaults. */
export function defined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as Defined<T>;
}
