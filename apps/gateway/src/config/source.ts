// A configuration file as data, with the way back to its lines: YAML, JSON (which is YAML), or a TypeScript module whose
// default export it is.
import { readFile, stat } from "node:fs/promises";
import { extname } from "node:path";
import { pathToFileURL } from "node:url";
import type { ConfigPath } from "@fairlead/aggregator/schema";
import { type Document, isMap, isNode, isPair, isScalar, LineCounter, parseDocument } from "yaml";
import { ConfigError } from "./error.ts";

interface Place {
  readonly line?: number;
  readonly column?: number;
}

export interface ConfigSource {
  readonly file: string;
  readonly value: unknown;
  /** Where a path stands, or the nearest place on the way to it. */
  placeOf(path: ConfigPath): Place;
  /** For changes that keep comments; undefined for modules. */
  readonly document: Document | undefined;
}

const MODULES = new Set([".ts", ".mts", ".js", ".mjs"]);
const MAX_BYTES = 4 * 1024 * 1024;

/** Reads `file`, an absolute path. @throws {@link ConfigError} */
export async function readSource(file: string): Promise<ConfigSource> {
  if (MODULES.has(extname(file))) return readModule(file);
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    throw unreadable(file, error);
  }
  if (text.length > MAX_BYTES)
    throw new ConfigError(file, [{ path: "", message: `is longer than the ${MAX_BYTES} bytes allowed` }]);
  return parseSource(file, text);
}

/** @throws {@link ConfigError} when it is no YAML */
function parseSource(file: string, text: string): ConfigSource {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  if (document.errors.length > 0) {
    throw new ConfigError(
      file,
      document.errors.map(({ message, pos }) => ({
        path: "",
        message: `is no valid YAML: ${message}; check indentation, quotes and brackets there`,
        ...at(pos[0]),
      })),
    );
  }
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ConfigError(file, [{ path: "", message: `is no valid YAML: ${why}` }]);
  }
  return {
    file,
    value,
    document,
    placeOf(path) {
      for (let length = path.length; length > 0; length--) {
        const offset = offsetOf(document, path.slice(0, length));
        if (offset !== undefined) return at(offset);
      }
      return document.contents?.range === undefined ? {} : at(document.contents?.range?.[0] ?? 0);
    },
  };
}

/** The key of a path, where it has one: that is what a person looks for. */
function offsetOf(document: Document, path: ConfigPath): number | undefined {
  const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  const last = path.at(-1);
  if (isMap(parent)) {
    const pair = parent.items.find(({ key }) => (isScalar(key) ? key.value : key) === last);
    return isPair(pair) && isNode(pair.key) ? pair.key.range?.[0] : undefined;
  }
  const node = document.getIn(path, true);
  return isNode(node) ? node.range?.[0] : undefined;
}

async function readModule(file: string): Promise<ConfigSource> {
  try {
    const { mtimeMs } = await stat(file);
    // A module is kept by its URL; after a change it has another one.
    const module: unknown = await import(`${pathToFileURL(file).href}?changed=${mtimeMs}`);
    const value = (module as { readonly default?: unknown }).default;
    if (typeof value !== "object" || value === null)
      throw new ConfigError(file, [
        {
          path: "",
          message: "has no configuration as default export; write: export default { pools: { … } }",
        },
      ]);
    return { file, value, document: undefined, placeOf: () => ({}) };
  } catch (error) {
    throw error instanceof ConfigError ? error : unreadable(file, error);
  }
}

function unreadable(file: string, error: unknown): ConfigError {
  const why = error instanceof Error ? error.message : String(error);
  return new ConfigError(
    file,
    [{ path: "", message: `cannot be read (${why}); name another file with --config` }],
    { cause: error },
  );
}
