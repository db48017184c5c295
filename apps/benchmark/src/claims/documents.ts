// Every performance figure of the five source documents, in their order, and which scenario measures it. What is left out
// of a document is no figure: features, examples, instructions.

export interface DocumentedFigure {
  readonly document: string;
  /** Where in it. */
  readonly section: string;
  /** As it stands there. */
  readonly figure: string;
  /** A claim of a scenario, by its words; or why there is none. */
  readonly measured: { readonly scenario: string; readonly claim: string } | { readonly why: string };
}

const by = (scenario: string, claim: string): DocumentedFigure["measured"] => ({ scenario, claim });
const setting = (where: string): DocumentedFigure["measured"] => ({
  why: `a setting, not a result: ${where}`,
});

const CONCURRENT = "concurrent-multi-agent-lmstudio.md";
const RELIABILITY = "lmstudio-reliability.md";
const MULTIPLEXING = "mcp-multiplexing-system.md";
const CLIENTS = "multi-client-concurrency.md";
const PRODUCTION = "production-multi-server.md";

export const DOCUMENTED: readonly DocumentedFigure[] = [
  {
    document: CONCURRENT,
    section: "Features",
    figure: "query up to 10 models at once",
    measured: by("lmstudio", "up to 10 models at once"),
  },
  {
    document: CONCURRENT,
    section: "Features",
    figure: "1.18 × faster than sequential execution",
    measured: by("lmstudio", "1.18 × faster than one after the other"),
  },
  {
    document: CONCURRENT,
    section: "Configuration",
    figure: "10 concurrent requests, 30 s to connect, 120 s to read",
    measured: setting("the defaults of the LM Studio client, checked in its tests"),
  },
  {
    document: CONCURRENT,
    section: "Performance Benchmarks",
    figure: "one 14B model: 2.3 s, 26 tok/s",
    measured: by("lmstudio", "1 model at once: 2.3 s, 26 tokens/s"),
  },
  {
    document: CONCURRENT,
    section: "Performance Benchmarks",
    figure: "two 14B models: 2.4 s, 52 tok/s",
    measured: by("lmstudio", "2 models at once: 2.4 s, 52 tokens/s"),
  },
  {
    document: CONCURRENT,
    section: "Performance Benchmarks",
    figure: "four 14B models: 2.8 s, 95 tok/s",
    measured: by("lmstudio", "4 models at once: 2.8 s, 95 tokens/s"),
  },
  {
    document: CONCURRENT,
    section: "Performance Benchmarks",
    figure: "8.5, 17 and 33 GB of graphics memory",
    measured: {
      why: "cannot be checked here: the memory belongs to the models, not to who asks them, and there is no graphics card",
    },
  },
  {
    document: RELIABILITY,
    section: "Timeout Problems",
    figure:
      "60 s for simple and 180 s for complex requests instead of 75 s: about 80 % fewer failures by time limit",
    measured: by("reliability", "80 % fewer time limits"),
  },
  {
    document: RELIABILITY,
    section: "Rate Limiting Problems",
    figure: "12 instead of 5 requests a second",
    measured: by("reliability", "140 % more throughput by the rate limit (5 → 12 per second)"),
  },
  {
    document: RELIABILITY,
    section: "Enhanced HTTP Client, Circuit Breaker Pattern",
    figure: "10 to 20 connections, 3 retries × 1.5, 3 to 5 failures open the breaker for 30 to 60 s",
    measured: setting("loaded as it stands there, checked in the tests of the LM Studio client"),
  },
  {
    document: RELIABILITY,
    section: "Performance Metrics",
    figure: "timeout failures: 80 % fewer",
    measured: by("reliability", "80 % fewer time limits"),
  },
  {
    document: RELIABILITY,
    section: "Performance Metrics",
    figure: "empty responses: 95 % fewer",
    measured: by("reliability", "95 % fewer empty answers"),
  },
  {
    document: RELIABILITY,
    section: "Performance Metrics",
    figure: "request latency: 30 % better",
    measured: {
      why: "cannot be checked: the document says neither what it was before nor of which requests; a client cannot make a model answer sooner",
    },
  },
  {
    document: RELIABILITY,
    section: "Performance Metrics",
    figure: "throughput: 140 % more (5 to 12 a second)",
    measured: by("reliability", "140 % more throughput by the rate limit (5 → 12 per second)"),
  },
  {
    document: MULTIPLEXING,
    section: "Configuration Presets",
    figure: "50 to 100, 500 to 1,000, 1,000 and more queries a second",
    measured: by("overhead", "50 to 100, 500 to 1,000, and more than 1,000 calls a second (presets)"),
  },
  {
    document: MULTIPLEXING,
    section: "Health Monitoring",
    figure:
      "5 failures open the circuit, 10 s for a request, 60 s until recovery is tried, checks every 10 s",
    measured: setting("loaded as it stands there, checked in the tests of the multiplexer"),
  },
  {
    document: MULTIPLEXING,
    section: "Throughput Improvements",
    figure: "2 servers: 80 to 120 % more",
    measured: by("loadbalancing", "2 servers: 80 to 120 % more throughput than one"),
  },
  {
    document: MULTIPLEXING,
    section: "Throughput Improvements",
    figure: "4 servers: 200 to 300 % more",
    measured: by("loadbalancing", "4 servers: 200 to 300 % more"),
  },
  {
    document: MULTIPLEXING,
    section: "Throughput Improvements",
    figure: "8 servers: 400 to 600 % more",
    measured: by("loadbalancing", "8 servers: 400 to 600 % more"),
  },
  {
    document: MULTIPLEXING,
    section: "Latency Characteristics",
    figure: "P50: 20 to 30 % less with load balancing",
    measured: by("loadbalancing", "P50: 20 to 30 % less with load balancing"),
  },
  {
    document: MULTIPLEXING,
    section: "Latency Characteristics",
    figure: "P95: 40 to 60 % less with failover",
    measured: by("failover", "P95: 40 to 60 % less with failover"),
  },
  {
    document: MULTIPLEXING,
    section: "Latency Characteristics",
    figure: "P99: 60 to 80 % less with circuit breakers",
    measured: by("failover", "P99: 60 to 80 % less with circuit breakers"),
  },
  {
    document: MULTIPLEXING,
    section: "Reliability Improvements",
    figure: "availability: 99.9 % and more",
    measured: by("failover", "Availability: 99.9 % or more"),
  },
  {
    document: MULTIPLEXING,
    section: "Reliability Improvements",
    figure: "failover: less than a second",
    measured: by("failover", "Failover: less than a second"),
  },
  {
    document: MULTIPLEXING,
    section: "Reliability Improvements",
    figure: "recovery: automatic",
    measured: by("failover", "Recovery: automatic"),
  },
  {
    document: CLIENTS,
    section: "Your Specific Question",
    figure: "5 clients at a time",
    measured: by("stress", "20 clients and more at once, none in another's way"),
  },
  {
    document: CLIENTS,
    section: "Real-World Performance Example",
    figure: "calls of 2, 3, 5 and 8 s side by side, none in another's way",
    measured: by("stress", "20 clients and more at once, none in another's way"),
  },
  {
    document: CLIENTS,
    section: "Connection Limits",
    figure: "20 clients and more",
    measured: by("stress", "20 clients and more at once, none in another's way"),
  },
  {
    document: CLIENTS,
    section: "Connection Limits, Circuit Breakers",
    figure: "20 clients, 100 requests a minute each, 30 s for a call, paused after 5 errors",
    measured: setting("the gateway's defaults, checked in its tests; switched off while it is measured"),
  },
  {
    document: CLIENTS,
    section: "Bottom Line",
    figure: "streams to several clients at the same time",
    measured: by("streams", "streams that heard of a changed list"),
  },
  {
    document: PRODUCTION,
    section: "Configuration Options",
    figure:
      "checks every 30 s, 3 retries, 10 s for a request, 10 connections, 5 failures open the circuit for 60 s",
    measured: setting("this configuration loads as it stands there, checked in the gateway's tests"),
  },
  {
    document: PRODUCTION,
    section: "Error Handling",
    figure: "automatic reconnection",
    measured: by("failover", "Recovery: automatic"),
  },
  {
    document: PRODUCTION,
    section: "Performance Considerations",
    figure: "metrics collection with minimal overhead",
    measured: by("overhead", "300 B over HTTP: at most 2.0 × nginx's CPU per call"),
  },
];
