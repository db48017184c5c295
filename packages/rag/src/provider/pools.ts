// Servers as pools of the multiplexer: those that hold the same documents and can do the same are replicas of each other.
import {
  getPresetConfiguration,
  type MultiplexerConfig,
  type PoolConfig,
  type UpstreamConfig,
} from "@fairlead/aggregator";
import type { Capability, RagProviderConfig, RagServerConfig } from "./config.ts";
import type { ServerProfile } from "./profile.ts";
import { QUERY_TOOL_NAMES } from "./profiles.ts";

/** A pool with what the provider knows of its servers. */
export interface RagPool {
  readonly namespace: string;
  readonly capabilities: readonly Capability[] | undefined;
  readonly profile: ServerProfile | undefined;
  readonly collection: string | undefined;
}

export interface PlannedPools {
  readonly pools: readonly RagPool[];
  readonly fallback: RagPool | undefined;
  readonly multiplexerConfig: MultiplexerConfig;
}

const FALLBACK = "fallback";

export function planPools(config: RagProviderConfig): PlannedPools {
  const groups = new Map<string, RagServerConfig[]>();
  for (const server of config.serverConfigs) {
    const { shard = "", capabilities = [], collection = "", profile } = server;
    const key = JSON.stringify([shard, [...capabilities].sort(), collection, profile?.name ?? ""]);
    groups.set(key, [...(groups.get(key) ?? []), server]);
  }
  const planned = [...groups.values()].map((servers, at) => poolOf(`rag-${at + 1}`, servers));
  const { enableFallback = false, fallbackConfig } = config;
  const fallback =
    enableFallback && fallbackConfig !== undefined ? poolOf(FALLBACK, [fallbackConfig]) : undefined;
  const all = fallback === undefined ? planned : [...planned, fallback];
  const { multiplexerConfig } = getPresetConfiguration(config.preset ?? "PRODUCTION_SMALL");
  return {
    pools: planned.map(({ pool }) => pool),
    fallback: fallback?.pool,
    multiplexerConfig: {
      ...multiplexerConfig,
      // A server that loads an index takes longer to start than most.
      poolDefaults: {
        startTimeoutMs: config.connectTimeoutMs,
        ...multiplexerConfig.poolDefaults,
        ...config.poolDefaults,
      },
      pools: all.map(({ poolConfig }) => poolConfig),
    },
  };
}

function poolOf(
  namespace: string,
  servers: readonly RagServerConfig[],
): { readonly pool: RagPool; readonly poolConfig: PoolConfig } {
  const [first] = servers;
  const capabilities =
    first?.capabilities?.length === 0
      ? undefined
      : (first?.capabilities as readonly Capability[] | undefined);
  const named = Object.values(first?.profile?.uses ?? {}).map(({ tool }) => tool);
  return {
    pool: { namespace, capabilities, profile: first?.profile, collection: first?.collection },
    poolConfig: {
      namespace,
      upstreams: servers.map(upstreamOf),
      tools: Object.fromEntries(
        [...QUERY_TOOL_NAMES, ...named].map((tool) => [tool, { retry: "safe" as const }]),
      ),
    },
  };
}

function upstreamOf(server: RagServerConfig): UpstreamConfig {
  const {
    host = "localhost",
    port,
    pluginPath,
    headers,
    args = [],
    weight,
    priority,
    maxConcurrency,
    cwd,
  } = server;
  const url =
    server.url ??
    (port === undefined ? undefined : `http://${host.includes(":") ? `[${host}]` : host}:${port}/mcp`);
  const id = server.id ?? (port === undefined ? (server.url ?? pluginPath) : `${host}:${port}`);
  const common = { weight, priority, maxConcurrency, ...(id === undefined ? {} : { id }) };
  const program = pluginPath === undefined ? server.command : process.execPath;
  // As `child_process.fork` would start it, with the conditions that this process resolves packages by.
  const conditions = process.execArgv.filter((argument) => argument.startsWith("--conditions="));
  const programArgs = pluginPath === undefined ? args : [...conditions, pluginPath, ...args];
  if (url === undefined) {
    if (program === undefined)
      throw new RangeError("a server needs a port, a url, a pluginPath or a command");
    return { ...common, transport: "stdio", command: program, args: programArgs, env: server.env, cwd };
  }
  // A script is started where it is to run; on another machine it must be running already.
  const starts = program !== undefined && /^(localhost|127(\.\d{1,3}){3}|::1)$/.test(host);
  return {
    ...common,
    ...{ transport: "streamable-http", url, headers },
    ...(starts
      ? {
          ...{ command: program, args: programArgs, cwd },
          env: { ...(port === undefined ? {} : { PORT: String(port), HOST: host }), ...server.env },
        }
      : {}),
  };
}
