// What a schema found, in words that lead to the place and to the fix.
import type { z } from "zod";
import { suggest } from "./suggest.ts";

export type ConfigPath = readonly (string | number)[];

export interface ExplainedIssue {
  readonly path: ConfigPath;
  /** What is wrong. */
  readonly message: string;
  /** What to do about it. */
  readonly fix: string;
}

/** Explains the issues of parsing with `schema`; each unknown key is one of its own, with the likely one. */
export function explainIssues(schema: z.ZodType, issues: readonly z.core.$ZodIssue[]): ExplainedIssue[] {
  return issues.flatMap((issue) => explain(schema, issue));
}

/** `pools[0].upstreams[1].url`; empty for the whole. */
export function printPath(path: ConfigPath): string {
  return path.reduce<string>(
    (printed, part) =>
      typeof part === "number" ? `${printed}[${part}]` : printed === "" ? part : `${printed}.${part}`,
    "",
  );
}

function explain(schema: z.ZodType, issue: z.core.$ZodIssue): ExplainedIssue[] {
  const path = issue.path.filter((part) => typeof part !== "symbol");
  if (issue.code === "unrecognized_keys") {
    const known = knownKeys(schema, path);
    return issue.keys.map((key) => ({
      path: [...path, key],
      message: `unknown key "${key}"`,
      fix: suggest(key, known) || "remove it",
    }));
  }
  if (issue.code === "invalid_key")
    return issue.issues.map(({ message }) => ({ path, message, fix: "give it another name" }));
  return [{ path, message: issue.message, fix: fixFor(issue) }];
}

function fixFor(issue: z.core.$ZodIssue): string {
  if (issue.code === "invalid_type") return `give a value of type ${issue.expected}`;
  if (issue.code === "too_small")
    return `give ${issue.inclusive === false ? "more than" : "at least"} ${issue.minimum}`;
  if (issue.code === "too_big") return `give at most ${issue.maximum}`;
  if (issue.code === "invalid_value") return `choose one of ${issue.values.map(String).join(", ")}`;
  if (issue.code === "invalid_union" && issue.discriminator === "transport")
    return "choose one of stdio, streamable-http";
  return "correct the value";
}

/** The keys that the schema knows at a path; followed through records, arrays and unions. */
function knownKeys(schema: z.ZodType, path: ConfigPath): string[] {
  let schemas: unknown[] = [schema];
  for (const part of path) schemas = schemas.flatMap((found) => step(found, part));
  return [...new Set(schemas.flatMap((found) => Object.keys(shapeOf(found) ?? {})))];
}

function step(schema: unknown, part: string | number): unknown[] {
  return variants(schema).flatMap((variant) => {
    const { shape, valueType, element } = defOf(variant);
    if (shape !== undefined) return typeof part === "string" && part in shape ? variants(shape[part]) : [];
    const inner = valueType ?? element;
    return inner === undefined ? [] : variants(inner);
  });
}

interface Definition {
  readonly shape?: Readonly<Record<string, unknown>>;
  readonly valueType?: unknown;
  readonly element?: unknown;
  readonly innerType?: unknown;
  readonly out?: unknown;
  readonly options?: readonly unknown[];
}

function defOf(schema: unknown): Definition {
  return (schema as { readonly _zod: { readonly def: Definition } })._zod.def;
}

/** Looks through optional, default and preprocess, and into unions. */
function variants(schema: unknown): unknown[] {
  const { innerType, out, options } = defOf(schema);
  if (options !== undefined) return options.flatMap(variants);
  if (innerType !== undefined) return variants(innerType);
  if (out !== undefined) return variants(out);
  return [schema];
}

function shapeOf(schema: unknown): Readonly<Record<string, unknown>> | undefined {
  return variants(schema)
    .map((variant) => defOf(variant).shape)
    .find((shape) => shape !== undefined);
}
