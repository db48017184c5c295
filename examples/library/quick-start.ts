// Three MCP servers for searching behind one multiplexer. Start them first, in another terminal: `pnpm servers`.
import assert from "node:assert/strict";
import { createMultiplexer, getPresetConfiguration, MultiplexingPreset } from "@fairlead/aggregator";

// Create configuration
const config = getPresetConfiguration(MultiplexingPreset.PRODUCTION_SMALL);

// Initialize multiplexer
const multiplexer = createMultiplexer(config.multiplexerConfig);

// Define server configurations
const serverConfigs = [
  { host: "localhost", port: 3001, capabilities: ["vector_search"] },
  { host: "localhost", port: 3002, capabilities: ["graph_query"] },
  { host: "localhost", port: 3003, capabilities: ["hybrid_search"] },
];

// Initialize and execute requests
await multiplexer.initialize(serverConfigs);

const request = {
  query: "Find similar documents about machine learning",
  context: "research context",
  maxResults: 10,
  threshold: 0.8,
};

const response = await multiplexer.executeRequest(request, 5); // Priority 5
console.log("Results:", response.results);

// What this example promises. A query goes to the most capable of the tools for queries that there are.
assert.deepEqual(response, {
  results: [{ title: "Machine learning in nine pages", score: 0.93 }],
  tool: "hybrid_search",
  server: 3003,
});
const { isHealthy, totalServers, healthyServers, currentStrategy, errorRate } = multiplexer.getStatus();
assert.deepEqual(
  { isHealthy, totalServers, healthyServers, currentStrategy, errorRate },
  { isHealthy: true, totalServers: 3, healthyServers: 3, currentStrategy: "least-connections", errorRate: 0 },
);
await multiplexer.close();
