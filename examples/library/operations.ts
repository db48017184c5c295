// What an operator does with a running multiplexer. Needs the same servers as the quick start: `pnpm servers`.
import assert from "node:assert/strict";
import {
  AggregatorError,
  createCustomConfiguration,
  createMultiplexer,
  LoadBalancingStrategy,
} from "@fairlead/aggregator";
import { validateConfig } from "@fairlead/aggregator/schema";

const customConfig = createCustomConfiguration({
  name: "My Custom Setup",
  description: "Custom configuration for specific needs",
  serverCount: 4,
  loadBalancingStrategy: LoadBalancingStrategy.ADAPTIVE,
  enableHealthMonitoring: true,
  enableFailover: true,
  performanceOptimized: true,
  reliability: "high",
});

// Configuration validation
const validation = validateConfig(customConfig);
if (!validation.isValid) {
  console.error("Configuration errors:", validation.errors);
}
if (validation.warnings.length > 0) {
  console.warn("Configuration warnings:", validation.warnings);
}
if (validation.recommendations.length > 0) {
  console.info("Recommendations:", validation.recommendations);
}
assert.equal(validation.isValid, true);
assert.deepEqual(
  validation.warnings.map(({ path }) => path),
  ["multiplexerConfig.pools"],
);

// Two replicas of one tool, and failovers as they happen
const multiplexer = createMultiplexer(customConfig.multiplexerConfig);
multiplexer.on("failover", ({ upstream, reason }) => console.log(`${upstream} was taken out: ${reason}`));
await multiplexer.initialize([{ host: "localhost", port: 3001, capabilities: ["vector_search"] }]);

const request = { query: "machine learning", threshold: 0.9 };

// Add server
const id = await multiplexer.addServer({ host: "localhost", port: 3003, capabilities: ["hybrid_search"] });
assert.equal(id, "localhost:3003");
assert.equal((await multiplexer.executeRequest(request))["tool"], "hybrid_search");
const { tool } = await multiplexer.executeRequest(request, {
  capabilities: ["vector_search"],
  queryTools: ["vector_search"],
});
assert.equal(tool, "vector_search");

// Force failover: what the server offers alone is not offered meanwhile
await multiplexer.forceFailover("localhost:3003", "Maintenance mode");
multiplexer.undrain("localhost:3003");

// Remove server
await multiplexer.removeServer("localhost:3001");

// Error handling
try {
  await multiplexer.executeRequest(request, { capabilities: ["vector_search"] });
  assert.fail("no server with that capability is left");
} catch (error) {
  assert(error instanceof AggregatorError);
  assert.equal(error.code, "NO_SERVERS_AVAILABLE");
  console.error("No servers available:", error.message);
}

// System status
const status = multiplexer.getStatus();
console.log({
  isHealthy: status.isHealthy,
  totalServers: status.totalServers,
  healthyServers: status.healthyServers,
  currentStrategy: status.currentStrategy,
  queueSize: status.queueSize,
  avgResponseTime: status.avgResponseTime,
  throughput: status.throughput,
  errorRate: status.errorRate,
  uptime: status.uptime,
});
assert.equal(status.isHealthy, true);
assert.equal(status.totalServers, 1);
assert.equal(status.currentStrategy, "adaptive");

// Performance analytics
const analytics = multiplexer.getPerformanceAnalytics();
console.log({
  dashboard: analytics.dashboard,
  optimization: analytics.optimization,
  failoverHistory: analytics.failoverHistory,
});
assert.equal(analytics.dashboard.calls, 3);
assert.deepEqual(
  analytics.failoverHistory.map(({ kind, from, reason }) => ({ kind, from, reason })),
  [{ kind: "forced", from: "localhost:3003", reason: "Maintenance mode" }],
);
await multiplexer.close();
