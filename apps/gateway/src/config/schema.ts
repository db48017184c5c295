// The shape of fairlead.config.yaml. Every default that is not here is the multiplexer's own.
import type { LimitsConfig, PoolConfig } from "@fairlead/aggregator";
import {
  limitsSchema,
  namespaceSchema,
  poolOptionsSchema,
  separatorSchema,
  zoneSchema,
} from "@fairlead/aggregator/schema";
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
  readonly zone?: string | undefined;
  readonly limits?: LimitsConfig | undefined;
  readonly pools: Readonly<Record<string, Omit<PoolConfig, "namespace">>>;
}

const milliseconds = z.number().int().min(0);

/** A file names strategies; only code can hand over a factory. */
const pool = poolOptionsSchema.extend({ strategy: z.string().min(1).optional() });

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
  separator: separatorSchema.default("__"),
  zone: zoneSchema.optional(),
  limits: limitsSchema.optional(),
  pools: z
    .record(namespaceSchema, pool)
    .refine((pools) => Object.keys(pools).length > 0, "must name at least one pool"),
});
