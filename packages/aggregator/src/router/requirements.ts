// What a call asks of an upstream: by a rule, by the request itself, or both.
import { AggregatorError } from "../errors.ts";
import { endpointOf, type PoolMember } from "../pool/member.ts";
import type { RoutingDecision } from "./router.ts";

/** The decision with what the request itself requires. */
export function requiring(
  decision: RoutingDecision | undefined,
  capabilities: readonly string[],
): RoutingDecision {
  const { rule, strategy, priority, timeoutMs, maxTimeoutMs, filter = {} } = decision ?? {};
  const all = { ...filter, capabilities: [...(filter.capabilities ?? []), ...capabilities] };
  return { rule, strategy, priority, timeoutMs, maxTimeoutMs, filter: all, group: JSON.stringify(all) };
}

/** Whether an upstream has what the decision asks for, well or not. */
export function satisfies({ config }: PoolMember, { filter }: RoutingDecision): boolean {
  const { tags = [], capabilities = [] } = endpointOf(config, undefined);
  return (
    (filter.tags ?? []).every((tag) => tags.includes(tag)) &&
    (filter.capabilities ?? []).every((capability) => capabilities.includes(capability))
  );
}

/** The refusal of a call that no upstream of the pool will ever be fit for; waiting would not help. */
export function noneFor(pool: string, subject: string, { rule, filter }: RoutingDecision): AggregatorError {
  const wanted = [
    ...(filter.tags ?? []).map((tag) => `tag "${tag}"`),
    ...(filter.capabilities ?? []).map((capability) => `capability "${capability}"`),
  ].join(", ");
  const by = rule === undefined ? "the request" : `the routing rule "${rule}"`;
  return new AggregatorError(
    "NO_SERVERS_AVAILABLE",
    `No upstream of ${pool} has what ${by} asks of ${subject}: ${wanted}.`,
    { pool, outcome: "not-executed" },
  );
}
