// What a host's configuration would be with one more server, or without it. Other entries, comments and the layout of the file
// stay as they are: people edit these files by hand.
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import {
  applyEdits,
  type FormattingOptions,
  modify,
  type ParseError,
  parse,
  printParseErrorCode,
} from "jsonc-parser";
import { HostConfigError } from "./errors.ts";
import {
  entryFor,
  type HostEntry,
  type HostFormat,
  hostFormats,
  type McpHost,
  mcpHosts,
  ownKeys,
} from "./formats.ts";

export interface HostConfigRequest {
  readonly host: McpHost;
  /** Name of the server. */
  readonly name: string;
  /** `null` takes the server out. */
  readonly entry: HostEntry | null;
  /** @defaultValue the user's home */
  readonly home?: string;
  /** Where applications keep their data differs. @defaultValue this one */
  readonly platform?: NodeJS.Platform;
  /** Folder whose own file is meant, with Claude Code, Cursor and VS Code. @defaultValue the user's file */
  readonly project?: string;
}

export interface HostConfigPlan {
  readonly host: McpHost;
  /** The file; it need not be there. */
  readonly path: string;
  /** What is in it; empty when it is not there. */
  readonly before: string;
  readonly after: string;
  readonly changed: boolean;
  /** Secrets that the host cannot refer to: they have to come with the environment of the host, or be written by hand. */
  readonly unreferenced: readonly string[];
}

/**
 * Reads, and writes nothing.
 *
 * @throws {@link HostConfigError} `CONFIG_UNREADABLE`, `ENTRY_NOT_SUPPORTED`.
 * @throws RangeError for an unknown host or an empty name.
 */
export async function planHostConfig(request: HostConfigRequest): Promise<HostConfigPlan> {
  const { host, name, entry, home = homedir(), platform = process.platform, project } = request;
  if (!mcpHosts.includes(host))
    throw new RangeError(`host must be one of ${mcpHosts.join(", ")}, got ${host}`);
  if (name === "") throw new RangeError('name must not be empty, got ""');
  const format = hostFormats[host];
  const path = format.path({ home, platform, project });
  if (entry !== null && "url" in entry && !format.takesUrl)
    throw new HostConfigError(
      "ENTRY_NOT_SUPPORTED",
      path,
      `${format.title} takes no server at a URL in its file; give a command`,
    );
  const before = await textOf(path);
  const root = rootOf(before, path, format);
  const servers = root[format.rootKey] ?? {};
  if (!isObject(servers)) throw unreadable(path, `"${format.rootKey}" is no object`);
  const after = edited(before, format, name, entry, servers, root);
  return {
    host,
    path,
    before,
    after,
    changed: after !== before,
    unreferenced:
      entry !== null && "secrets" in entry && format.reference === undefined
        ? [...(entry.secrets ?? [])]
        : [],
  };
}

function edited(
  before: string,
  format: HostFormat,
  name: string,
  entry: HostEntry | null,
  servers: Readonly<Record<string, unknown>>,
  root: Readonly<Record<string, unknown>>,
): string {
  const old = servers[name];
  if (entry === null && old === undefined) return before;
  const value = entry === null ? undefined : { ...othersOf(old), ...entryFor(format, entry) };
  // The same entry in another layout is the same entry.
  let text =
    JSON.stringify(old) === JSON.stringify(value) ? before : put(before, [format.rootKey, name], value);
  if (entry === null || !("secrets" in entry) || format.input === undefined) return text;
  const given = root["inputs"];
  const inputs = Array.isArray(given) ? (given as readonly unknown[]) : [];
  for (const input of (entry.secrets ?? []).map(format.input))
    if (!inputs.some((other) => isObject(other) && other["id"] === input.id))
      text = put(text, ["inputs", -1], input);
  return text;
}

function put(text: string, path: (string | number)[], value: unknown): string {
  const isNew = text.trim() === "";
  const formattingOptions = layoutOf(text);
  const start = isNew ? "{}" : text;
  const options = { formattingOptions, isArrayInsertion: path.at(-1) === -1 };
  const result = applyEdits(start, modify(start, path, value, options));
  return isNew ? `${result}\n` : result;
}

function layoutOf(text: string): FormattingOptions {
  const indent = /^([ \t]+)\S/m.exec(text)?.[1] ?? "  ";
  return {
    insertSpaces: !indent.includes("\t"),
    tabSize: indent.includes("\t") ? 4 : Math.min(indent.length, 8),
    eol: text.includes("\r\n") ? "\r\n" : "\n",
  };
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return "";
    throw new HostConfigError("CONFIG_UNREADABLE", path, `${path} cannot be read`, { cause: error });
  }
}

function rootOf(text: string, path: string, format: HostFormat): Readonly<Record<string, unknown>> {
  if (text.trim() === "") return {};
  const errors: ParseError[] = [];
  // What editors accept in such files: comments, and a comma after the last entry.
  const root: unknown = parse(text, errors, { allowTrailingComma: true });
  const [error] = errors;
  if (error !== undefined)
    throw unreadable(
      path,
      `${printParseErrorCode(error.error)} at character ${error.offset}; correct it in ${format.title} first`,
    );
  if (!isObject(root)) throw unreadable(path, "it holds no object");
  return root;
}

function othersOf(entry: unknown): Readonly<Record<string, unknown>> {
  if (!isObject(entry)) return {};
  return Object.fromEntries(Object.entries(entry).filter(([key]) => !ownKeys.includes(key)));
}

function unreadable(path: string, why: string): HostConfigError {
  return new HostConfigError("CONFIG_UNREADABLE", path, `${path} is no configuration of MCP servers: ${why}`);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
