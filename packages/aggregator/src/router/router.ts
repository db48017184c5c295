// Routing rules, compiled once. What only depends on what is called (method, pool, tool) is decided once for each entry of
// the catalog; per call only clients, tags and sizes are left to look at. Without rules there is no router.
import type { Route } from "../catalog/catalog.ts";
import type { PoolEntry } from "../catalog/pool-catalog.ts";
import type { Exchange } from "../client/client.ts";
import type { RoutingConfig, RoutingRule, RuleMatch } from "../config.ts";
import { compileGlobs, type Matcher } from "./glob.ts";
import { tagsOf } from "./request-tags.ts";

interface RoutingFilter {
  readonly tags?: readonly string[];
  readonly capabilities?: readonly string[];
}

/** What a rule says about a call; shared by all calls that it holds for. */
export interface RoutingDecision {
  /** Undefined when it only says what the request itself asks for. */
  readonly rule: string | undefined;
  /** What an upstream must have; made for the balancer, so without what is not asked for. */
  readonly filter: RoutingFilter;
  /** The filter as text: calls that ask the same wait in one line. */
  readonly group: string;
  readonly strategy: string | undefined;
  readonly priority: number | undefined;
  readonly timeoutMs: number | undefined;
  readonly maxTimeoutMs: number | undefined;
}

export interface Router {
  /** What the first matching rule says; undefined when none matches. */
  decide(exchange: Exchange, route: Route): RoutingDecision | undefined;
  /** How many calls each rule has held for, by its name. */
  readonly counts: Readonly<Record<string, number>>;
}

/** A rule whose conditions on method, pool and tool hold. */
interface Candidate {
  readonly decision: RoutingDecision;
  readonly client: Matcher | undefined;
  readonly tags: readonly string[];
  readonly minBytes: number;
  readonly maxBytes: number;
  count: number;
}

interface CompiledRule extends Candidate {
  readonly name: string;
  readonly method: Matcher | undefined;
  readonly pool: Matcher | undefined;
  readonly tool: Matcher | undefined;
  readonly onlyTools: boolean;
}

/** Compiles the rules; undefined when there are none. They must have been checked. */
export function createRouter(config: RoutingConfig | undefined): Router | undefined {
  if (config === undefined || config.rules.length === 0) return undefined;
  const rules = config.rules.map((rule) => compile(rule, config));
  /** By what is called: an entry is a tool, a prompt or a resource of one pool, and goes when the pool's list changes. */
  const candidates = new WeakMap<PoolEntry, Map<string, readonly Candidate[]>>();

  return {
    decide(exchange, route) {
      for (const candidate of candidatesFor(exchange.envelope.method, route)) {
        if (!holds(candidate, exchange)) continue;
        candidate.count++;
        return candidate.decision;
      }
      return undefined;
    },
    get counts() {
      return Object.fromEntries(rules.map(({ name, count }) => [name, count]));
    },
  };

  function candidatesFor(method: string, { pool, original, entry }: Route): readonly Candidate[] {
    let byMethod = candidates.get(entry);
    if (byMethod === undefined) {
      byMethod = new Map();
      candidates.set(entry, byMethod);
    }
    let found = byMethod.get(method);
    if (found === undefined) {
      found = rules.filter(
        (rule) =>
          (rule.method?.(method) ?? true) &&
          (rule.pool?.(pool.namespace) ?? true) &&
          (!rule.onlyTools || (method === "tools/call" && (rule.tool?.(original) ?? true))),
      );
      byMethod.set(method, found);
    }
    return found;
  }
}

function holds(rule: Candidate, exchange: Exchange): boolean {
  const { params } = exchange.envelope;
  const bytes = params.end - params.start;
  if (bytes < rule.minBytes || bytes > rule.maxBytes) return false;
  if (rule.client !== undefined && !rule.client(exchange.caller.id)) return false;
  if (rule.tags.length === 0) return true;
  const tags = tagsOf(exchange);
  return rule.tags.every((tag) => tags.includes(tag));
}

function compile({ name, match = {}, route }: RoutingRule, config: RoutingConfig): CompiledRule {
  const { timeoutMs, maxTimeoutMs } = config.timeoutClasses?.[route.timeoutClass ?? ""] ?? {};
  const { tags, capabilities, strategy, priority } = route;
  const glob = (key: "methods" | "pools" | "tools" | "clients"): Matcher | undefined => globOf(match, key);
  const filter = {
    ...(tags === undefined ? {} : { tags }),
    ...(capabilities === undefined ? {} : { capabilities }),
  };
  return {
    name,
    decision: {
      rule: name,
      filter,
      group: JSON.stringify(filter),
      strategy,
      priority,
      timeoutMs,
      maxTimeoutMs,
    },
    method: glob("methods"),
    pool: glob("pools"),
    tool: glob("tools"),
    onlyTools: match.tools !== undefined,
    client: glob("clients"),
    tags: match.tags ?? [],
    minBytes: match.minParamsBytes ?? 0,
    maxBytes: match.maxParamsBytes ?? Number.POSITIVE_INFINITY,
    count: 0,
  };
}

function globOf(match: RuleMatch, key: "methods" | "pools" | "tools" | "clients"): Matcher | undefined {
  const globs = match[key];
  return globs === undefined ? undefined : compileGlobs(globs);
}
