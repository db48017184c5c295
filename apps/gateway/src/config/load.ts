// From a configuration file to what the gateway runs: extended, references filled in, other formats translated, checked.
import { dirname, resolve } from "node:path";
import {
  type MultiplexerConfig,
  type PoolConfig,
  type UpstreamConfig,
  withPoolDefaults,
} from "@fairlead/aggregator";
import { type ConfigPath, explainIssues, printPath, validateConfig } from "@fairlead/aggregator/schema";
import { contradictionsOf } from "./contradictions.ts";
import { ConfigError, type ConfigProblem } from "./error.ts";
import { extended } from "./extend.ts";
import { isMcpServers, poolsOfMcpServers } from "./mcp-servers.ts";
import { ownPools, pathOfPool } from "./own-pools.ts";
import { literalSecrets, resolveReferences } from "./references.ts";
import { configSchema, type GatewayConfig } from "./schema.ts";
import { disabledServers, fromServerList, isServerList } from "./server-list.ts";
import { type ConfigSource, readSource } from "./source.ts";
import { explainStrategy, findStrategy, isBuiltIn } from "./strategies.ts";
import { inWords } from "./words.ts";

export interface LoadedConfig {
  /** Absolute path. */
  readonly file: string;
  readonly gateway: GatewayConfig;
  readonly multiplexer: MultiplexerConfig;
  /** Values that must not be shown anywhere. */
  readonly secrets: ReadonlySet<string>;
  /** The file itself, as it was read. */
  readonly source: ConfigSource;
}

type Fields = Readonly<Record<string, unknown>>;

/** Loads and checks `file`. @throws {@link ConfigError} with every problem that was found */
export async function loadConfig(
  file: string,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<LoadedConfig> {
  const path = resolve(file);
  const source = await readSource(path);
  const problems: ConfigProblem[] = [];
  const fail = (at: ConfigPath, message: string): void => {
    problems.push({ path: printPath(at), message, ...source.placeOf(at) });
  };
  const raw = await extended(source);
  if (!isFields(raw)) throw notFields(source);
  for (const at of literalSecrets(raw))
    fail(at, `holds the secret itself; write \${NAME} or \${file:path}, and keep the secret there`);
  const ignored = disabledServers(raw);
  const { value, secrets } = resolveReferences(raw, {
    environment: { ...environment, FAIRLEAD_CONFIG_DIR: dirname(path) },
    directory: dirname(path),
    fail(at, message) {
      if (!ignored.some((base) => base.every((part, index) => at[index] === part))) fail(at, message);
    },
  });
  const written = translated(value as Fields, source, environment);
  if (written["lmStudio"] === undefined && isNothing(written["pools"]) && isNothing(written["rag"]))
    fail(["pools"], "is missing; write pools, and under it a name, upstreams, and a list of command or url");
  const parsed = configSchema.safeParse(written);
  if (!parsed.success) {
    for (const { path: at, message, fix } of explainIssues(configSchema, parsed.error.issues))
      fail(at, inWords(message, fix, at, written));
    throw new ConfigError(path, unique(problems));
  }
  for (const { path: at, message } of contradictionsOf(parsed.data)) fail(at, message);
  const { pools, ...multiplexer } = toMultiplexer(parsed.data, dirname(path));
  const withStrategies = await Promise.all(
    pools.map((pool) =>
      withStrategy(pool, dirname(path)).catch((error: unknown) => {
        fail(
          pathOfPool(parsed.data, pool.namespace, ["strategy"]),
          explainStrategy(String(pool.strategy), error),
        );
        return undefined;
      }),
    ),
  );
  const complete = { ...multiplexer, pools: withStrategies.filter((pool) => pool !== undefined) };
  if (complete.pools.length === pools.length) {
    for (const { path: at, message, fix } of validateConfig(complete).errors)
      fail(pathInFile(at, pools, parsed.data), `${message}; ${fix}`);
  }
  if (problems.length > 0) throw new ConfigError(path, unique(problems));
  return { file: path, gateway: parsed.data, multiplexer: complete, secrets, source };
}

/** `pools[0].upstreams[1].url` of the multiplexer's list is `pools.files.upstreams[1].url` in the file. */
export function pathInFile(
  path: string,
  pools: readonly { readonly namespace: string }[],
  config: GatewayConfig,
): ConfigPath {
  const parts = [...path.matchAll(/([^.[\]]+)/g)].map(([part]) => (/^\d+$/.test(part) ? Number(part) : part));
  const [first, at, ...rest] = parts;
  if (first !== "pools" || typeof at !== "number") return parts;
  return pathOfPool(config, pools[at]?.namespace ?? String(at), rest);
}

function translated(value: Fields, source: ConfigSource, environment: NodeJS.ProcessEnv): Fields {
  if (isServerList(value)) return fromServerList(value, source, environment);
  if (isMcpServers(value) && Object.keys(value).every((key) => OTHER_FORMAT_KEYS.has(key)))
    return { pools: poolsOfMcpServers(value) };
  const { $schema: _, mcpServers, pools, ...rest } = value;
  if (mcpServers === undefined) return { ...rest, ...(pools === undefined ? {} : { pools }) };
  return { ...rest, pools: { ...poolsOfMcpServers({ mcpServers }), ...(isFields(pools) ? pools : {}) } };
}

function isNothing(value: unknown): boolean {
  return value === undefined || (isFields(value) && Object.keys(value).length === 0);
}

/** What stands beside the servers in the files of IDEs. */
const OTHER_FORMAT_KEYS: ReadonlySet<string> = new Set(["$schema", "mcpServers", "servers", "inputs"]);

async function withStrategy(pool: PoolConfig, directory: string): Promise<PoolConfig> {
  // Built-in ones keep their name: the pool knows them, and how far to trust them.
  if (typeof pool.strategy !== "string" || isBuiltIn(pool.strategy)) return pool;
  return { ...pool, strategy: await findStrategy(pool.strategy, directory) };
}

function toMultiplexer(config: GatewayConfig, directory: string): MultiplexerConfig {
  const { pools, poolDefaults, routing, views, separator, zone, limits } = config;
  const list = Object.entries({ ...pools, ...ownPools(config) }).map(([namespace, pool]): PoolConfig => {
    const upstreams = pool.upstreams.map(
      (upstream): UpstreamConfig => ({ ...upstream, cwd: resolve(directory, upstream.cwd ?? ".") }),
    );
    return withPoolDefaults({ ...pool, namespace, upstreams }, poolDefaults);
  });
  return { pools: list, routing, views, separator, zone, limits };
}

function notFields(source: ConfigSource): ConfigError {
  const message = "must be a mapping with `pools`; examples are in the documentation of the configuration";
  return new ConfigError(source.file, [{ path: "", message, ...source.placeOf([]) }]);
}

/** One mistake may be found by two checks. */
function unique(problems: readonly ConfigProblem[]): ConfigProblem[] {
  const seen = new Set<string>();
  return problems.filter(({ path, message }) => {
    const key = `${path}\n${message}`;
    return seen.has(key) ? false : seen.add(key);
  });
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
