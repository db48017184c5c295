export {
  erlangC,
  md1ResponseTime,
  mg1ResponseTime,
  mm1ResponseTime,
  mmkResponseTime,
} from "./closed-forms.ts";
export { type ComparisonCell, type ComparisonOptions, type Contestant, compare } from "./compare.ts";
export type { SizeDistribution } from "./distributions.ts";
export { type PlotOptions, plotScenario } from "./plot.ts";
export { capacityOf, type Fault, type Scenario, type ServerModel, scenarios } from "./scenario.ts";
export { type SimulationOptions, type SimulationResult, simulate } from "./simulate.ts";
export { type Estimate, estimate, gapClosed, percentile } from "./statistics.ts";
export { formatTables } from "./table.ts";
export { measureThroughput, type Throughput, type ThroughputOptions } from "./throughput.ts";
