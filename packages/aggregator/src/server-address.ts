// Servers named by host and port, as `initialize` takes them: the short form of pools of HTTP upstreams.
import type { HttpUpstreamConfig, PoolConfig } from "./config.ts";

/** One MCP server over Streamable HTTP. */
export interface ServerAddress
  extends Pick<
    HttpUpstreamConfig,
    "weight" | "priority" | "maxConcurrency" | "era" | "tags" | "zone" | "capabilities" | "headers"
  > {
  readonly host: string;
  readonly port: number;
  /** @defaultValue "/mcp" */
  readonly path?: string | undefined;
  /** @defaultValue "http" */
  readonly protocol?: "http" | "https" | undefined;
  /** The pool that it belongs to; servers of one namespace are replicas of each other. @defaultValue "mcp" */
  readonly namespace?: string | undefined;
  /** @defaultValue `<host>:<port>` */
  readonly id?: string | undefined;
}

/** The pools that the servers make. */
export function poolsOf(servers: readonly ServerAddress[]): PoolConfig[] {
  const pools = new Map<string, HttpUpstreamConfig[]>();
  for (const { host, port, path = "/mcp", protocol = "http", namespace = "mcp", id, ...more } of servers) {
    const upstreams = pools.get(namespace) ?? [];
    pools.set(namespace, upstreams);
    upstreams.push({
      ...more,
      id: id ?? `${host}:${port}`,
      transport: "streamable-http",
      url: `${protocol}://${host}:${port}${path}`,
    });
  }
  return [...pools].map(([namespace, upstreams]) => ({ namespace, upstreams }));
}
