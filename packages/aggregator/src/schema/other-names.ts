// What options are called elsewhere: other gateways, older documents. Such a key is an error that says the name used here.

const OTHER_NAMES: Readonly<Record<string, string>> = {
  servers: "list them as pools[].upstreams, or give them to initialize()",
  loadBalancing: "write its strategy as poolDefaults.strategy",
  loadBalancingStrategy: "write it as poolDefaults.strategy, or use createCustomConfiguration()",
  healthMonitoring: "spread healthMonitoring({ … }) into poolDefaults, or use createCustomConfiguration()",
  circuitBreaker: "write it as breaker, in poolDefaults or in a pool",
  circuit_breaker: "write it as breaker, in poolDefaults or in a pool",
  recoveryTimeMs: "it is resetTimeoutMs here",
  recovery_timeout: "it is resetTimeoutMs here, in milliseconds",
  failure_threshold: "it is failureThreshold here",
  half_open_max_calls: "it is halfOpenMaxCalls here",
  monitoringWindow: "it is monitoringWindowMs here",
  healthCheckInterval: "it is healthCheck.intervalMs here",
  health_check_interval: "it is healthCheck.intervalMs of the pool here, in milliseconds",
  maxRetries: "it is maxAttempts here, which counts the first attempt too",
  max_retries: "it is maxAttempts here, which counts the first attempt too",
  timeout: "it is timeoutMs of the pool here, in milliseconds",
  default_timeout: "it is poolDefaults.timeoutMs here, in milliseconds",
  host: "write host and port as url, such as http://localhost:3001/mcp, or give the server to initialize()",
  port: "write host and port as url, such as http://localhost:3001/mcp, or give the server to initialize()",
  auth: "send it as headers.authorization",
};

/** What to do about a key that is an option's name elsewhere; undefined when it is not known to be one. */
export function otherName(key: string | number | undefined): string | undefined {
  return typeof key === "string" && Object.hasOwn(OTHER_NAMES, key) ? OTHER_NAMES[key] : undefined;
}
