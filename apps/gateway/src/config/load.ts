// Reads a configuration file: YAML (or JSON, which is YAML), `${NAME}` replaced from the environment, checked.
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { MultiplexerConfig, PoolConfig, UpstreamConfig } from "@fairlead/aggregator";
import { type ConfigPath, explainIssues, printPath } from "@fairlead/aggregator/schema";
import { type Document, isNode, LineCounter, parseDocument } from "yaml";
import { ConfigError, type ConfigProblem } from "./error.ts";
import { configSchema, type GatewayConfig } from "./schema.ts";
import { explainStrategy, findStrategy, isBuiltIn } from "./strategies.ts";

export interface LoadedConfig {
  readonly file: string;
  readonly gateway: GatewayConfig;
  readonly multiplexer: MultiplexerConfig;
}

/** Loads and checks `file`. @throws {@link ConfigError} with every problem that was found */
export async function loadConfig(
  file: string,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<LoadedConfig> {
  const path = resolve(file);
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ConfigError(path, [
      { path: "", message: `cannot be read (${why}); name another file with --config` },
    ]);
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    throw new ConfigError(
      path,
      document.errors.map(({ message, pos }) => ({ path: "", message, ...position(lines, pos[0]) })),
    );
  }
  const problems: ConfigProblem[] = [];
  const variables = { ...environment, FAIRLEAD_CONFIG_DIR: dirname(path) };
  const value = interpolate(document.toJS() as unknown, [], variables, (at, message) =>
    problems.push(problem(document, lines, at, message)),
  );
  const parsed = configSchema.safeParse(value);
  if (!parsed.success) {
    for (const { path: at, message, fix } of explainIssues(configSchema, parsed.error.issues))
      problems.push(problem(document, lines, at, `${message}; ${fix}`));
  }
  if (problems.length > 0 || !parsed.success) throw new ConfigError(path, problems);
  const multiplexer = toMultiplexer(parsed.data, dirname(path));
  const pools = await Promise.all(
    multiplexer.pools.map((pool) =>
      withStrategy(pool, dirname(path)).catch((error: unknown) => {
        problems.push(
          problem(
            document,
            lines,
            ["pools", pool.namespace, "strategy"],
            explainStrategy(String(pool.strategy), error),
          ),
        );
        return pool;
      }),
    ),
  );
  if (problems.length > 0) throw new ConfigError(path, problems);
  return { file: path, gateway: parsed.data, multiplexer: { ...multiplexer, pools } };
}

async function withStrategy(pool: PoolConfig, directory: string): Promise<PoolConfig> {
  // Built-in ones keep their name: the pool knows them, and how far to trust them.
  if (typeof pool.strategy !== "string" || isBuiltIn(pool.strategy)) return pool;
  return { ...pool, strategy: await findStrategy(pool.strategy, directory) };
}

function toMultiplexer(
  { pools, separator, zone, limits }: GatewayConfig,
  directory: string,
): MultiplexerConfig {
  const list = Object.entries(pools).map(
    ([namespace, pool]): PoolConfig => ({
      ...pool,
      namespace,
      upstreams: pool.upstreams.map(
        (upstream): UpstreamConfig => ({ ...upstream, cwd: resolve(directory, upstream.cwd ?? ".") }),
      ),
    }),
  );
  return { pools: list, separator, zone, limits };
}

/** Replaces `${NAME}` and `${NAME:-default}` in every string; FAIRLEAD_CONFIG_DIR is the file's directory. */
function interpolate(
  value: unknown,
  path: ConfigPath,
  environment: NodeJS.ProcessEnv,
  fail: (path: ConfigPath, message: string) => void,
): unknown {
  if (typeof value === "string") {
    return value.replaceAll(
      /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g,
      (_whole, name: string, fallback?: string) => {
        const found = environment[name] ?? fallback;
        if (found === undefined)
          fail(path, `the environment variable ${name} is not set; set it, or write \${${name}:-default}`);
        return found ?? "";
      },
    );
  }
  if (Array.isArray(value))
    return value.map((element, at) => interpolate(element, [...path, at], environment, fail));
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([key, field]) => [
        key,
        interpolate(field, [...path, key], environment, fail),
      ]),
    );
  }
  return value;
}

function problem(document: Document, lines: LineCounter, path: ConfigPath, message: string): ConfigProblem {
  return { path: printPath(path), message, ...placeOf(document, lines, path) };
}

/** The nearest node on the way to `path` that is in the file. */
function placeOf(
  document: Document,
  lines: LineCounter,
  path: ConfigPath,
): { line?: number; column?: number } {
  for (let length = path.length; length >= 0; length--) {
    const node = document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return position(lines, node.range[0]);
  }
  return {};
}

function position(lines: LineCounter, offset: number): { line: number; column: number } {
  const { line, col } = lines.linePos(offset);
  return { line, column: col };
}
