// How a pool is written down.
import type { StrategyFactory } from "@fairlead/balancer";
import { z } from "zod";
import type {
  AdaptiveTimeoutConfig,
  BreakerConfig,
  CacheConfig,
  HealthCheck,
  HealthCheckConfig,
  HedgeConfig,
  OutlierEjectionConfig,
  PoolConfig,
  PoolDefaults,
  RestartConfig,
  SessionLimitsConfig,
  SlowStartConfig,
  ToolPolicy,
} from "../config.ts";
import { type FieldsOf, milliseconds, type ObjectSchema, positive, text } from "./fields.ts";
import { upstreamSchema } from "./upstream-schema.ts";

/** Everything about a pool but its name, which a file may write as a key. */
export type PoolOptions = Omit<PoolConfig, "namespace">;

export const namespaceSchema: z.ZodType<string> = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,32}$/, "a namespace must be 1 to 32 characters of [A-Za-z0-9_-]")
  .describe("Prefix of the pool's tools: 1 to 32 characters of [A-Za-z0-9_-]");

const ratio = z.number().min(0).max(1);

const adaptiveFields: FieldsOf<AdaptiveTimeoutConfig> = {
  enabled: z.boolean().optional().describe("Default: true"),
  quantile: z
    .number()
    .min(0.01)
    .max(0.9999)
    .optional()
    .describe("The deadline is this quantile of recent durations times factor. Default: 0.99"),
  factor: z.number().min(1).max(1_000).optional().describe("Default: 3"),
  minMs: milliseconds.optional().describe("Never below, in milliseconds. Default: 1000"),
  warmUp: z.number().int().min(2).max(200).optional().describe("Durations needed first. Default: 20"),
  maxAgeMs: positive.optional().describe("Older durations count no more, in milliseconds. Default: 300000"),
};

const hedgeFields: FieldsOf<HedgeConfig> = {
  enabled: z.boolean().optional().describe("Default: true"),
  delayMs: milliseconds
    .optional()
    .describe("Wait before the second attempt, in milliseconds. Default: a quantile of recent durations"),
  quantile: z
    .number()
    .min(0.01)
    .max(0.9999)
    .optional()
    .describe("Which quantile, when there is no delayMs. Default: 0.95"),
};

const cacheFields: FieldsOf<CacheConfig> = {
  ttlMs: positive.describe("How long a result stays true, in milliseconds"),
  shared: z
    .boolean()
    .optional()
    .describe(
      "Whether a result for one caller is one for every other, too, unless its server calls it private. Default: false",
    ),
};

const adaptiveSchema = z.strictObject(adaptiveFields).optional();
const hedgeSchema = z.strictObject(hedgeFields).optional();

const toolFields: FieldsOf<ToolPolicy> = {
  retry: z
    .enum(["safe", "never"])
    .optional()
    .describe("safe: may run twice, so it is retried elsewhere; never: not even if annotated as read-only"),
  timeoutMs: positive.optional().describe("Longest time without an answer or progress, in milliseconds"),
  maxTimeoutMs: positive.optional().describe("Longest time, progress or not, in milliseconds"),
  maxAttempts: positive.optional().describe("Attempts for one call, on different upstreams"),
  adaptiveTimeout: adaptiveSchema.describe("Deadline that follows the tool's recent durations"),
  hedge: hedgeSchema.describe("Second attempt when a read-only call takes longer than most"),
  cache: z.strictObject(cacheFields).optional().describe("Keeps results, for equal arguments. Default: off"),
};

const sessionLimitsFields: FieldsOf<SessionLimitsConfig> = {
  max: positive.optional().describe("Sessions at a time. Default: 32 for processes, 1000 over HTTP"),
  idleMs: positive
    .optional()
    .describe("A session ends after this long without calls, in milliseconds. Default: 1800000"),
};

const healthCheckFields: FieldsOf<HealthCheckConfig> = {
  intervalMs: milliseconds
    .optional()
    .describe("Between two pings, in milliseconds; 0 turns them off. Default: 10000"),
  timeoutMs: positive.optional().describe("Longest time for the answer, in milliseconds. Default: 5000"),
  failureThreshold: positive
    .optional()
    .describe("Pings in a row that must fail before it gets no calls. Default: 2"),
  check: z
    .custom<HealthCheck>(
      (value) => typeof value === "function",
      "must be a function; only code can hand it over",
    )
    .optional()
    .describe("A function that throws when the upstream is not well, instead of the ping"),
};

const restartFields: FieldsOf<RestartConfig> = {
  baseDelayMs: positive
    .optional()
    .describe("First delay after a failure, in milliseconds; doubles. Default: 200"),
  maxDelayMs: positive
    .optional()
    .describe("Longest delay, in milliseconds. Default: 30000 for processes, 1500 for URLs"),
  crashLoopThreshold: positive
    .optional()
    .describe("Ends within a minute that count as a crash loop. Default: 5"),
};

const breakerFields: FieldsOf<BreakerConfig> = {
  monitoringWindowMs: positive
    .optional()
    .describe("How far back failures count, in milliseconds. Default: 300000"),
  failureThreshold: positive.optional().describe("Failures in a row that open it. Default: 5"),
  resetTimeoutMs: positive.optional().describe("How long it stays open, in milliseconds. Default: 60000"),
  successThreshold: positive.optional().describe("Probes that must succeed to close it. Default: 3"),
  halfOpenMaxCalls: positive.optional().describe("Probes at a time. Default: 3"),
};

const ejectionFields: FieldsOf<OutlierEjectionConfig> = {
  enabled: z.boolean().optional().describe("Default: true"),
  consecutiveFailures: z
    .number()
    .int()
    .min(0)
    .optional()
    .describe("Failures in a row that eject; 0: off. Default: 5"),
  failureRatio: ratio.optional().describe("Share of failures within a window that ejects. Default: 0.5"),
  slowCallMs: positive.optional().describe("Calls that take longer are slow, in milliseconds. Default: off"),
  slowCallRatio: ratio.optional().describe("Share of slow calls within a window that ejects. Default: 0.8"),
  windowMs: positive.optional().describe("Length of a window, in milliseconds. Default: 10000"),
  minimumCalls: positive
    .optional()
    .describe("Calls in a window below which shares mean nothing. Default: 20"),
  baseEjectionMs: positive.optional().describe("First ejection, in milliseconds; doubles. Default: 1000"),
  maxEjectionMs: positive.optional().describe("Longest ejection, in milliseconds. Default: 5000"),
  maxEjectedRatio: ratio
    .optional()
    .describe("Share of a priority's upstreams that may be out at a time; one always may. Default: 0.5"),
};

const slowStartFields: FieldsOf<SlowStartConfig> = {
  windowMs: milliseconds.optional().describe("How long the ramp takes, in milliseconds; 0: none. Default: 0"),
  aggression: z
    .number()
    .gt(0)
    .optional()
    .describe("1 is a straight line, larger gives more work early. Default: 1"),
  minWeightRatio: ratio.optional().describe("Share of its weight that it gets at once. Default: 0.1"),
};

const strategy: z.ZodType<string | StrategyFactory<never>> = z.union([
  text,
  z.custom<StrategyFactory<never>>(
    (value) => typeof value === "function",
    "must be the name of a strategy, or a factory",
  ),
]);

const poolFields: FieldsOf<PoolOptions> = {
  upstreams: z.array(upstreamSchema).min(1).describe("The servers that serve the pool"),
  strategy: strategy
    .optional()
    .describe("Load-balancing strategy: built in, or an installed package. Default: least-connections"),
  strategyOptions: z
    .record(z.string(), z.unknown())
    .optional()
    .describe("Options of the strategy, which checks them"),
  timeoutMs: positive
    .optional()
    .describe("A call without answer or progress ends after this long, in milliseconds. Default: 30000"),
  maxTimeoutMs: positive
    .optional()
    .describe("A call ends after this long, progress or not, in milliseconds. Default: 600000"),
  startTimeoutMs: positive
    .optional()
    .describe("Longest time for initialize or server/discover, in milliseconds. Default: 10000"),
  maxAttempts: positive.optional().describe("Attempts for one call, on different upstreams. Default: 3"),
  queueTimeoutMs: milliseconds
    .optional()
    .describe("How long a call waits for an upstream, in milliseconds. Default: 2000"),
  maxQueue: z.number().int().min(0).optional().describe("Calls that may wait at a time. Default: 1000"),
  queueAgeingMs: positive
    .optional()
    .describe("After waiting this long a call counts as one priority higher, in milliseconds. Default: 200"),
  trustAnnotations: z
    .boolean()
    .optional()
    .describe("Whether readOnlyHint and idempotentHint of the tools are believed. Default: true"),
  tools: z.record(z.string(), z.strictObject(toolFields)).optional().describe("Rules by original tool name"),
  adaptiveTimeout: adaptiveSchema.describe(
    "Deadline that follows each tool's recent durations, within timeoutMs. Default: off",
  ),
  hedge: hedgeSchema.describe(
    "Second attempt elsewhere when a read-only call takes longer than most. Default: off",
  ),
  cacheBytes: positive
    .optional()
    .describe("Most that kept results of tools with a cache take, in bytes. Default: 16777216 (16 MiB)"),
  cacheEntries: positive
    .optional()
    .describe("Most results of tools with a cache that are kept. Default: 10000"),
  session: z
    .enum(["per-client", "shared", "ephemeral"])
    .optional()
    .describe(
      "Who shares a session with a server that keeps sessions. Default: per-client if all upstreams are reached over HTTP, else shared",
    ),
  sessionLimits: z
    .strictObject(sessionLimitsFields)
    .optional()
    .describe("Bounds for the sessions that clients have with one upstream"),
  clientCapabilities: z
    .array(z.enum(["sampling", "elicitation", "roots"]))
    .optional()
    .describe("Which capabilities of clients servers are told of. Default: all"),
  healthCheck: z
    .strictObject(healthCheckFields)
    .optional()
    .describe("Pings (modern servers: server/discover)"),
  restart: z.strictObject(restartFields).optional().describe("How a lost upstream is tried again"),
  breaker: z.strictObject(breakerFields).optional().describe("The circuit breaker of each upstream"),
  outlierEjection: z
    .strictObject(ejectionFields)
    .optional()
    .describe("Leaves out an upstream whose calls fail, for a while"),
  slowStart: z
    .strictObject(slowStartFields)
    .optional()
    .describe("Ramp for upstreams that are new or come back"),
  panicThresholdRatio: ratio
    .optional()
    .describe(
      "When a smaller share of one priority's upstreams serves, ejections are disregarded. Default: 0.5",
    ),
  loadReports: z
    .boolean()
    .optional()
    .describe("Whether the strategy is told CPU and memory of processes. Default: true with resource-aware"),
  on503: z
    .enum(["rejected", "unknown"])
    .optional()
    .describe("What an upstream's HTTP 503 means: not executed, or nobody can tell. Default: unknown"),
};

/** A pool without its name, for formats that name pools by key; extend it for keys of their own. */
export const poolOptionsSchema: ObjectSchema<PoolOptions> = z.strictObject(poolFields);

const { upstreams: _upstreams, tools: _tools, ...defaultFields } = poolFields;

/** What pools may have in common. */
export const poolDefaultsSchema: ObjectSchema<PoolDefaults> = z.strictObject(defaultFields);

export const poolSchema: ObjectSchema<PoolConfig> = z.strictObject({
  namespace: namespaceSchema,
  ...poolFields,
});
