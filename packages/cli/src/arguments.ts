// `--arg key=value` and `--json '{…}'` to a tool's arguments, guided by its inputSchema.
import { CliError } from "./errors.ts";

export type JsonObject = Readonly<Record<string, unknown>>;

/**
 * Converts the texts of `--arg` by the types in the tool's `inputSchema` and merges them over `base`. Numbers,
 * integers and booleans are parsed, arrays and objects are read as JSON, everything else is a string.
 *
 * @throws {@link CliError} `USAGE` naming the argument and the type that is expected.
 */
export function convertArguments(
  inputSchema: JsonObject,
  pairs: readonly string[],
  base: JsonObject = {},
): JsonObject {
  const properties = objectOf(inputSchema["properties"]);
  const converted = new Map<string, unknown>();
  for (const pair of pairs) {
    const equals = pair.indexOf("=");
    if (equals < 1)
      throw usage(`--arg must look like name=value, got "${pair}"`, "write for example --arg message=hello");
    const name = pair.slice(0, equals);
    if (converted.has(name))
      throw usage(
        `argument "${name}" is given twice`,
        `give it once; several values go into one JSON array: --arg '${name}=["a","b"]'`,
      );
    if (!(name in properties) && inputSchema["additionalProperties"] === false)
      throw usage(
        `the tool takes no argument "${name}"`,
        `it takes: ${describeArguments(inputSchema) || "none"}`,
      );
    converted.set(name, convertValue(name, pair.slice(equals + 1), objectOf(properties[name])));
  }
  const result = { ...base, ...Object.fromEntries(converted) };
  for (const name of requiredOf(inputSchema))
    if (!(name in result))
      throw usage(
        `argument "${name}" is missing (expected ${typeName(objectOf(properties[name]))})`,
        `add --arg ${name}=…; the tool takes: ${describeArguments(inputSchema)}`,
      );
  return result;
}

/** Reads the value of `call --json`. @throws {@link CliError} `USAGE` when it is not a JSON object. */
export function parseJsonArguments(text: string): JsonObject {
  const value = parseJson(text);
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw usage(
      `--json takes the arguments as one JSON object, got ${text}`,
      `write for example --json '{"message":"hello"}', with the tool's name before it`,
    );
  return value as JsonObject;
}

/** The arguments of a tool on one line: `name*` is required. */
export function describeArguments(inputSchema: JsonObject): string {
  const required = requiredOf(inputSchema);
  return Object.entries(objectOf(inputSchema["properties"]))
    .map(([name, schema]) => `${name}${required.includes(name) ? "*" : ""}:${typeName(objectOf(schema))}`)
    .join(" ");
}

function convertValue(name: string, text: string, schema: JsonObject): unknown {
  for (const type of typesOf(schema)) {
    const value = convertTo(type, text);
    if (value !== undefined) return value;
  }
  throw usage(
    `argument "${name}" must be ${typeName(schema)}, got "${text}"`,
    `correct --arg ${name}=…${typesOf(schema).some((type) => type === "array" || type === "object") ? "; arrays and objects are written as JSON" : ""}`,
  );
}

/** The value, or `undefined` when the text is none of that type. */
function convertTo(type: string, text: string): unknown {
  switch (type) {
    case "number":
    case "integer": {
      const value = text.trim() === "" ? Number.NaN : Number(text);
      return Number.isFinite(value) && (type === "number" || Number.isInteger(value)) ? value : undefined;
    }
    case "boolean":
      return text === "true" ? true : text === "false" ? false : undefined;
    case "null":
      return text === "null" ? null : undefined;
    case "array": {
      const value = parseJson(text);
      return Array.isArray(value) ? value : undefined;
    }
    case "object": {
      const value = parseJson(text);
      return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
    }
    default:
      return text;
  }
}

/** The types that a value may have, strings last because every text is one. */
function typesOf(schema: JsonObject): readonly string[] {
  const own = schema["type"];
  const alternatives = [schema["anyOf"] ?? [], schema["oneOf"] ?? []].flat().map(objectOf);
  const literals = [schema["enum"] ?? [], "const" in schema ? [schema["const"]] : []].flat();
  const types =
    own === undefined
      ? [...alternatives.flatMap(typesOf), ...literals.map(jsonType)]
      : [own].flat().map(String);
  const distinct = [...new Set(types)];
  if (distinct.length === 0) return ["string"];
  return [...distinct.filter((type) => type !== "string"), ...distinct.filter((type) => type === "string")];
}

function typeName(schema: JsonObject): string {
  return typesOf(schema).join("|");
}

function jsonType(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}

function requiredOf(inputSchema: JsonObject): readonly string[] {
  const required = inputSchema["required"];
  return Array.isArray(required) ? required.map(String) : [];
}

function objectOf(value: unknown): JsonObject {
  return typeof value === "object" && value !== null ? (value as JsonObject) : {};
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function usage(message: string, fix: string): CliError {
  return new CliError("USAGE", message, { fix });
}
