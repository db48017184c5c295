// How a whole multiplexer is written down.
import { z } from "zod";
import type { LimitsConfig, MultiplexerConfig } from "../config.ts";
import { type FieldsOf, type ObjectSchema, positive, text } from "./fields.ts";
import { poolDefaultsSchema, poolSchema } from "./pool-schema.ts";
import { routingSchema } from "./routing-schema.ts";
import { viewsSchema } from "./view-schema.ts";

export const separatorSchema: z.ZodType<string> = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,8}$/, "must be 1 to 8 characters of [A-Za-z0-9_-]")
  .describe("Between namespace and name: 1 to 8 characters of [A-Za-z0-9_-]. Default: __");

export const zoneSchema: z.ZodType<string> = text.describe(
  "Zone that the gateway is in: upstreams of other zones serve when none of theirs can. Default: all zones are alike",
);

const limitsFields: FieldsOf<LimitsConfig> = {
  maxRequestBytes: positive
    .optional()
    .describe("Longest message from a client, in bytes. Default: 4194304 (4 MiB)"),
  maxResponseBytes: positive
    .optional()
    .describe("Longest message from a server, in bytes. Default: 33554432 (32 MiB)"),
  maxDepth: z.number().int().min(8).max(512).optional().describe("Deepest nesting of a message. Default: 64"),
  maxSessions: positive.optional().describe("Client sessions at a time. Default: 10000"),
  sessionIdleMs: positive
    .optional()
    .describe("A session that is not used for this long ends, in milliseconds. Default: 3600000"),
  pageSize: positive.optional().describe("Entries in one page of a list. Default: 500"),
  maxConcurrentStarts: positive.optional().describe("Upstreams that may be starting at a time. Default: 4"),
};

export const limitsSchema: ObjectSchema<LimitsConfig> = z.strictObject(limitsFields);

const multiplexerFields: FieldsOf<MultiplexerConfig> = {
  pools: z.array(poolSchema).describe("One pool for each namespace"),
  poolDefaults: poolDefaultsSchema.optional().describe("Options of every pool that does not say otherwise"),
  views: viewsSchema
    .optional()
    .describe("Selections of tools by name, each at /mcp/<name>, or given to callers"),
  routing: routingSchema.optional().describe("Rules about single kinds of calls"),
  queryTools: z
    .array(text)
    .optional()
    .describe(
      "Original names of tools that a query goes to, the first that there is. Default: hybrid_search, vector_search, search, query, graph_query",
    ),
  separator: separatorSchema.optional(),
  zone: zoneSchema.optional(),
  serverInfo: z
    .strictObject({ name: text.describe("Its name"), version: text.describe("Its version") })
    .optional()
    .describe("How the gateway names itself to both sides"),
  limits: limitsSchema.optional().describe("Bounds of the whole multiplexer"),
};

/** The configuration that `createMultiplexer` takes. */
export const multiplexerConfigSchema: ObjectSchema<MultiplexerConfig> = z.strictObject(multiplexerFields);
