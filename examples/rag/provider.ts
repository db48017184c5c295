// Two RAG servers and one in reserve behind a provider, which starts them. Run it in this folder: `pnpm start`.
import assert from "node:assert/strict";
import { EnhancedMCPRAGProvider, MultiplexingConfigFactory, MultiplexingPreset } from "@fairlead/rag";

// Create enhanced MCP configuration
const ragConfig = MultiplexingConfigFactory.createEnhancedMCPConfig({
  preset: MultiplexingPreset.PRODUCTION_SMALL,
  serverConfigs: [
    {
      host: "localhost",
      port: 3001,
      capabilities: ["vector_search"],
      pluginPath: "./mcp-vector-server.js",
    },
    {
      host: "localhost",
      port: 3002,
      capabilities: ["graph_query"],
      pluginPath: "./mcp-graph-server.js",
    },
  ],
  enableFallback: true,
  fallbackConfig: {
    host: "localhost",
    port: 3000,
    pluginPath: "./mcp-fallback-server.js",
  },
});

// Initialize RAG provider
const ragProvider = new EnhancedMCPRAGProvider(ragConfig);
await ragProvider.connect();

// Execute RAG queries
const response = await ragProvider.query({
  query: "Explain quantum computing",
  maxResults: 5,
  threshold: 0.7,
});

console.log("RAG Response:", response);

// What this example promises: both servers were asked, and what they found is one list.
assert.equal(response.degraded, false);
assert.deepEqual(
  response.servers.map(({ capability, outcome }) => `${capability} ${outcome}`),
  ["vector_search answered", "graph_query answered"],
);
assert.equal(response.results[0]?.title, "Quantum computing");
assert.ok(response.results.length <= 5);
// These servers have no embedding model, so there are no similarities: the answer says that nothing was cut off.
assert.equal(response.thresholdApplied, false);
const { isHealthy, totalServers, healthyServers, currentStrategy } = ragProvider.getMultiplexerStatus();
assert.deepEqual(
  { isHealthy, totalServers, healthyServers, currentStrategy },
  { isHealthy: true, totalServers: 3, healthyServers: 3, currentStrategy: "least-connections" },
);
assert.equal(ragProvider.getPerformanceAnalytics().dashboard.queries, 1);
await ragProvider.close();
