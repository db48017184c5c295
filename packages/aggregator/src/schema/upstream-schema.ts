// How one upstream is written down.
import { isIP } from "node:net";
import { z } from "zod";
import type { HttpUpstreamConfig, ReplicasConfig, StdioUpstreamConfig, UpstreamConfig } from "../config.ts";
import { type FieldsOf, milliseconds, type ObjectSchema, positive, text, textRecord } from "./fields.ts";

type Common = Omit<StdioUpstreamConfig, "transport" | "command">;

const ratio = z.number().min(0).max(1);

const replicasFields: FieldsOf<ReplicasConfig> = {
  min: positive.optional().describe("Default: 1"),
  max: z.number().int().min(1).max(256).optional().describe("Default: min"),
  targetInFlight: positive
    .optional()
    .describe("Calls that one replica should have at a time. Default: maxConcurrency, or 4"),
  scaleUpWaitMs: milliseconds
    .optional()
    .describe("More are started when a call has waited this long, in milliseconds. Default: 100"),
  scaleUpRatio: ratio
    .optional()
    .describe("More are started when the replicas have this share of targetInFlight. Default: 0.8"),
  scaleDownRatio: ratio
    .optional()
    .describe("One ends when the others would have no more than this share. Default: 0.5"),
  upCooldownMs: milliseconds.optional().describe("Between two additions, in milliseconds. Default: 1000"),
  downCooldownMs: milliseconds
    .optional()
    .describe("How long one fewer must have been enough, in milliseconds. Default: 30000"),
};

/** How many processes an upstream has; a number is that many. */
export const replicasSchema: z.ZodType<ReplicasConfig> = z.preprocess(
  (value) => (typeof value === "number" ? { min: value } : value),
  z.strictObject(replicasFields),
);

const common: FieldsOf<Common> = {
  id: text
    .refine((id) => id.length <= 128, "must have at most 128 characters")
    .optional()
    .describe("Unique among all upstreams. Default: <namespace>-<position, from 1>"),
  weight: z.number().gt(0).optional().describe("Share of the traffic relative to its siblings. Default: 1"),
  priority: z
    .number()
    .int()
    .min(0)
    .optional()
    .describe("Lower is preferred; higher ones serve when no lower one can. Default: 1"),
  maxConcurrency: positive.optional().describe("Most calls at a time. Default: unlimited"),
  requestsPerMinute: positive
    .optional()
    .describe(
      "Most calls in a minute; more wait, or go to upstreams of another priority. Default: unlimited",
    ),
  era: z
    .enum(["auto", "legacy", "modern"])
    .optional()
    .describe(
      "modern: revision 2026-07-28; legacy: 2025-11-25 or older; auto: the server is asked. Default: auto",
    ),
  tags: z.array(text).optional().describe("Labels that routing can ask for"),
  zone: text
    .optional()
    .describe(
      "Where it runs; one in another zone than the gateway's serves when no other of its priority can",
    ),
  capabilities: z.array(text).optional().describe("What it can do, for requests that ask for it"),
  enabled: z
    .boolean()
    .optional()
    .describe("false: it is not started and gets no calls until it is enabled. Default: true"),
  replicas: replicasSchema
    .optional()
    .describe(
      "How many processes are started with the command; a number, or as many as it takes. Default: 1",
    ),
  args: z.array(z.string()).optional().describe("Arguments of the command"),
  env: textRecord
    .optional()
    .describe("Environment of the process, added to PATH, HOME and a few more of the gateway's own"),
  cwd: z.string().optional().describe("Working directory of the process"),
};

const stdioFields: FieldsOf<StdioUpstreamConfig> = {
  ...common,
  transport: z.literal("stdio").describe("The process speaks MCP on its stdin and stdout"),
  command: text.describe("Program to start"),
};

const httpFields: FieldsOf<HttpUpstreamConfig> = {
  ...common,
  transport: z
    .enum(["streamable-http", "sse"])
    .describe("The server speaks Streamable HTTP, or the older HTTP+SSE, which is also tried by itself"),
  // Not z.url(): `{port}` is filled in later.
  url: z
    .string()
    .regex(/^https?:\/\/\S+$/, "must begin with http:// or https://")
    .refine((url) => URL.canParse(url.replaceAll(/\{(port|socket)\}/g, "0")), "is not a URL")
    .describe("Where the server's MCP endpoint is"),
  headers: textRecord.optional().describe("Sent with every request, such as authorization"),
  addresses: z
    .array(text.refine((address) => isIP(address) !== 0, "must be an IP address"))
    .min(1)
    .optional()
    .describe("IP addresses that the host of url may have; connections go nowhere else. Default: any"),
  command: text
    .optional()
    .describe("Starts the server; then {port} and {socket} may stand in url, args and env"),
};

const stdioUpstream: ObjectSchema<StdioUpstreamConfig> = z.strictObject(stdioFields);
const httpUpstream: ObjectSchema<HttpUpstreamConfig> = z.strictObject(httpFields);

/** An upstream. Which transport is meant is clear from the keys, so it need not be written; parsing fills it in. */
export const upstreamSchema: z.ZodType<UpstreamConfig> = z.preprocess(
  (value) => {
    if (typeof value !== "object" || value === null || "transport" in value) return value;
    return { transport: "url" in value ? "streamable-http" : "stdio", ...value };
  },
  z.discriminatedUnion("transport", [stdioUpstream, httpUpstream]),
);
