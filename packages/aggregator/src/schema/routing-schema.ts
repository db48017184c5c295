// How routing rules are written down.
import { z } from "zod";
import type { RoutingConfig, RoutingRule, RuleMatch, RuleRoute, TimeoutClass } from "../config.ts";
import { type FieldsOf, type ObjectSchema, positive, text } from "./fields.ts";

const bytes = z.number().int().min(0);
const globs = z.array(text).min(1);

const matchFields: FieldsOf<RuleMatch> = {
  methods: globs.optional().describe("Globs of methods, such as tools/call or resources/*"),
  pools: globs.optional().describe("Globs of namespaces"),
  tools: globs.optional().describe("Globs of original tool names; holds for tools/call only"),
  clients: globs.optional().describe("Globs of caller ids"),
  tags: globs.optional().describe("All of these are among the request's tags: params._meta[fairlead/tags]"),
  minParamsBytes: bytes.optional().describe("Least length of params, in bytes"),
  maxParamsBytes: bytes.optional().describe("Greatest length of params, in bytes"),
};

const routeFields: FieldsOf<RuleRoute> = {
  tags: globs.optional().describe("Only upstreams with all of these tags"),
  capabilities: globs.optional().describe("Only upstreams with all of these capabilities"),
  strategy: text.optional().describe("Name of a built-in load-balancing strategy"),
  priority: z
    .number()
    .int()
    .min(0)
    .max(9)
    .optional()
    .describe("From 0 to 9, higher is served first; wins over the caller's"),
  timeoutClass: text.optional().describe("Name of one of the timeoutClasses"),
};

const ruleFields: FieldsOf<RoutingRule> = {
  name: text.describe("For people: in errors, events and analytics"),
  match: z
    .strictObject(matchFields)
    .optional()
    .describe("Which calls: all conditions hold; * is any characters. Default: every call"),
  route: z.strictObject(routeFields).describe("What holds for them"),
};

const timeoutFields: FieldsOf<TimeoutClass> = {
  timeoutMs: positive.optional().describe("As in a pool, in milliseconds"),
  maxTimeoutMs: positive.optional().describe("As in a pool, in milliseconds"),
};

const routingFields: FieldsOf<RoutingConfig> = {
  rules: z.array(z.strictObject(ruleFields)).max(1_000).describe("The first one that matches a call holds"),
  timeoutClasses: z
    .record(text, z.strictObject(timeoutFields))
    .optional()
    .describe("Deadlines that rules refer to by name"),
};

export const routingSchema: ObjectSchema<RoutingConfig> = z.strictObject(routingFields);
