export type { Collision } from "./catalog/catalog.ts";
export type { ListKind } from "./catalog/lists.ts";
export type {
  BreakerConfig,
  ClientCapability,
  HealthCheckConfig,
  HttpUpstreamConfig,
  LimitsConfig,
  MultiplexerConfig,
  PoolConfig,
  RestartConfig,
  SessionLimitsConfig,
  SessionPolicy,
  StdioUpstreamConfig,
  ToolPolicy,
  UpstreamConfig,
} from "./config.ts";
export { AggregatorError, type AggregatorErrorCode, type AggregatorErrorFacts } from "./errors.ts";
export type { MultiplexerEvent } from "./events.ts";
export { createMultiplexer, type Multiplexer, type MultiplexerOptions } from "./multiplexer.ts";
export type { MultiplexerStatus, PoolStatus, Problem, UpstreamStatus } from "./status.ts";
export type { ReplicaStatus } from "./upstream/replica-state.ts";
