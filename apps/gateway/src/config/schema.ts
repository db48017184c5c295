// The shape of fairlead.config.yaml. Every default that is not here is the multiplexer's own.
import type { LimitsConfig, PoolConfig } from "@fairlead/aggregator";
import { z } from "zod";

/** A configuration after its defaults were filled in; pools are by namespace. */
export interface GatewayConfig {
  readonly server: {
    readonly host: string;
    /** 0 takes any free one. */
    readonly port: number;
    /** Longest time that calls under way get at the end, in milliseconds. */
    readonly drainTimeoutMs: number;
  };
  readonly logging: { readonly level: "debug" | "info" | "warn" | "error" | "silent" };
  readonly separator: string;
  readonly limits?: LimitsConfig | undefined;
  readonly pools: Readonly<Record<string, Omit<PoolConfig, "namespace">>>;
}

const milliseconds = z.number().int().min(0);
const positive = z.number().int().min(1);

const upstreamCommon = {
  id: z.string().min(1).max(128).optional(),
  weight: z.number().gt(0).optional(),
  priority: z.number().int().min(0).optional(),
  maxConcurrency: positive.optional(),
  era: z.enum(["auto", "legacy", "modern"]).optional(),
  args: z.array(z.string()).optional(),
  env: z.record(z.string(), z.string()).optional(),
  cwd: z.string().optional(),
};

const stdioUpstream = z.strictObject({
  ...upstreamCommon,
  transport: z.literal("stdio"),
  command: z.string().min(1),
});

const httpUpstream = z.strictObject({
  ...upstreamCommon,
  transport: z.literal("streamable-http"),
  // Not z.url(): `{port}` is filled in later.
  url: z.string().regex(/^https?:\/\/\S+$/, "must begin with http:// or https://"),
  headers: z.record(z.string(), z.string()).optional(),
  command: z.string().min(1).optional(),
});

/** Which transport is meant is clear from the keys, so it need not be written. */
const upstream = z.preprocess(
  (value) => {
    if (typeof value !== "object" || value === null || "transport" in value) return value;
    return { transport: "url" in value ? "streamable-http" : "stdio", ...value };
  },
  z.discriminatedUnion("transport", [stdioUpstream, httpUpstream]),
);

const toolPolicy = z.strictObject({
  retry: z.enum(["safe", "never"]).optional(),
  timeoutMs: positive.optional(),
});

const pool = z.strictObject({
  upstreams: z.array(upstream).min(1),
  strategy: z.string().min(1).optional(),
  strategyOptions: z.record(z.string(), z.unknown()).optional(),
  timeoutMs: positive.optional(),
  maxTimeoutMs: positive.optional(),
  startTimeoutMs: positive.optional(),
  maxAttempts: positive.optional(),
  queueTimeoutMs: milliseconds.optional(),
  maxQueue: z.number().int().min(0).optional(),
  trustAnnotations: z.boolean().optional(),
  tools: z.record(z.string(), toolPolicy).optional(),
  session: z.enum(["per-client", "shared", "ephemeral"]).optional(),
  sessionLimits: z.strictObject({ max: positive.optional(), idleMs: positive.optional() }).optional(),
  clientCapabilities: z.array(z.enum(["sampling", "elicitation", "roots"])).optional(),
  healthCheck: z
    .strictObject({
      intervalMs: milliseconds.optional(),
      timeoutMs: positive.optional(),
      failureThreshold: positive.optional(),
    })
    .optional(),
  restart: z
    .strictObject({
      baseDelayMs: positive.optional(),
      maxDelayMs: positive.optional(),
      crashLoopThreshold: positive.optional(),
    })
    .optional(),
  breaker: z
    .strictObject({
      failureThreshold: positive.optional(),
      resetTimeoutMs: positive.optional(),
      successThreshold: positive.optional(),
      halfOpenMaxCalls: positive.optional(),
    })
    .optional(),
});

export const configSchema: z.ZodType<GatewayConfig> = z.strictObject({
  server: z
    .strictObject({
      host: z.string().default("127.0.0.1"),
      port: z.number().int().min(0).max(65_535).default(3005),
      drainTimeoutMs: milliseconds.default(30_000),
    })
    .prefault({}),
  logging: z
    .strictObject({ level: z.enum(["debug", "info", "warn", "error", "silent"]).default("info") })
    .prefault({}),
  separator: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,8}$/, "must be 1 to 8 characters of [A-Za-z0-9_-]")
    .default("__"),
  limits: z
    .strictObject({
      maxRequestBytes: positive.optional(),
      maxResponseBytes: positive.optional(),
      maxDepth: z.number().int().min(8).max(512).optional(),
      maxSessions: positive.optional(),
      sessionIdleMs: positive.optional(),
      pageSize: positive.optional(),
      maxConcurrentStarts: positive.optional(),
    })
    .optional(),
  pools: z
    .record(
      z.string().regex(/^[A-Za-z0-9_-]{1,32}$/, "a namespace must be 1 to 32 characters of [A-Za-z0-9_-]"),
      pool,
    )
    .refine((pools) => Object.keys(pools).length > 0, "must name at least one pool"),
});
