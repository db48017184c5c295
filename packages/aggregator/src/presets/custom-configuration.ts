// A configuration from a few questions, for who does not want to know every option.
import type { MultiplexerConfig, PoolDefaults } from "../config.ts";
import { withPoolDefaults } from "../pool-defaults.ts";
import { type HealthMonitoringOptions, healthMonitoring } from "./health-monitoring.ts";
import {
  getPresetConfiguration,
  type MultiplexingPresetName,
  type PresetConfiguration,
} from "./preset-configuration.ts";

export interface CustomConfigurationOptions {
  /** @defaultValue "Custom" */
  readonly name?: string;
  readonly description?: string;
  /** Replicas that a pool will have, from 1; a queue of 250 calls is allowed for each. @defaultValue that of the base */
  readonly serverCount?: number;
  /** `low`: development; `medium`: production, small; `high`: high availability. @defaultValue "medium" */
  readonly reliability?: "low" | "medium" | "high";
  /** Takes strategy, deadlines and waits of the performance preset. @defaultValue false */
  readonly performanceOptimized?: boolean;
  /** Name of a strategy; wins over the base's. */
  readonly loadBalancingStrategy?: string;
  /** False turns the pings off; the breakers stay. @defaultValue true */
  readonly enableHealthMonitoring?: boolean;
  /** False gives each call one attempt. @defaultValue true */
  readonly enableFailover?: boolean;
  /** Single settings of breaker, pings and deadline. */
  readonly healthMonitoring?: HealthMonitoringOptions;
}

const BASES: Readonly<Record<"low" | "medium" | "high", MultiplexingPresetName>> = {
  low: "DEVELOPMENT",
  medium: "PRODUCTION_SMALL",
  high: "HIGH_AVAILABILITY",
};
const QUEUE_PER_SERVER = 250;

/** Makes a configuration from a preset and what is asked for. @throws RangeError naming the option that is out of range */
export function createCustomConfiguration(options: CustomConfigurationOptions = {}): PresetConfiguration {
  const { reliability = "medium", performanceOptimized = false } = options;
  if (!Object.hasOwn(BASES, reliability))
    throw new RangeError(`reliability must be low, medium or high, got "${reliability}"`);
  const base = getPresetConfiguration(BASES[reliability]);
  const { serverCount = base.serverCount } = options;
  if (!Number.isInteger(serverCount) || serverCount < 1)
    throw new RangeError(`serverCount must be a whole number from 1, got ${serverCount}`);
  const poolDefaults = [
    base.multiplexerConfig.poolDefaults,
    performanceOptimized ? performance() : undefined,
    { maxQueue: serverCount * QUEUE_PER_SERVER },
    healthMonitoring(options.healthMonitoring),
    options.enableHealthMonitoring === false ? { healthCheck: { intervalMs: 0 } } : undefined,
    options.enableFailover === false ? { maxAttempts: 1 } : undefined,
    { strategy: options.loadBalancingStrategy },
  ].reduce(merge, {});
  const multiplexerConfig: MultiplexerConfig = { ...base.multiplexerConfig, poolDefaults };
  return {
    name: options.name ?? "Custom",
    description: options.description ?? `${serverCount} servers, ${reliability} reliability`,
    serverCount,
    multiplexerConfig,
  };
}

function performance(): PoolDefaults {
  const { strategy, timeoutMs, queueTimeoutMs } =
    getPresetConfiguration("PERFORMANCE_OPTIMIZED").multiplexerConfig.poolDefaults ?? {};
  return { strategy, timeoutMs, queueTimeoutMs };
}

function merge(under: PoolDefaults = {}, over: PoolDefaults = {}): PoolDefaults {
  const {
    namespace: _namespace,
    upstreams: _upstreams,
    ...merged
  } = withPoolDefaults({ ...over, namespace: "", upstreams: [] }, under);
  return merged;
}
