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
export type { EjectionReason, OutlierEjectionOptions } from "./outlier-ejection.ts";
export type { SlowStartOptions } from "./slow-start.ts";
export type { BalancerSnapshot } from "./snapshot.ts";
export { leastConnections } from "./strategies/least-connections.ts";
export { type RoundRobinOptions, roundRobin } from "./strategies/round-robin.ts";
export {
  type ShortestExpectedDelayOptions,
  shortestExpectedDelay,
} from "./strategies/shortest-expected-delay.ts";
export type { StrategyFault } from "./strategy-guard.ts";
export type { QueueOptions, QueueOrder } from "./wait-queue.ts";
export { type WithLeaseOptions, withLease } from "./with-lease.ts";
