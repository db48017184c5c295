// How the gateway describes itself to clients: the capabilities and instructions behind one endpoint.
import type { Scope } from "../catalog/catalog.ts";
import type { Era } from "../era.ts";
import { taskCapabilities } from "./tasks.ts";

/** What clients of an era are told that there is. */
export function capabilitiesOf(scope: Scope, era: Era): Record<string, unknown> {
  return { ...listedCapabilities(scope), ...taskCapabilities(scope.pools, era) };
}

/** A pool's own instructions; with several pools, each under its name. */
export function instructionsOf(scope: Scope): string | undefined {
  const parts = scope.pools.flatMap((pool) => {
    const text = pool.members.find(({ replica }) => replica.state.info?.instructions !== undefined)?.replica
      .state.info?.instructions;
    return text === undefined ? [] : [scope.pools.length === 1 ? text : `## ${pool.namespace}\n\n${text}`];
  });
  return parts.length === 0 ? undefined : parts.join("\n\n");
}

/** Upstreams join and leave while clients stay, and clients ask only once: everything is declared. */
function listedCapabilities(scope: Scope): Record<string, unknown> {
  const all = {
    tools: { listChanged: true },
    resources: { listChanged: true, subscribe: true },
    prompts: { listChanged: true },
    completions: {},
  };
  const [only] = scope.pools;
  const info =
    scope.pools.length === 1
      ? only?.members.find(({ replica }) => replica.state.info !== null)?.replica.state.info
      : undefined;
  if (info === undefined || info === null) return all;
  return Object.fromEntries(Object.entries(all).filter(([name]) => info.capabilities[name] !== undefined));
}
