// The JSON Schema of configuration files, for editors: `# yaml-language-server: $schema=…` in the first line of a file.
import { type JsonSchema, toJsonSchema } from "@fairlead/aggregator/schema";
import { fileSchema } from "./schema.ts";
import { serverListSchema } from "./server-list.ts";

/** Where it is published. */
export const SCHEMA_URL = "https://unpkg.com/@fairlead/gateway/fairlead.config.schema.json";

/** Of our own format; a file that has the keys of a list of servers is held against that format. */
export function configJsonSchema(): JsonSchema {
  const marks = ["global_settings", "servers", "mcp_servers"].map((key) => ({ required: [key] }));
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    $id: SCHEMA_URL,
    title: "Fairlead gateway configuration",
    if: { anyOf: marks },
    // biome-ignore lint/suspicious/noThenProperty: that is JSON Schema's word
    then: withoutDialect(toJsonSchema(serverListSchema)),
    else: withoutDialect(toJsonSchema(fileSchema)),
  };
}

function withoutDialect(schema: JsonSchema): JsonSchema {
  return Object.fromEntries(Object.entries(schema).filter(([key]) => key !== "$schema"));
}
