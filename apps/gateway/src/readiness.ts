// Whether traffic should be sent here.
import type { MultiplexerStatus } from "@fairlead/aggregator";

export type ReadinessPolicy = "any" | "each-pool" | "all";

/** `any`: one upstream serves; `each-pool`: one of each pool; `all`: every one that is switched on. */
export function isReady({ pools }: MultiplexerStatus, policy: ReadinessPolicy): boolean {
  const serving = pools.map(({ replicas }) =>
    replicas.filter(({ status }) => String(status) !== "disabled").map(({ status }) => status === "ready"),
  );
  if (policy === "any") return serving.some((replicas) => replicas.includes(true));
  if (policy === "each-pool")
    return serving.every((replicas) => replicas.length === 0 || replicas.includes(true));
  return serving.flat().every(Boolean);
}
