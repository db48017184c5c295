// Ready configurations for the usual sizes of an installation. They say how pools behave; which servers there are is added
// as `pools`, or given to `initialize`.
import type { MultiplexerConfig } from "../config.ts";

/** A configuration with what a person should know to choose it. */
export interface PresetConfiguration {
  readonly name: string;
  readonly description: string;
  /** Replicas that a pool should have. */
  readonly serverCount: number;
  readonly multiplexerConfig: MultiplexerConfig;
}

export const MultiplexingPreset = {
  DEVELOPMENT: "DEVELOPMENT",
  PRODUCTION_SMALL: "PRODUCTION_SMALL",
  PRODUCTION_LARGE: "PRODUCTION_LARGE",
  HIGH_AVAILABILITY: "HIGH_AVAILABILITY",
  PERFORMANCE_OPTIMIZED: "PERFORMANCE_OPTIMIZED",
} as const;

export type MultiplexingPresetName = keyof typeof MultiplexingPreset;

/** The preset of that name, as a copy of one's own. @throws RangeError for a name that is none */
export function getPresetConfiguration(preset: MultiplexingPresetName): PresetConfiguration {
  if (!Object.hasOwn(PRESETS, preset))
    throw new RangeError(`preset must be one of ${Object.keys(PRESETS).join(", ")}, got "${preset}"`);
  return structuredClone(PRESETS[preset]);
}

const PRESETS: Readonly<Record<MultiplexingPresetName, PresetConfiguration>> = {
  DEVELOPMENT: {
    name: "Development",
    description:
      "1 or 2 servers on one machine: long deadlines for a debugger, quick restarts, small bounds.",
    serverCount: 1,
    multiplexerConfig: {
      pools: [],
      poolDefaults: {
        strategy: "round-robin",
        timeoutMs: 300_000,
        maxAttempts: 2,
        maxQueue: 100,
        healthCheck: { intervalMs: 30_000, timeoutMs: 10_000, failureThreshold: 3 },
        restart: { baseDelayMs: 200, maxDelayMs: 2_000 },
        breaker: { failureThreshold: 10, resetTimeoutMs: 5_000, successThreshold: 1 },
        // With one or two servers a doubtful one is better than none, and a debugger stops each of them.
        outlierEjection: { enabled: false },
      },
      limits: { maxSessions: 100, maxConcurrentStarts: 2 },
    },
  },
  PRODUCTION_SMALL: {
    name: "Production, small",
    description: "3 servers, 50 to 100 calls per second: fair bounds, failover within seconds.",
    serverCount: 3,
    multiplexerConfig: {
      pools: [],
      poolDefaults: {
        strategy: "least-connections",
        timeoutMs: 30_000,
        maxAttempts: 3,
        queueTimeoutMs: 2_000,
        maxQueue: 500,
        healthCheck: { intervalMs: 10_000, timeoutMs: 5_000, failureThreshold: 2 },
        breaker: { failureThreshold: 5, resetTimeoutMs: 60_000, successThreshold: 3 },
      },
      limits: { maxSessions: 1_000 },
    },
  },
  PRODUCTION_LARGE: {
    name: "Production, large",
    description: "8 servers, 500 to 1 000 calls per second: balances by expected delay, deeper queues.",
    serverCount: 8,
    multiplexerConfig: {
      pools: [],
      poolDefaults: {
        strategy: "shortest-expected-delay",
        timeoutMs: 30_000,
        maxAttempts: 3,
        queueTimeoutMs: 2_000,
        maxQueue: 5_000,
        healthCheck: { intervalMs: 5_000, timeoutMs: 2_500, failureThreshold: 2 },
        breaker: { failureThreshold: 5, resetTimeoutMs: 30_000, successThreshold: 3 },
        slowStart: { windowMs: 10_000 },
      },
      limits: { maxSessions: 20_000, maxConcurrentStarts: 8 },
    },
  },
  HIGH_AVAILABILITY: {
    name: "High availability",
    description:
      "6 servers: notices a lost server within 2 to 4 seconds, tries up to 5 servers for one call.",
    serverCount: 6,
    multiplexerConfig: {
      pools: [],
      poolDefaults: {
        strategy: "least-connections",
        timeoutMs: 20_000,
        maxAttempts: 5,
        queueTimeoutMs: 5_000,
        maxQueue: 2_000,
        healthCheck: { intervalMs: 2_000, timeoutMs: 1_000, failureThreshold: 2 },
        restart: { baseDelayMs: 100, maxDelayMs: 1_000 },
        breaker: { failureThreshold: 3, resetTimeoutMs: 10_000, successThreshold: 2 },
        outlierEjection: { consecutiveFailures: 3 },
        slowStart: { windowMs: 5_000 },
      },
      limits: { maxSessions: 10_000, maxConcurrentStarts: 6 },
    },
  },
  PERFORMANCE_OPTIMIZED: {
    name: "Performance optimized",
    description:
      "6 servers, more than 1 000 calls per second: a strategy that learns, short waits, early refusals.",
    serverCount: 6,
    multiplexerConfig: {
      pools: [],
      poolDefaults: {
        strategy: "adaptive",
        timeoutMs: 10_000,
        maxAttempts: 2,
        queueTimeoutMs: 500,
        maxQueue: 2_000,
        healthCheck: { intervalMs: 5_000, timeoutMs: 1_000, failureThreshold: 2 },
        breaker: { failureThreshold: 5, resetTimeoutMs: 15_000, successThreshold: 2 },
        outlierEjection: { slowCallMs: 5_000 },
        slowStart: { windowMs: 5_000 },
      },
      limits: { maxSessions: 20_000, maxConcurrentStarts: 6 },
    },
  },
};
