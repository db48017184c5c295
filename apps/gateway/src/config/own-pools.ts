// The pools that sections make, and where in the file each pool comes from.
import type { PoolConfig } from "@fairlead/aggregator";
import type { ConfigPath } from "@fairlead/aggregator/schema";
import { lmStudioPool } from "./lm-studio.ts";
import { ragPool } from "./rag.ts";
import type { GatewayConfig } from "./schema.ts";

interface PoolSection {
  readonly namespace: string;
  /** What names the pool in the file. */
  readonly path: ConfigPath;
}

/** All pools of a configuration, in its order; two may have one namespace by mistake. */
export function poolSections({ pools, lmStudio, rag }: GatewayConfig): readonly PoolSection[] {
  return [
    ...Object.keys(pools).map((namespace) => ({ namespace, path: ["pools", namespace] })),
    ...(lmStudio === undefined ? [] : [{ namespace: lmStudio.namespace, path: ["lmStudio"] }]),
    ...Object.keys(rag).map((namespace) => ({ namespace, path: ["rag", namespace] })),
  ];
}

/** The pools of the sections `lmStudio` and `rag`, by namespace. */
export function ownPools({
  lmStudio,
  rag,
}: GatewayConfig): Readonly<Record<string, Omit<PoolConfig, "namespace">>> {
  return {
    ...(lmStudio === undefined ? {} : { [lmStudio.namespace]: lmStudioPool(lmStudio) }),
    ...Object.fromEntries(
      Object.entries(rag).map(([namespace, library]) => [namespace, ragPool(namespace, library, lmStudio)]),
    ),
  };
}

/** `path` inside the pool of that namespace, as the file has it: its upstreams are what a section stands for as a whole. */
export function pathOfPool(config: GatewayConfig, namespace: string, path: ConfigPath): ConfigPath {
  const section = poolSections(config).find((candidate) => candidate.namespace === namespace);
  if (section === undefined || section.path[0] === "pools") return ["pools", namespace, ...path];
  return path[0] === "upstreams" ? section.path : [...section.path, "pool", ...path];
}
