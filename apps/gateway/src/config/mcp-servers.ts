// The servers of an IDE's or chat program's own file: `mcpServers` of LM Studio, Claude and Cursor, `servers` of VS Code.
import { environmentName, isSecretField } from "./references.ts";

type Fields = Readonly<Record<string, unknown>>;

/** Whether a file is such a list. */
export function isMcpServers(value: unknown): boolean {
  return (
    typeof value === "object" &&
    value !== null &&
    !("pools" in value) &&
    listOf(value as Fields) !== undefined
  );
}

/** The pools that the servers become, by namespace: one server, one pool. */
export function poolsOfMcpServers(value: Fields): Record<string, Fields> {
  const pools: Record<string, Fields> = {};
  for (const [name, entry] of Object.entries(listOf(value) ?? {})) {
    if (!isFields(entry)) continue;
    const upstream = upstreamOf(entry);
    if (upstream === undefined) continue;
    pools[uniqueName(name, pools)] = { upstreams: [upstream] };
  }
  return pools;
}

function upstreamOf(entry: Fields): Fields | undefined {
  const { url, serverUrl, command, args, env, headers, cwd, disabled, type, transport } = entry;
  const address = url ?? serverUrl;
  const switchedOff = disabled === true ? { enabled: false } : {};
  if (typeof address === "string") {
    const isSse = type === "sse" || transport === "sse";
    return {
      ...(isSse ? { transport: "sse" } : {}),
      url: address,
      ...(isFields(headers) ? { headers } : {}),
      ...switchedOff,
    };
  }
  if (typeof command !== "string") return undefined;
  return {
    command,
    ...(Array.isArray(args) && args.length > 0 ? { args: args.map(String) } : {}),
    ...(isFields(env) && Object.keys(env).length > 0
      ? { env: Object.fromEntries(Object.entries(env).map(([key, field]) => [key, String(field)])) }
      : {}),
    ...(typeof cwd === "string" ? { cwd } : {}),
    ...switchedOff,
  };
}

/**
 * Takes literal secrets out: what stands in `env` and `headers` under a telling name becomes `${NAME}`. Returns the pools and
 * the variables that must be set.
 */
export function withoutLiteralSecrets(pools: Record<string, Fields>): {
  readonly pools: Record<string, Fields>;
  readonly variables: readonly string[];
} {
  const variables: string[] = [];
  const clean = Object.entries(pools).map(([namespace, pool]) => {
    const upstreams = (pool["upstreams"] as Fields[]).map((upstream) => ({
      ...upstream,
      ...hide(upstream, "env", namespace, variables),
      ...hide(upstream, "headers", namespace, variables),
    }));
    return [namespace, { ...pool, upstreams }] as const;
  });
  return { pools: Object.fromEntries(clean), variables };
}

function hide(upstream: Fields, group: "env" | "headers", namespace: string, variables: string[]): Fields {
  const fields = upstream[group];
  if (!isFields(fields)) return {};
  const replaced = Object.entries(fields).map(([name, value]) => {
    if (!isSecretField(name) || String(value).includes("${")) return [name, value];
    const [, scheme = ""] = /^(bearer\s+|basic\s+)/i.exec(String(value)) ?? [];
    const variable = group === "env" ? name : environmentName(`${namespace}_${name}`);
    variables.push(variable);
    return [name, `${scheme}\${${variable}}`];
  });
  return { [group]: Object.fromEntries(replaced) as unknown };
}

function uniqueName(name: string, taken: Fields): string {
  const base = name.replaceAll(/[^A-Za-z0-9_-]+/g, "-").slice(0, 30) || "server";
  let unique = base;
  for (let at = 2; Object.hasOwn(taken, unique); at++) unique = `${base.slice(0, 28)}-${at}`;
  return unique;
}

function listOf(value: Fields): Fields | undefined {
  const list = value["mcpServers"] ?? value["servers"];
  if (!isFields(list)) return undefined;
  const entries = Object.values(list);
  const isList = entries.every(
    (entry) => isFields(entry) && ("command" in entry || "url" in entry || "serverUrl" in entry),
  );
  return isList && (value["mcpServers"] !== undefined || entries.length > 0) ? list : undefined;
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
