export {
  type AcquireRequest,
  type Balancer,
  type BalancerOptions,
  type BalancerSnapshot,
  createBalancer,
} from "./balancer.ts";
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
export { BalancerError, EndpointError, StrategyError } from "./errors.ts";
export type { BalancerEvent } from "./events.ts";
export type { Lease } from "./lease.ts";
export { leastConnections } from "./strategies/least-connections.ts";
export { type RoundRobinOptions, roundRobin } from "./strategies/round-robin.ts";
export type { StrategyFault } from "./strategy-guard.ts";
