// JSON Schema for editors, from the same schemas that check a configuration.
import { z } from "zod";
import { multiplexerConfigSchema } from "./multiplexer-schema.ts";

export type JsonSchema = Readonly<Record<string, unknown>>;

/**
 * JSON Schema (draft 2020-12) of what `schema` takes. What has a default need not be written; factories and functions, which
 * only code can hand over, are left out.
 */
export function toJsonSchema(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, {
    io: "input",
    unrepresentable: "any",
    override({ zodSchema, jsonSchema }) {
      const { def } = zodSchema._zod;
      // What is no more than "a safe integer" says nothing to a person.
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
      if (def.type === "union") simplifyUnion(def, jsonSchema);
      if (def.type === "object") leaveOutFunctions(def, jsonSchema);
    },
  });
}

/** JSON Schema of the configuration that `createMultiplexer` takes. */
export function multiplexerJsonSchema(): JsonSchema {
  return toJsonSchema(multiplexerConfigSchema);
}

function simplifyUnion(def: object, jsonSchema: z.core.JSONSchema.BaseSchema): void {
  if ("discriminator" in def && def.discriminator === "transport") {
    // The other keys tell it, so it need not be written.
    for (const variant of jsonSchema.oneOf ?? [])
      variant.required = variant.required?.filter((key) => key !== "transport") ?? [];
  }
  const { anyOf } = jsonSchema;
  const [only, ...others] = anyOf?.filter((variant) => Object.keys(variant).length > 0) ?? [];
  if (anyOf === undefined || only === undefined || others.length > 0) return;
  delete jsonSchema.anyOf;
  Object.assign(jsonSchema, only);
}

function leaveOutFunctions(def: object, { properties = {} }: z.core.JSONSchema.BaseSchema): void {
  const shape = "shape" in def ? (def.shape as Readonly<Record<string, z.core.$ZodType>>) : {};
  for (const [key, field] of Object.entries(shape)) {
    const inner = "innerType" in field._zod.def ? (field._zod.def.innerType as z.core.$ZodType) : field;
    if (inner._zod.def.type === "custom") delete properties[key];
  }
}
