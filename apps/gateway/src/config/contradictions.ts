// What no schema of single options can see: options of the gateway that contradict each other.
import type { ConfigPath } from "@fairlead/aggregator/schema";
import { printPath, suggest } from "@fairlead/aggregator/schema";
import { isLoopback, isWildcard } from "../http/guard.ts";
import { poolSections } from "./own-pools.ts";
import type { GatewayConfig } from "./schema.ts";

export interface Contradiction {
  readonly path: ConfigPath;
  readonly message: string;
}

/** Namespace of the gateway's own endpoint, `/mcp/fairlead`. */
const RESERVED = "fairlead";

export function contradictionsOf(config: GatewayConfig): Contradiction[] {
  const { server, clients, admin, oauth, views } = config;
  const sections = poolSections(config);
  const pools = new Set(sections.map(({ namespace }) => namespace));
  const found: Contradiction[] = [];
  for (const [at, { namespace, path }] of sections.entries()) {
    if (namespace === RESERVED)
      found.push({ path, message: `the namespace "${RESERVED}" is the gateway's own; choose another` });
    const first = sections.findIndex((section) => section.namespace === namespace);
    if (first < at)
      found.push({
        path,
        message: `the namespace "${namespace}" is that of ${printPath(sections[first]?.path ?? [])} already; choose another`,
      });
  }
  const hasKeys = Object.keys(clients.known).length > 0 || oauth !== undefined;
  if (!isLoopback(server.host)) {
    if (!hasKeys)
      found.push({
        path: ["server", "host"],
        message: `${server.host} can be reached from other machines, but no client has a key; add clients.known (a key: \`fairlead clients key\`) or oauth, or use 127.0.0.1`,
      });
    if (isWildcard(server.host) && server.allowedHosts.length === 0)
      found.push({
        path: ["server", "host"],
        message: `${server.host} stands for every address, so the check of the Host header needs names; add server.allowedHosts: [gateway.example]`,
      });
  }
  if (admin.listen !== undefined && admin.listen.port !== 0 && admin.listen.port === server.port)
    found.push({
      path: ["admin", "listen", "port"],
      message: `${admin.listen.port} is the port of server as well; choose another, or leave admin.listen out`,
    });
  for (const [name, { view }] of Object.entries(clients.known)) {
    if (view !== undefined && !Object.hasOwn(views, view))
      found.push({
        path: ["clients", "known", name, "view"],
        message: `there is no view "${view}"; ${suggest(view, Object.keys(views)) || "define it under views"}`,
      });
  }
  for (const [name, { pools: members = [] }] of Object.entries(views)) {
    if (name === RESERVED || pools.has(name))
      found.push({
        path: ["views", name],
        message: `/mcp/${name} is ${name === RESERVED ? "the gateway's own" : "the pool of that name"} already; choose another name`,
      });
    for (const [at, member] of members.entries()) {
      if (!pools.has(member))
        found.push({
          path: ["views", name, "pools", at],
          message: `there is no pool "${member}"; ${suggest(member, [...pools])}`,
        });
    }
  }
  return found;
}
