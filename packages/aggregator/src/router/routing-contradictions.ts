// What is wrong with a set of routing rules before any call has met them.
import { builtInStrategies } from "@fairlead/balancer";
import type { RoutingConfig } from "../config.ts";
import type { ConfigFinding } from "../contradictions.ts";

/** Every reason why the rules cannot be used. */
export function routingContradictions({ rules, timeoutClasses = {} }: RoutingConfig): ConfigFinding[] {
  const found: ConfigFinding[] = [];
  const names = new Set<string>();
  const add = (path: string, message: string, fix: string): void => void found.push({ path, message, fix });
  for (const [at, { name, match = {}, route }] of rules.entries()) {
    const path = `routing.rules[${at}]`;
    if (names.has(name))
      add(`${path}.name`, `rule "${name}" is given twice`, "give one of them another name");
    names.add(name);
    const { timeoutClass, strategy, priority } = route;
    if (timeoutClass !== undefined && !Object.hasOwn(timeoutClasses, timeoutClass)) {
      add(
        `${path}.route.timeoutClass`,
        `rule "${name}": there is no timeout class "${timeoutClass}"`,
        Object.keys(timeoutClasses).length === 0
          ? "define it in routing.timeoutClasses"
          : `define it in routing.timeoutClasses, or choose one of ${Object.keys(timeoutClasses).join(", ")}`,
      );
    }
    if (strategy !== undefined && !Object.hasOwn(builtInStrategies, strategy)) {
      add(
        `${path}.route.strategy`,
        `rule "${name}": strategy "${strategy}" is not built in`,
        `choose one of ${Object.keys(builtInStrategies).join(", ")}`,
      );
    }
    if (priority !== undefined && !(Number.isInteger(priority) && priority >= 0 && priority <= 9)) {
      add(
        `${path}.route.priority`,
        `rule "${name}": priority must be a whole number from 0 to 9, got ${priority}`,
        "choose one from 0 to 9; the usual one is 5",
      );
    }
    const { minParamsBytes = 0, maxParamsBytes = Number.POSITIVE_INFINITY } = match;
    if (minParamsBytes > maxParamsBytes) {
      add(
        `${path}.match.minParamsBytes`,
        `rule "${name}" wants at least ${minParamsBytes} and at most ${maxParamsBytes} bytes, which nothing is`,
        "lower minParamsBytes, or raise maxParamsBytes",
      );
    }
  }
  return found;
}
