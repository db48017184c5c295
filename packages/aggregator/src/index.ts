export type { Caller } from "./caller.ts";
export type { Collision } from "./catalog/catalog.ts";
export type { ListKind } from "./catalog/lists.ts";
export type { MessageChannel } from "./client/channel.ts";
export {
  type ChannelSource,
  createWebSocketFront,
  type WebSocketFront,
  type WebSocketFrontOptions,
} from "./client/websocket-front.ts";
export type {
  BreakerConfig,
  HealthCheckConfig,
  HttpUpstreamConfig,
  LimitsConfig,
  MultiplexerConfig,
  PoolConfig,
  RestartConfig,
  StdioUpstreamConfig,
  ToolPolicy,
  UpstreamConfig,
} from "./config.ts";
export { AggregatorError, type AggregatorErrorCode, type AggregatorErrorFacts } from "./errors.ts";
export type { MultiplexerEvent } from "./events.ts";
export {
  type ChannelRequest,
  createMultiplexer,
  type Multiplexer,
  type MultiplexerOptions,
} from "./multiplexer.ts";
export type { MultiplexerStatus, PoolStatus, Problem, UpstreamStatus } from "./status.ts";
export type { ReplicaStatus } from "./upstream/replica-state.ts";
