// Forecasts: what each endpoint has still to do, by the kinds of work it was given, times how fast it will be, by its
// recent latencies and their trend (Holt's linear method on logarithms). Better than counting leases where kinds of
// work differ in size and the gateway is told which is which.
import { STRATEGY_API, type Strategy, type StrategyHost } from "../contract.ts";
import { createForecast, type ForecastOptions, forecastDefaults } from "./support/forecast.ts";
import { createLeastBy } from "./support/least-by.ts";
import { optionsOf } from "./support/options.ts";

/** Options of {@link predictive}. */
export type PredictiveOptions = ForecastOptions;

/** The candidate that is forecast to finish first. */
export function predictive(options: PredictiveOptions | undefined, host: StrategyHost): Strategy {
  const forecast = createForecast(optionsOf("predictive", options, forecastDefaults), host);
  const leastBy = createLeastBy(forecast.cost);
  return {
    name: "predictive",
    api: STRATEGY_API,
    needs: ["latency", "task-class"],
    pick(candidates, request): number {
      forecast.prepare(candidates, request);
      return leastBy(candidates);
    },
    onStart: forecast.onStart,
    onEnd: (dispatch, outcome, latencyMs) => forecast.onEnd(dispatch, outcome, latencyMs, false),
    onEndpoint: forecast.onEndpoint,
    explain(candidates, request, score): void {
      forecast.describe(request);
      for (let index = 0; index < candidates.count; index++) {
        const slot = candidates.slots[index] as number;
        score(slot, forecast.cost(slot));
      }
    },
  };
}
