// `extends`: a preset by name, or another file, below what the file itself says.
import { dirname, resolve } from "node:path";
import {
  getPresetConfiguration,
  MultiplexingPreset,
  type MultiplexingPresetName,
} from "@fairlead/aggregator";
import { suggest } from "@fairlead/aggregator/schema";
import { ConfigError } from "./error.ts";
import { type ConfigSource, readSource } from "./source.ts";

type Fields = Readonly<Record<string, unknown>>;

const MAX_DEPTH = 8;

/** Names of the presets, as a file writes them: `production-small`. */
const PRESET_NAMES: readonly string[] = Object.keys(MultiplexingPreset).map(fileName);

/** What `source` says on top of what it extends. @throws {@link ConfigError} */
export async function extended(source: ConfigSource, seen: readonly string[] = []): Promise<unknown> {
  const { value, file } = source;
  if (!isFields(value) || !("extends" in value)) return value;
  const { extends: bases, ...own } = value;
  const list = Array.isArray(bases) ? bases : [bases];
  let merged: Fields = {};
  for (const base of list) merged = merge(merged, await load(base)) as Fields;
  return merge(merged, own);

  async function load(base: unknown): Promise<unknown> {
    if (typeof base !== "string") throw problem("must be a preset's name or a file");
    if (PRESET_NAMES.includes(base)) return preset(base);
    if (!/[./]/.test(base)) throw problem(`there is no preset "${base}"; ${suggest(base, PRESET_NAMES)}`);
    const path = resolve(dirname(file), base);
    if (seen.includes(path) || path === file || seen.length >= MAX_DEPTH)
      throw problem(`${base} leads back to this file; take one of the two away`);
    return extended(await readSource(path), [...seen, file]);
  }

  function problem(message: string): ConfigError {
    return new ConfigError(file, [{ path: "extends", message, ...source.placeOf(["extends"]) }]);
  }
}

function preset(name: string): unknown {
  const key = name.toUpperCase().replaceAll("-", "_") as MultiplexingPresetName;
  const { pools: _, ...config } = getPresetConfiguration(key).multiplexerConfig;
  return config;
}

/** Objects are merged key by key; everything else is replaced. */
function merge(base: unknown, own: unknown): unknown {
  if (own === undefined) return base;
  if (!isFields(base) || !isFields(own)) return own;
  const keys = new Set([...Object.keys(base), ...Object.keys(own)]);
  return Object.fromEntries([...keys].map((key) => [key, merge(base[key], own[key])]));
}

function fileName(preset: string): string {
  return preset.toLowerCase().replaceAll("_", "-");
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) && typeof value !== "function";
}
