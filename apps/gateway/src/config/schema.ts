// The shape of fairlead.config.yaml. Every default that is not here is the multiplexer's own.
import type { LimitsConfig, PoolConfig, PoolDefaults, RoutingConfig, ViewConfig } from "@fairlead/aggregator";
import {
  limitsSchema,
  namespaceSchema,
  poolDefaultsSchema,
  poolOptionsSchema,
  routingSchema,
  separatorSchema,
  viewsSchema,
  zoneSchema,
} from "@fairlead/aggregator/schema";
import { z } from "zod";
import type { OAuthSettings } from "../auth/oauth.ts";
import { type LmStudioSettings, lmStudioSection } from "./lm-studio.ts";
import { type RagSettings, ragLibrary } from "./rag.ts";
import {
  adminSection,
  clientsSection,
  loggingSection,
  metricsSection,
  oauthSection,
  protectionSection,
  serverSection,
  tracingSection,
} from "./sections.ts";
import type {
  AdminSettings,
  ClientSettings,
  LoggingSettings,
  MetricsSettings,
  ProtectionSettings,
  ServerSettings,
  TracingSettings,
} from "./settings.ts";

/** A configuration after its defaults were filled in; pools are by namespace. */
export interface GatewayConfig {
  readonly server: ServerSettings;
  readonly clients: ClientSettings;
  readonly admin: AdminSettings;
  readonly oauth?: OAuthSettings | undefined;
  readonly logging: LoggingSettings;
  readonly metrics: MetricsSettings;
  readonly tracing?: TracingSettings | undefined;
  readonly protection: ProtectionSettings;
  readonly views: Readonly<Record<string, ViewConfig>>;
  readonly separator: string;
  readonly zone?: string | undefined;
  readonly limits?: LimitsConfig | undefined;
  readonly poolDefaults?: PoolDefaults | undefined;
  readonly routing?: RoutingConfig | undefined;
  readonly lmStudio?: LmStudioSettings | undefined;
  /** By namespace. */
  readonly rag: Readonly<Record<string, RagSettings>>;
  /** Those that the file has itself; sections make others. */
  readonly pools: Readonly<Record<string, Omit<PoolConfig, "namespace">>>;
}

/** A file names strategies; only code can hand over a factory. */
const pool = poolOptionsSchema.extend({
  strategy: z
    .string()
    .min(1)
    .optional()
    .describe("Load-balancing strategy: built in, or an installed package. Default: least-connections"),
});

const fields = {
  server: serverSection.describe("Where the gateway listens, and to whom"),
  clients: clientsSection.describe("Who may use the gateway, and how much"),
  admin: adminSection.describe("The admin API: who may change what at run time"),
  oauth: oauthSection.describe("Accepts tokens of an OAuth 2.1 authorization server"),
  logging: loggingSection.describe("What is written down"),
  metrics: metricsSection.describe("Prometheus metrics at /metrics"),
  tracing: tracingSection.describe("Export of OpenTelemetry spans"),
  protection: protectionSection.describe("What is expected of servers"),
  views: viewsSchema
    .default({})
    .describe("Selections of tools, each at /mcp/<name>, or given to clients by name"),
  separator: separatorSchema.default("__"),
  limits: limitsSchema.optional().describe("Bounds of the whole gateway"),
  poolDefaults: poolDefaultsSchema.optional().describe("Options of every pool that does not say otherwise"),
  zone: zoneSchema.optional(),
  routing: routingSchema.optional().describe("Rules about single kinds of calls"),
  lmStudio: lmStudioSection.describe("LM Studio hosts, served by fairlead-lmstudio as one pool"),
  rag: z
    .record(namespaceSchema, ragLibrary)
    .default({})
    .describe("Libraries of documents by namespace, each served by fairlead-rag as one pool"),
  pools: z.record(namespaceSchema, pool).default({}).describe("One pool for each namespace"),
};

export const configSchema: z.ZodType<GatewayConfig> = z.strictObject(fields);

/** As a file is written: also with what is taken out before the rest is checked. */
export const fileSchema: z.ZodType = z.strictObject({
  $schema: z.string().optional().describe("Where editors find this schema"),
  extends: z
    .union([z.string(), z.array(z.string())])
    .optional()
    .describe("Presets, or other files, that this one adds to: production-small"),
  mcpServers: z
    .record(z.string(), z.unknown())
    .optional()
    .describe("Servers as LM Studio, Claude and Cursor write them; each becomes a pool"),
  ...fields,
});
