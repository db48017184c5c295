export { type ConfigPath, type ExplainedIssue, explainIssues, printPath } from "./explain-issues.ts";
export type { FieldsOf, ObjectSchema } from "./fields.ts";
export { type JsonSchema, multiplexerJsonSchema, toJsonSchema } from "./json-schema.ts";
export { limitsSchema, multiplexerConfigSchema, separatorSchema, zoneSchema } from "./multiplexer-schema.ts";
export {
  namespaceSchema,
  type PoolOptions,
  poolDefaultsSchema,
  poolOptionsSchema,
  poolSchema,
} from "./pool-schema.ts";
export { routingSchema } from "./routing-schema.ts";
export { suggest } from "./suggest.ts";
export { replicasSchema, upstreamSchema } from "./upstream-schema.ts";
export { type ConfigValidation, validateConfig } from "./validate-config.ts";
export { viewsSchema } from "./view-schema.ts";
