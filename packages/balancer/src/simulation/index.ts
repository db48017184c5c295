export {
  erlangC,
  md1ResponseTime,
  mg1ResponseTime,
  mm1ResponseTime,
  mmkResponseTime,
} from "./closed-forms.ts";
export type { SizeDistribution } from "./distributions.ts";
export { capacityOf, type Fault, type Scenario, type ServerModel, scenarios } from "./scenario.ts";
export { type SimulationOptions, type SimulationResult, simulate } from "./simulate.ts";
export { type Estimate, estimate, gapClosed, percentile } from "./statistics.ts";
