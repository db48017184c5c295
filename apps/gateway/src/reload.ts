// Brings a running multiplexer from one configuration to the next by the differences only: what did not change is not
// touched, whoever runs on it notices nothing.
import { isDeepStrictEqual } from "node:util";
import type { Multiplexer, PoolConfig } from "@fairlead/aggregator";
import type { LoadedConfig } from "./config/load.ts";

/** What can only be changed by starting anew. */
const FIXED = ["server", "admin", "tracing", "separator", "zone", "limits"] as const;

/** Says what was changed, in words. @throws the multiplexer's errors */
export async function applyConfig(
  multiplexer: Multiplexer,
  next: LoadedConfig,
  before: LoadedConfig,
): Promise<string[]> {
  const changes: string[] = [];
  const old = poolsOf(before);
  const wanted = poolsOf(next);
  for (const [namespace, config] of wanted) {
    const was = old.get(namespace);
    if (was === undefined) {
      await multiplexer.addPool(config);
      changes.push(`pool ${namespace} added`);
    } else if (!isDeepStrictEqual(was, config)) {
      await multiplexer.updatePool(config);
      changes.push(`pool ${namespace} changed`);
    }
  }
  for (const namespace of old.keys()) {
    if (wanted.has(namespace)) continue;
    await multiplexer.removePool(namespace);
    changes.push(`pool ${namespace} removed`);
  }
  if (!isDeepStrictEqual(before.gateway.routing, next.gateway.routing)) {
    multiplexer.updateRouting(next.gateway.routing);
    changes.push("routing changed");
  }
  if (!isDeepStrictEqual(before.gateway.views, next.gateway.views)) {
    multiplexer.updateViews(next.gateway.views);
    changes.push("views changed");
  }
  for (const section of ["clients", "logging", "protection", "oauth"] as const) {
    if (!isDeepStrictEqual(before.gateway[section], next.gateway[section]))
      changes.push(`${section} changed`);
  }
  for (const section of FIXED) {
    if (!isDeepStrictEqual(before.gateway[section], next.gateway[section]))
      changes.push(`${section} is different, which takes effect at the next start`);
  }
  return changes;
}

function poolsOf({ multiplexer }: LoadedConfig): Map<string, PoolConfig> {
  return new Map(multiplexer.pools.map((pool) => [pool.namespace, pool]));
}
