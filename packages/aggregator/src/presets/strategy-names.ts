// The built-in strategies under the names that configuration objects written in code use.

export const LoadBalancingStrategy = {
  ROUND_ROBIN: "round-robin",
  LEAST_CONNECTIONS: "least-connections",
  WEIGHTED_RESPONSE_TIME: "weighted-response-time",
  RESOURCE_AWARE: "resource-aware",
  CAPABILITY_BASED: "capability-based",
  PREDICTIVE: "predictive",
  ADAPTIVE: "adaptive",
  WEIGHTED_ROUND_ROBIN: "weighted-round-robin",
  POWER_OF_TWO_CHOICES: "power-of-two-choices",
  SHORTEST_EXPECTED_DELAY: "shortest-expected-delay",
  PEAK_EWMA: "peak-ewma",
  PREQUAL: "prequal",
  RING_HASH: "ring-hash",
  MAGLEV: "maglev",
  RANDOM: "random",
} as const;

export type LoadBalancingStrategyName = (typeof LoadBalancingStrategy)[keyof typeof LoadBalancingStrategy];
