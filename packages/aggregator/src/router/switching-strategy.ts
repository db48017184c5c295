// Several load-balancing strategies over one pool: the pool's own, and those that routing rules name. All of them are told
// of every call, so that each knows the load that the others cause; one of them picks.
import {
  builtInStrategies,
  type Dispatch,
  type EndpointChange,
  type LeaseOutcome,
  type LoadReport,
  STRATEGY_API,
  type Strategy,
  type StrategyFactory,
  type StrategyHost,
  type StrategyNeed,
} from "@fairlead/balancer";

/**
 * A strategy that asks `selected` by name for each pick, and the `own` one when that says undefined. `names` are built-in
 * strategies.
 */
export function switchingStrategy(
  own: string | StrategyFactory<never>,
  names: readonly string[],
  selected: () => string | undefined,
): StrategyFactory<never> {
  return (options: unknown, host: StrategyHost): Strategy => {
    const first = host.child(factoryOf(own), options);
    const others = new Map(names.map((name) => [name, host.child(factoryOf(name))]));
    const all = [first, ...others.values()];
    const current = (): Strategy => {
      const name = selected();
      return (name === undefined ? undefined : others.get(name)) ?? first;
    };
    return {
      name: first.name,
      api: STRATEGY_API,
      needs: [...new Set(all.flatMap(({ needs = [] }): readonly StrategyNeed[] => needs))],
      pick: (candidates, request) => current().pick(candidates, request),
      onStart(dispatch: Dispatch): void {
        for (const strategy of all) strategy.onStart?.(dispatch);
      },
      onEnd(dispatch: Dispatch, outcome: LeaseOutcome, latencyMs: number): void {
        for (const strategy of all) strategy.onEnd?.(dispatch, outcome, latencyMs);
      },
      onLoadReport(slot: number, report: LoadReport): void {
        for (const strategy of all) strategy.onLoadReport?.(slot, report);
      },
      onEndpoint(slot: number, change: EndpointChange): void {
        for (const strategy of all) strategy.onEndpoint?.(slot, change);
      },
      explain: (candidates, request, score) => current().explain?.(candidates, request, score),
      snapshot: () => first.snapshot?.(),
    };
  };
}

function factoryOf(strategy: string | StrategyFactory<never>): StrategyFactory<never> {
  if (typeof strategy === "function") return strategy;
  const factory = builtInStrategies[strategy];
  if (factory === undefined) throw new RangeError(`strategy must be a built-in one, got "${strategy}"`);
  return factory;
}
