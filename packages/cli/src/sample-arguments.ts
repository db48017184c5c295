// Arguments for a tool that nobody has told us anything about, made from its input schema: the smallest that are valid.

type Schema = Readonly<Record<string, unknown>>;

const MAX_DEPTH = 8;

/** Values for the required properties of an object schema; undefined when one cannot be made up. */
export function sampleArguments(inputSchema: Schema): Readonly<Record<string, unknown>> | undefined {
  const value = sample(inputSchema, inputSchema, 0);
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : undefined;
}

function sample(given: unknown, root: Schema, depth: number): unknown {
  const schema = resolved(given, root);
  if (schema === undefined || depth > MAX_DEPTH) return undefined;
  if ("const" in schema) return schema["const"];
  const { enum: allowed, examples } = schema;
  if ("default" in schema) return schema["default"];
  if (Array.isArray(examples) && examples.length > 0) return examples[0];
  if (Array.isArray(allowed)) return allowed[0];
  for (const key of ["anyOf", "oneOf"]) {
    const options = schema[key];
    if (Array.isArray(options))
      return options.map((option) => sample(option, root, depth + 1)).find((value) => value !== undefined);
  }
  const { allOf } = schema;
  if (Array.isArray(allOf)) {
    const merged: Schema = Object.assign({}, ...allOf.map((part) => resolved(part, root) ?? {}));
    return sample({ ...merged, ...without(schema, "allOf") }, root, depth + 1);
  }
  switch (
    Array.isArray(schema["type"])
      ? schema["type"].find((type) => type !== "null")
      : (schema["type"] ?? guess(schema))
  ) {
    case "object":
      return object(schema, root, depth);
    case "array": {
      const count = number(schema["minItems"]) ?? 0;
      const items = Array.from({ length: Math.min(count, 10) }, () =>
        sample(schema["items"] ?? {}, root, depth + 1),
      );
      return items.includes(undefined) ? undefined : items;
    }
    case "integer":
    case "number":
      return numeric(schema);
    case "boolean":
      return false;
    case "null":
      return null;
    default:
      return text(schema);
  }
}

function object(schema: Schema, root: Schema, depth: number): unknown {
  const properties = (schema["properties"] ?? {}) as Schema;
  const required = Array.isArray(schema["required"]) ? schema["required"].map(String) : [];
  const entries = required.map((name) => [name, sample(properties[name] ?? {}, root, depth + 1)] as const);
  return entries.some(([, value]) => value === undefined) ? undefined : Object.fromEntries(entries);
}

function numeric(schema: Schema): number {
  const step = number(schema["multipleOf"]) ?? 1;
  const low = number(schema["minimum"]) ?? (number(schema["exclusiveMinimum"]) ?? -step) + step;
  const high = number(schema["maximum"]) ?? number(schema["exclusiveMaximum"]);
  const wanted = low <= 1 && (high === undefined || high >= 1) ? 1 : low;
  return Math.ceil(wanted / step) * step;
}

function text(schema: Schema): string | undefined {
  const formats: Readonly<Record<string, string>> = {
    date: "2026-01-01",
    "date-time": "2026-01-01T00:00:00Z",
    time: "00:00:00Z",
    email: "someone@example.com",
    uri: "https://example.com/",
    url: "https://example.com/",
    uuid: "00000000-0000-4000-8000-000000000000",
    ipv4: "192.0.2.1",
    hostname: "example.com",
  };
  const format = formats[String(schema["format"])];
  if (format !== undefined) return format;
  // A pattern cannot be turned around in general.
  if (typeof schema["pattern"] === "string") return undefined;
  const low = number(schema["minLength"]) ?? 0;
  const high = number(schema["maxLength"]) ?? Number.POSITIVE_INFINITY;
  return "test".padEnd(low, "x").slice(0, Math.max(high, low));
}

function guess(schema: Schema): string {
  if ("properties" in schema) return "object";
  return "items" in schema ? "array" : "string";
}

/** Follows a reference inside of the schema; others are not followed. */
function resolved(schema: unknown, root: Schema): Schema | undefined {
  if (typeof schema !== "object" || schema === null) return schema === true ? {} : undefined;
  const reference = (schema as Schema)["$ref"];
  if (typeof reference !== "string") return schema as Schema;
  if (!reference.startsWith("#/")) return undefined;
  const target = reference
    .slice(2)
    .split("/")
    .reduce<unknown>(
      (value, part) => (value as Schema | undefined)?.[part.replaceAll("~1", "/").replaceAll("~0", "~")],
      root,
    );
  return typeof target === "object" && target !== null ? (target as Schema) : undefined;
}

function without(schema: Schema, key: string): Schema {
  return Object.fromEntries(Object.entries(schema).filter(([name]) => name !== key));
}

function number(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}
