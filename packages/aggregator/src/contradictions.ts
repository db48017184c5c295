// What no schema of single options can see: options of a configuration that contradict each other.
import { createBalancer } from "@fairlead/balancer";
import { createCircuitBreaker } from "@fairlead/core";
import { isNamespace } from "./catalog/names.ts";
import type { MultiplexerConfig, PoolConfig, UpstreamConfig } from "./config.ts";
import { balancerOptions, breakerOptions } from "./pool/balancer-options.ts";
import { rangeOf } from "./pool/scaler.ts";
import { routingContradictions } from "./router/routing-contradictions.ts";

/** Something about a configuration that a person should know. */
export interface ConfigFinding {
  /** Where: `pools[0].upstreams[1].url`; empty for the configuration as a whole. */
  readonly path: string;
  /** What is wrong, or what could be better. */
  readonly message: string;
  /** What to do about it. */
  readonly fix: string;
}

/** Every reason why a multiplexer cannot be made of `config`. */
export function contradictionsOf({ pools, separator = "__", routing }: MultiplexerConfig): ConfigFinding[] {
  const found: ConfigFinding[] = routing === undefined ? [] : routingContradictions(routing);
  if (!/^[A-Za-z0-9_-]{1,8}$/.test(separator)) {
    found.push({
      path: "separator",
      message: `separator must be 1 to 8 characters of [A-Za-z0-9_-], got "${separator}"`,
      fix: 'use "__"',
    });
  }
  const namespaces = new Set<string>();
  const ids = new Set<string>();
  for (const [at, pool] of pools.entries()) {
    const path = `pools[${at}]`;
    found.push(...poolContradictions(pool, path, separator));
    if (namespaces.has(pool.namespace)) {
      found.push({
        path: `${path}.namespace`,
        message: `namespace "${pool.namespace}" is given twice`,
        fix: "choose another, or put the upstreams into one pool",
      });
    }
    namespaces.add(pool.namespace);
    for (const [position, { id = `${pool.namespace}-${position + 1}` }] of pool.upstreams.entries()) {
      if (ids.has(id)) {
        found.push({
          path: `${path}.upstreams[${position}].id`,
          message: `upstream id "${id}" is given twice`,
          fix: "give one of them another id",
        });
      }
      ids.add(id);
    }
  }
  return found;
}

/** Every reason why a pool cannot be made of `pool`, which stands at `path`. */
function poolContradictions(pool: PoolConfig, path: string, separator: string): ConfigFinding[] {
  const { namespace, upstreams } = pool;
  const found: ConfigFinding[] = [];
  const add = (key: string, message: string, fix: string): void =>
    void found.push({ path: `${path}.${key}`, message, fix });
  if (!isNamespace(namespace))
    add(
      "namespace",
      `namespace must be 1 to 32 characters of [A-Za-z0-9_-], got "${namespace}"`,
      "choose another name",
    );
  if (namespace.includes(separator))
    add(
      "namespace",
      `namespace "${namespace}" contains the separator "${separator}"`,
      "choose another namespace or separator",
    );
  if (upstreams.length === 0)
    add("upstreams", `pool "${namespace}" has no upstreams`, "name at least one upstream");
  for (const { key, message } of refusals(pool)) {
    const fix =
      key === "strategy"
        ? "name a built-in strategy, or hand over the factory of an installed one"
        : "choose a value in that range";
    add(key, `pool "${namespace}": ${message}`, fix);
  }
  for (const [at, upstream] of upstreams.entries()) {
    const refusal = refusalOf("replicas", () => checkReplicas(upstream));
    if (refusal !== undefined)
      add(
        `upstreams[${at}].replicas`,
        `pool "${namespace}": ${refusal.message}`,
        "choose a value in that range",
      );
  }
  return found;
}

function checkReplicas({ replicas, command, maxConcurrency }: UpstreamConfig): void {
  if (replicas === undefined) return;
  if (command === undefined) throw new RangeError("replicas needs a command, to start them with");
  rangeOf(replicas, maxConcurrency);
}

/** What the balancer and the breakers say to their options. */
function refusals(pool: PoolConfig): { readonly key: string; readonly message: string }[] {
  return [
    refusalOf("strategy", () => createBalancer(balancerOptions(pool)).close()),
    refusalOf("breaker", () => createCircuitBreaker(breakerOptions(pool.breaker))),
  ].flatMap((refusal) => refusal ?? []);
}

function refusalOf(key: string, make: () => unknown): { key: string; message: string } | undefined {
  try {
    make();
    return undefined;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    // Most messages begin with the option: "slowStart.minWeightRatio must be in (0, 1], got 0".
    const [, option = ""] = /^(outlierEjection|slowStart|panicThresholdRatio)\b/.exec(message) ?? [];
    return { key: option === "" ? key : option, message };
  }
}
