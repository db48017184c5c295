// The format of `multi_server_config.yaml`: a list of servers by name, times in seconds, one `global_settings`. It is read
// as it stands and becomes pools: servers of one namespace are the replicas of one pool.
import { explainIssues, printPath } from "@fairlead/aggregator/schema";
import { z } from "zod";
import { ConfigError } from "./error.ts";
import type { ConfigSource } from "./source.ts";
import { inWords } from "./words.ts";

const seconds = z.number().gt(0);
const auth = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("bearer"), token: z.string().min(1) }),
  z.strictObject({ type: z.literal("header"), name: z.string().min(1), token: z.string().min(1) }),
  z.strictObject({ type: z.literal("none") }),
]);

const server = z.strictObject({
  url: z
    .string()
    .regex(/^https?:\/\/\S+$/, "must begin with http:// or https://")
    .refine((url) => URL.canParse(url), "is not a URL such as http://localhost:8001/mcp")
    .optional(),
  transport: z.enum(["streamable-http", "streamable_http", "http", "sse", "stdio"]).optional(),
  command: z.string().min(1).optional(),
  args: z.array(z.string()).optional(),
  env: z.record(z.string(), z.string()).optional(),
  priority: z.number().int().min(0).optional(),
  weight: z.number().gt(0).optional(),
  namespace: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,32}$/, "must be 1 to 32 characters of [A-Za-z0-9_-]")
    .optional(),
  enabled: z.boolean().optional(),
  description: z.string().optional(),
  health_check_interval: seconds.optional(),
  max_retries: z.number().int().min(0).optional(),
  timeout: seconds.optional(),
  auth: auth.optional(),
  headers: z.record(z.string(), z.string()).optional(),
});

const globalSettings = z.strictObject({
  default_timeout: seconds.optional(),
  max_concurrent_connections: z.number().int().min(1).optional(),
  health_check_enabled: z.boolean().optional(),
  reconnect_delay: seconds.optional(),
  log_level: z.string().optional(),
  metrics_enabled: z.boolean().optional(),
  load_balancing: z.string().optional(),
  circuit_breaker: z
    .strictObject({
      failure_threshold: z.number().int().min(1).optional(),
      recovery_timeout: seconds.optional(),
      half_open_max_calls: z.number().int().min(1).optional(),
    })
    .optional(),
});

/** A whole file, for editors. */
export const serverListSchema: z.ZodType = z
  .object({
    servers: z.record(z.string(), server).optional(),
    mcp_servers: z.record(z.string(), server).optional(),
    global_settings: globalSettings.optional(),
  })
  .catchall(server);

type Server = z.output<typeof server>;
type GlobalSettings = z.output<typeof globalSettings>;
type Fields = Readonly<Record<string, unknown>>;

const CONTAINERS = ["servers", "mcp_servers"] as const;
const LEVELS: Readonly<Record<string, string>> = {
  debug: "debug",
  info: "info",
  warning: "warn",
  warn: "warn",
  error: "error",
  critical: "error",
  fatal: "error",
  none: "silent",
};

/** Whether a file is written in this format. */
export function isServerList(value: unknown): boolean {
  if (!isFields(value) || "pools" in value) return false;
  if ("global_settings" in value || "mcp_servers" in value) return true;
  const inside = value["servers"];
  if (isFields(inside))
    return Object.values(inside).some((entry) => isFields(entry) && looksLikeServer(entry));
  const entries = Object.entries(value);
  return entries.length > 0 && entries.every(([, entry]) => isFields(entry) && looksLikeServer(entry));
}

/** Paths of servers that are switched off; what their references lack does not matter. */
export function disabledServers(value: unknown): readonly (readonly string[])[] {
  if (!isFields(value) || !isServerList(value)) return [];
  const { servers, base } = serversOf(value);
  return Object.entries(servers)
    .filter(([, entry]) => isFields(entry) && entry["enabled"] === false)
    .map(([name]) => [...base, name]);
}

/** The same as pools. @throws {@link ConfigError} */
export function fromServerList(value: Fields, source: ConfigSource, environment: NodeJS.ProcessEnv): Fields {
  const { servers, base } = serversOf(value);
  const schema = z.strictObject({
    ...(base.length === 0
      ? Object.fromEntries(Object.keys(servers).map((name) => [name, server]))
      : { [base[0] ?? ""]: z.record(z.string(), server) }),
    global_settings: globalSettings.optional(),
  });
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    throw new ConfigError(
      source.file,
      explainIssues(schema, parsed.error.issues).map(({ path, message, fix }) => ({
        path: printPath(path),
        message: inWords(message, fix, path, value),
        ...source.placeOf(path),
      })),
    );
  }
  const { global_settings: settings = {}, ...rest } = parsed.data as Record<string, unknown> & {
    global_settings?: GlobalSettings;
  };
  const list = (base.length === 0 ? rest : rest[base[0] ?? ""]) as Record<string, Server>;
  const pools = new Map<string, Record<string, unknown>>();
  for (const [name, entry] of Object.entries(list)) {
    const namespace = entry.namespace ?? name.replaceAll(/[^A-Za-z0-9_-]/g, "_").slice(0, 32);
    const pool = pools.get(namespace) ?? poolOf(entry, settings);
    (pool["upstreams"] as unknown[]).push(upstreamOf(name, entry, settings));
    pools.set(namespace, pool);
  }
  const level = environment["LOG_LEVEL"] ?? settings.log_level;
  return {
    pools: Object.fromEntries(pools),
    ...(level === undefined ? {} : { logging: { level: LEVELS[level.toLowerCase()] ?? level } }),
    ...(settings.metrics_enabled === undefined ? {} : { metrics: { enabled: settings.metrics_enabled } }),
  };
}

function poolOf(first: Server, settings: GlobalSettings): Record<string, unknown> {
  const { circuit_breaker: breaker, default_timeout, health_check_enabled, reconnect_delay } = settings;
  const interval = first.health_check_interval;
  return {
    upstreams: [],
    ...(settings.load_balancing === undefined
      ? {}
      : { strategy: settings.load_balancing.replaceAll("_", "-") }),
    ...optional("timeoutMs", inMs(first.timeout ?? default_timeout)),
    ...optional("maxAttempts", first.max_retries === undefined ? undefined : first.max_retries + 1),
    ...optional(
      "healthCheck",
      health_check_enabled === false
        ? { intervalMs: 0 }
        : interval === undefined
          ? undefined
          : { intervalMs: inMs(interval) },
    ),
    ...optional(
      "restart",
      reconnect_delay === undefined
        ? undefined
        : { baseDelayMs: inMs(reconnect_delay), maxDelayMs: Math.max(30_000, inMs(reconnect_delay) ?? 0) },
    ),
    ...optional(
      "breaker",
      breaker === undefined
        ? undefined
        : {
            ...optional("failureThreshold", breaker.failure_threshold),
            ...optional("resetTimeoutMs", inMs(breaker.recovery_timeout)),
            ...optional("halfOpenMaxCalls", breaker.half_open_max_calls),
          },
    ),
  };
}

function upstreamOf(id: string, entry: Server, settings: GlobalSettings): Record<string, unknown> {
  const { auth: credentials, headers = {}, priority, weight, command, url, args, env, enabled } = entry;
  const all: Record<string, string> = { ...headers };
  if (credentials?.type === "bearer") all["authorization"] = `Bearer ${credentials.token}`;
  if (credentials?.type === "header") all[credentials.name] = credentials.token;
  const transport =
    entry.transport === "sse" || entry.transport === "stdio"
      ? entry.transport
      : url === undefined
        ? "stdio"
        : "streamable-http";
  return {
    id,
    transport,
    ...optional("url", url),
    ...optional("command", command),
    ...optional("args", args),
    ...optional("env", env),
    ...optional("priority", priority),
    ...optional("weight", weight),
    ...optional("maxConcurrency", settings.max_concurrent_connections),
    ...(enabled === false ? { enabled } : {}),
    ...(Object.keys(all).length === 0 ? {} : { headers: all }),
  };
}

function serversOf(value: Fields): { readonly servers: Fields; readonly base: readonly string[] } {
  for (const container of CONTAINERS) {
    const inside = value[container];
    if (isFields(inside)) return { servers: inside, base: [container] };
  }
  const { global_settings: _, ...servers } = value;
  return { servers, base: [] };
}

function looksLikeServer(entry: Fields): boolean {
  return "url" in entry && ("namespace" in entry || "transport" in entry || "priority" in entry);
}

function optional(key: string, value: unknown): Record<string, unknown> {
  return value === undefined ? {} : { [key]: value };
}

function inMs(value: number | undefined): number | undefined {
  return value === undefined ? undefined : Math.round(value * 1_000);
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
