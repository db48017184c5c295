// Warnings about routing rules that are valid, but will not do what they seem to.
import type { MultiplexerConfig, RoutingRule, UpstreamConfig } from "../config.ts";
import type { ConfigFinding } from "../contradictions.ts";
import { compileGlobs } from "../router/glob.ts";

export function routingWarnings({ pools, routing }: MultiplexerConfig): ConfigFinding[] {
  const rules = routing?.rules ?? [];
  const all = rules.findIndex(({ match = {} }) =>
    Object.values(match).every((condition) => condition === undefined),
  );
  return rules.flatMap((rule, at) => {
    const path = `routing.rules[${at}]`;
    const found: ConfigFinding[] = [];
    if (all !== -1 && at > all) {
      found.push({
        path,
        message: `rule "${rule.name}" is never reached, as "${rules[all]?.name}" matches every call`,
        fix: "move it before that one",
      });
    }
    if (Object.values(rule.route).every((value) => value === undefined)) {
      found.push({
        path: `${path}.route`,
        message: `rule "${rule.name}" changes nothing, and keeps later rules from being looked at`,
        fix: "say what holds for its calls, or remove it",
      });
    }
    // Without pools in the configuration they come later.
    if (pools.length > 0) found.push(...aboutPools(rule, path, pools));
    return found;
  });
}

function aboutPools(
  { name, match = {}, route }: RoutingRule,
  path: string,
  pools: MultiplexerConfig["pools"],
): ConfigFinding[] {
  const matches = match.pools === undefined ? undefined : compileGlobs(match.pools);
  const matched = pools.filter(({ namespace }) => matches?.(namespace) ?? true);
  if (matched.length === 0) {
    return [
      {
        path: `${path}.match.pools`,
        message: `rule "${name}" matches no pool`,
        fix: `the pools are ${pools.map(({ namespace }) => namespace).join(", ")}`,
      },
    ];
  }
  const able = ({ tags = [], capabilities = [], zone }: UpstreamConfig): boolean =>
    (route.tags ?? []).every((tag) => tags.includes(tag) || tag === `zone:${zone}`) &&
    (route.capabilities ?? []).every((capability) => capabilities.includes(capability));
  if (route.tags === undefined && route.capabilities === undefined) return [];
  return matched
    .filter(({ upstreams }) => !upstreams.some(able))
    .map(({ namespace }) => ({
      path: `${path}.route`,
      message: `no upstream of "${namespace}" has what rule "${name}" asks for, so its calls there fail`,
      fix: "give an upstream these tags and capabilities, or narrow match.pools",
    }));
}
