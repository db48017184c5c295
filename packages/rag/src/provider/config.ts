// What the provider is told: which servers there are, what they can do, and what to do when none answers. The names are
// those of the multiplexing document.
import type { MultiplexingPresetName, PoolDefaults } from "@fairlead/aggregator";
import type { ServerProfile } from "./profile.ts";

/** What a server can be asked for; the tools of the reference server bear the same names. */
export type Capability = "vector_search" | "graph_query" | "hybrid_search";

export const CAPABILITIES: readonly Capability[] = ["hybrid_search", "vector_search", "graph_query"];

/** One RAG server: reached at a host and port or a URL, started as a process, or both. */
export interface RagServerConfig {
  /** Unique name, in provenance and status. @defaultValue `host:port`, the URL, or the plugin's path */
  readonly id?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  /** Instead of `host` and `port`. */
  readonly url?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /**
   * Script that Node runs as the server. With a port on this machine it is to listen there (`PORT` and `HOST` are in its
   * environment); without one it speaks MCP on stdin and stdout.
   */
  readonly pluginPath?: string | undefined;
  /** Any other program, which speaks MCP on stdin and stdout. */
  readonly command?: string | undefined;
  readonly args?: readonly string[] | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly cwd?: string | undefined;
  /** What it is asked for. @defaultValue whatever its tools can do */
  readonly capabilities?: readonly string[] | undefined;
  /** How it is spoken to. @defaultValue found out from its tools */
  readonly profile?: ServerProfile | undefined;
  /** Servers of one shard hold the same documents and stand in for each other. @defaultValue one shard for all with the same capabilities */
  readonly shard?: string | undefined;
  /** Collection to search, for servers that want one named. */
  readonly collection?: string | undefined;
  /** Share of the calls among its replicas. @defaultValue 1 */
  readonly weight?: number | undefined;
  /** Lower is preferred. @defaultValue 1 */
  readonly priority?: number | undefined;
  /** Calls at a time. @defaultValue unlimited */
  readonly maxConcurrency?: number | undefined;
}

export interface RagProviderConfig {
  readonly serverConfigs: readonly RagServerConfig[];
  /** How the pools behave. @defaultValue "PRODUCTION_SMALL" */
  readonly preset?: MultiplexingPresetName | undefined;
  /** Single settings that win over the preset's. */
  readonly poolDefaults?: PoolDefaults | undefined;
  /** Whether `fallbackConfig` is asked when no other server answered. @defaultValue true if it is given */
  readonly enableFallback?: boolean | undefined;
  readonly fallbackConfig?: RagServerConfig | undefined;
  /** How long `connect` waits for servers that are starting, in milliseconds, from 1. @defaultValue 30 000 */
  readonly connectTimeoutMs?: number | undefined;
  /** A query ends after this long, with what has come by then, in milliseconds, from 1. @defaultValue 10 000 */
  readonly timeoutMs?: number | undefined;
  /** Most characters of text in all results of a query together, from 200. @defaultValue 40 000 */
  readonly maxChars?: number | undefined;
}

/** Fills in what is left out. @throws RangeError naming the option */
export function createEnhancedMCPConfig(config: RagProviderConfig): RagProviderConfig {
  const { connectTimeoutMs = 30_000, timeoutMs = 10_000, maxChars = 40_000 } = config;
  const { preset = "PRODUCTION_SMALL" } = config;
  const { enableFallback = config.fallbackConfig !== undefined } = config;
  if (config.serverConfigs.length === 0) throw new RangeError("serverConfigs must name at least one server");
  if (enableFallback && config.fallbackConfig === undefined)
    throw new RangeError("enableFallback is true, but there is no fallbackConfig");
  if (!(connectTimeoutMs >= 1))
    throw new RangeError(`connectTimeoutMs must be at least 1, got ${connectTimeoutMs}`);
  if (!(timeoutMs >= 1)) throw new RangeError(`timeoutMs must be at least 1, got ${timeoutMs}`);
  if (!(maxChars >= 200)) throw new RangeError(`maxChars must be at least 200, got ${maxChars}`);
  for (const [at, { capabilities = [] }] of config.serverConfigs.entries())
    for (const capability of capabilities)
      if (!(CAPABILITIES as readonly string[]).includes(capability))
        throw new RangeError(
          `serverConfigs[${at}].capabilities must be of ${CAPABILITIES.join(", ")}, got "${capability}"`,
        );
  return { ...config, preset, connectTimeoutMs, timeoutMs, maxChars, enableFallback };
}
