// What the schema found, in words for somebody who has never seen one: what is there, what is allowed, what to write.
import type { ConfigPath } from "@fairlead/aggregator/schema";
import { isSecretField } from "./references.ts";

const KINDS: Readonly<Record<string, string>> = {
  string: "a text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "a mapping (key: value)",
  record: "a mapping (key: value)",
};
const MAX_SHOWN = 60;

/** Rewrites one message of the schema about `path` in `root`. */
export function inWords(message: string, fix: string, path: ConfigPath, root: unknown): string {
  const value = valueAt(root, path);
  const found = `found ${show(value, path)}`;
  if (value === undefined && /received undefined/.test(message)) return missing(message, path);
  const [, expected] = /expected (\w+), received \w+/.exec(message) ?? [];
  if (expected === "object" && path.length === 2 && path[0] === "rag")
    return `must be a library, ${found}; a library has a name: rag: { docs: { ${path[1]}: … } }`;
  if (expected !== undefined)
    return `must be ${KINDS[expected] ?? expected}, ${found}; ${rewrite(expected, value)}`;
  if (/^Too (small|big)/.test(message)) return `is out of range, ${found}; ${fix}`;
  if (/^Invalid (option|discriminator)/.test(message)) return `is not one of those allowed, ${found}; ${fix}`;
  if (/^Invalid input$/.test(message)) return `is not what is allowed here, ${found}; ${fix}`;
  if (fix === "correct the value") return `${message}, ${found}; correct it`;
  return `${message}; ${fix}`;
}

function missing(message: string, path: ConfigPath): string {
  const [, expected = ""] = /expected (\w+)/.exec(message) ?? [];
  const last = path.at(-1);
  if (last === "command" && path.includes("upstreams"))
    return "is missing; an upstream needs command (a program to start) or url (a server that runs)";
  return `is missing; add it: ${KINDS[expected] ?? expected}`;
}

function rewrite(expected: string, value: unknown): string {
  if (expected === "number" && typeof value === "string")
    return /^-?\d+(\.\d+)?$/.test(value) ? `write ${value} without quotes` : "write a number, such as 30000";
  if (expected === "string" && (typeof value === "number" || typeof value === "boolean"))
    return `put it into quotes: "${String(value)}"`;
  if (expected === "array") return "write a list: [ … ], or one line with - for each";
  if (expected === "object" || expected === "record") return "write { key: value }, or one line for each key";
  return `write ${KINDS[expected] ?? expected}`;
}

function valueAt(root: unknown, path: ConfigPath): unknown {
  let value = root;
  for (const part of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Readonly<Record<string | number, unknown>>)[part];
  }
  return value;
}

function show(value: unknown, path: ConfigPath): string {
  if (path.some(isSecretField)) return "a value that is not shown";
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  if (typeof value === "object" && value !== null) return "a mapping";
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}
