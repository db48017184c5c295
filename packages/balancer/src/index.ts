export type { AcquireRequest } from "./acquire-request.ts";
export { type Balancer, createBalancer } from "./balancer.ts";
export type { BalancerOptions } from "./balancer-options.ts";
export {
  type Candidates,
  type Dispatch,
  type EndpointChange,
  type EndpointTable,
  type LeaseOutcome,
  type LoadReport,
  NO_PICK,
  type PickRequest,
  STRATEGY_API,
  type Strategy,
  type StrategyFactory,
  type StrategyHost,
  type StrategyNeed,
} from "./contract.ts";
export type {
  EndpointCounts,
  EndpointHealth,
  EndpointOptions,
  EndpointPatch,
  EndpointSnapshot,
} from "./endpoint.ts";
export { BalancerError, EndpointError, NoEndpointError, QueueFullError, StrategyError } from "./errors.ts";
export type { BalancerEvent } from "./events.ts";
export type { ExclusionReason, ExplainedEndpoint, Explanation } from "./explain.ts";
export type { Lease } from "./lease.ts";
export { loadStrategy } from "./load-strategy.ts";
export type { EjectionReason, OutlierEjectionOptions } from "./outlier-ejection.ts";
export {
  LOAD_REPORT_HEADER,
  LOAD_REPORT_META_KEY,
  loadReportFromHeader,
  loadReportFromMeta,
  parseLoadReport,
} from "./reporters/load-report.ts";
export {
  createProcessLoadReader,
  type ProcessLoadReader,
  type ProcessLoadReaderOptions,
} from "./reporters/process-load.ts";
export type { SlowStartOptions } from "./slow-start.ts";
export type { BalancerSnapshot } from "./snapshot.ts";
export { type AdaptiveOptions, adaptive } from "./strategies/adaptive.ts";
export { type CapabilityBasedOptions, capabilityBased } from "./strategies/capability-based.ts";
export { builtInStrategies } from "./strategies/index.ts";
export { leastConnections } from "./strategies/least-connections.ts";
export { type MaglevOptions, maglev } from "./strategies/maglev.ts";
export { type PeakEwmaOptions, peakEwma } from "./strategies/peak-ewma.ts";
export { type PowerOfTwoChoicesOptions, powerOfTwoChoices } from "./strategies/power-of-two-choices.ts";
export { type PredictiveOptions, predictive } from "./strategies/predictive.ts";
export { type PrequalOptions, prequal } from "./strategies/prequal.ts";
export { random } from "./strategies/random.ts";
export { type ResourceAwareOptions, resourceAware } from "./strategies/resource-aware.ts";
export { type RingHashOptions, ringHash } from "./strategies/ring-hash.ts";
export { type RoundRobinOptions, roundRobin } from "./strategies/round-robin.ts";
export {
  type ShortestExpectedDelayOptions,
  shortestExpectedDelay,
} from "./strategies/shortest-expected-delay.ts";
export {
  type WeightedResponseTimeOptions,
  weightedResponseTime,
} from "./strategies/weighted-response-time.ts";
export { weightedRoundRobin } from "./strategies/weighted-round-robin.ts";
export type { StrategyFault } from "./strategy-guard.ts";
export type { QueueOptions, QueueOrder } from "./wait-queue.ts";
export { type WithLeaseOptions, withLease } from "./with-lease.ts";
