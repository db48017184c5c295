export type {
  PerformanceAnalytics,
  PerformanceDashboard,
  PoolPerformance,
  UpstreamPerformance,
} from "./analytics/analytics.ts";
export type { CallFigures, LatencyFigures } from "./analytics/call-window.ts";
export type { FailoverEntry } from "./analytics/failover-history.ts";
export type { OptimizationAdvice } from "./analytics/optimization.ts";
export type { Caller } from "./caller.ts";
export type { Collision, OfferedTool } from "./catalog/catalog.ts";
export type { ListKind } from "./catalog/lists.ts";
export type { ViewConfig } from "./catalog/view.ts";
export type { MessageChannel } from "./client/channel.ts";
export type {
  AttemptEnd,
  Gate,
  GateRequest,
  Refusal,
  RequestEnd,
  RequestWatch,
} from "./client/gate.ts";
export type { ExecuteOptions, MethodRequest, Progress, QueryRequest } from "./client/in-process.ts";
export {
  type ChannelSource,
  createWebSocketFront,
  type WebSocketFront,
  type WebSocketFrontOptions,
} from "./client/websocket-front.ts";
export type {
  AdaptiveTimeoutConfig,
  BreakerConfig,
  CacheConfig,
  CheckedUpstream,
  ClientCapability,
  HealthCheck,
  HealthCheckConfig,
  HedgeConfig,
  HttpUpstreamConfig,
  LimitsConfig,
  MultiplexerConfig,
  OutlierEjectionConfig,
  PoolConfig,
  PoolDefaults,
  ReplicasConfig,
  RestartConfig,
  RoutingConfig,
  RoutingRule,
  RuleMatch,
  RuleRoute,
  SessionLimitsConfig,
  SessionPolicy,
  SlowStartConfig,
  StdioUpstreamConfig,
  TimeoutClass,
  ToolPolicy,
  UpstreamConfig,
} from "./config.ts";
export type { ConfigFinding } from "./contradictions.ts";
export {
  AggregatorError,
  type AggregatorErrorCode,
  type AggregatorErrorFacts,
  RpcError,
  ToolError,
} from "./errors.ts";
export type { EventHub, EventOf, EventType } from "./event-hub.ts";
export type { MultiplexerEvent } from "./events.ts";
export { addShortPath, type ShortPath, type ShortPathOptions } from "./http1/short-path.ts";
export type { DrainOptions, Management } from "./management.ts";
export {
  type ChannelRequest,
  createMultiplexer,
  type InitializeOptions,
  type Multiplexer,
  type MultiplexerOptions,
} from "./multiplexer.ts";
export { withPoolDefaults } from "./pool-defaults.ts";
export {
  type CustomConfigurationOptions,
  createCustomConfiguration,
} from "./presets/custom-configuration.ts";
export { type HealthMonitoringOptions, healthMonitoring } from "./presets/health-monitoring.ts";
export {
  getPresetConfiguration,
  MultiplexingPreset,
  type MultiplexingPresetName,
  type PresetConfiguration,
} from "./presets/preset-configuration.ts";
export { LoadBalancingStrategy, type LoadBalancingStrategyName } from "./presets/strategy-names.ts";
export type { ServerAddress } from "./server-address.ts";
export type { MultiplexerStatus, PoolStatus, Problem, UpstreamStatus } from "./status.ts";
export type { ReplicaStatus } from "./upstream/replica-state.ts";
export type { TraceContext } from "./wire/trace-context.ts";
