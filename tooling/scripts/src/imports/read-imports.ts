// Every module that a source file names: static, type-only, re-exported, dynamic, `import("x").Type`,
// `require("x")` and `import.meta.resolve("x")`.
import { type ParseResult, parseSync, Visitor } from "oxc-parser";

export interface ImportReference {
  readonly specifier: string;
  /** 1-based. */
  readonly line: number;
}

interface Located {
  readonly start: number;
}

/**
 * Lists what `source` imports, in source order. A specifier that is computed at run time cannot be judged and is
 * left out.
 *
 * @throws {@link SyntaxError} when the file cannot be parsed.
 */
export function readImports(file: string, source: string): readonly ImportReference[] {
  const parsed: ParseResult = parseSync(file, source);
  const [problem] = parsed.errors;
  if (problem !== undefined) throw new SyntaxError(`${file}: ${problem.message}`);

  const found: { readonly specifier: string; readonly start: number }[] = [];
  const add = (node: Located | null | undefined): void => {
    const specifier = literalText(node);
    if (node != null && specifier !== undefined) found.push({ specifier, start: node.start });
  };
  new Visitor({
    ImportDeclaration: (node) => add(node.source),
    ExportNamedDeclaration: (node) => add(node.source),
    ExportAllDeclaration: (node) => add(node.source),
    ImportExpression: (node) => add(node.source),
    TSImportType: (node) => add(node.source),
    TSExternalModuleReference: (node) => add(node.expression),
    CallExpression: (node) => {
      const callee = source.slice(node.callee.start, node.callee.end);
      if (/^(require(\.resolve)?|import\.meta\.resolve)$/.test(callee)) add(node.arguments[0]);
    },
  }).visit(parsed.program);

  return found
    .sort((one, other) => one.start - other.start)
    .map(({ specifier, start }) => ({ specifier, line: source.slice(0, start).split("\n").length }));
}

/** The text of a string literal, or of a template literal without substitutions. */
function literalText(node: object | null | undefined): string | undefined {
  if (node == null) return undefined;
  if ("value" in node && typeof node.value === "string") return node.value;
  if (!("quasis" in node) || !Array.isArray(node.quasis) || node.quasis.length !== 1) return undefined;
  const [quasi] = node.quasis as readonly { readonly value: { readonly cooked: string | null } }[];
  return quasi?.value.cooked ?? undefined;
}
