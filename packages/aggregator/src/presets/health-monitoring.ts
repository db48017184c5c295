// One group of settings for breaker, pings and deadline, under the names that monitoring configurations commonly use.
import type { PoolDefaults } from "../config.ts";

export interface HealthMonitoringOptions {
  /** Failures before a circuit opens: `breaker.failureThreshold`. */
  readonly failureThreshold?: number;
  /** Longest time for a call's answer, in milliseconds: `timeoutMs`. */
  readonly timeoutMs?: number;
  /** How long a circuit stays open, in milliseconds: `breaker.resetTimeoutMs`. */
  readonly recoveryTimeMs?: number;
  /** Successes that close a circuit: `breaker.successThreshold`. */
  readonly successThreshold?: number;
  /** How far back failures count, in milliseconds: `breaker.monitoringWindowMs`. */
  readonly monitoringWindow?: number;
  /** Time between two pings, in milliseconds: `healthCheck.intervalMs`. */
  readonly healthCheckInterval?: number;
}

/** The same settings as options of pools. */
export function healthMonitoring(options: HealthMonitoringOptions = {}): PoolDefaults {
  return {
    timeoutMs: options.timeoutMs,
    healthCheck: { intervalMs: options.healthCheckInterval },
    breaker: {
      failureThreshold: options.failureThreshold,
      resetTimeoutMs: options.recoveryTimeMs,
      successThreshold: options.successThreshold,
      monitoringWindowMs: options.monitoringWindow,
    },
  };
}
