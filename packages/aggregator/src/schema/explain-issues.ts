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
  return [{ path, message: issue.message, fix: fixFor(schema, path, issue) }];
}

function fixFor(schema: z.ZodType, path: ConfigPath, issue: z.core.$ZodIssue): string {
  if (issue.code === "invalid_type") return `give a value of type ${issue.expected}`;
  if (issue.code === "too_small")
    return `give ${issue.inclusive === false ? "more than" : "at least"} ${issue.minimum}`;
  if (issue.code === "too_big") return `give at most ${issue.maximum}`;
  if (issue.code === "invalid_value") return `choose one of ${issue.values.map(String).join(", ")}`;
  if (issue.code === "invalid_union" && issue.discriminator !== undefined)
    return `choose one of ${kindsOf(schema, path, issue.discriminator).join(", ")}`;
  return "correct the value";
}

/** The keys that the schema knows at a path. */
function knownKeys(schema: z.ZodType, path: ConfigPath): string[] {
  return [...new Set(schemasAt(schema, path).flatMap((found) => Object.keys(defOf(found).shape ?? {})))];
}

/** What may stand under the key that tells the variants at a path apart; the path may end in that key. */
function kindsOf(schema: z.ZodType, path: ConfigPath, key: string): unknown[] {
  const place = path.at(-1) === key ? path.slice(0, -1) : path;
  return schemasAt(schema, place).flatMap((found) => {
    const kind = defOf(found).shape?.[key];
    // Literals and enums both know the values that they take.
    return [...((kind as z.core.$ZodType | undefined)?._zod.values ?? [])];
  });
}

/** The schemas that hold at a path, followed through records, arrays and unions. */
function schemasAt(schema: z.ZodType, path: ConfigPath): unknown[] {
  let schemas: unknown[] = variants(schema);
  for (const part of path) schemas = schemas.flatMap((found) => step(found, part));
  return schemas;
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
