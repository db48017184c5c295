import { describe, expect, it } from "vitest";
import type { MultiplexerConfig, PoolConfig, UpstreamConfig } from "../config.ts";
import { validateConfig } from "./validate-config.ts";

const stdio: UpstreamConfig = { transport: "stdio", command: "node", maxConcurrency: 4 };
const http = (url: string, headers?: Record<string, string>): UpstreamConfig => ({
  transport: "streamable-http",
  url,
  headers,
  maxConcurrency: 4,
});
const pool = (more: Partial<PoolConfig>): MultiplexerConfig => ({
  pools: [{ namespace: "a", upstreams: [stdio, stdio], ...more }],
});

describe("validateConfig", () => {
  it("has nothing to say about a good configuration", () => {
    expect(validateConfig(pool({}))).toEqual({
      isValid: true,
      errors: [],
      warnings: [],
      recommendations: [],
    });
  });

  it.each<[string, unknown, string, RegExp, RegExp]>([
    ["nothing at all", undefined, "", /expected object/, /object/],
    ["a misspelt key", { pools: [], limit: {} }, "limit", /unknown key/, /"limits"/],
    [
      "a strategy that is not there",
      pool({ strategy: "fastest" }),
      "pools[0].strategy",
      /not built in/,
      /built-in/,
    ],
    [
      "options that a strategy lacks",
      pool({ strategyOptions: { speed: 1 } }),
      "pools[0].strategy",
      /speed/,
      /./,
    ],
    ["a pool without upstreams", pool({ upstreams: [] }), "pools[0].upstreams", /Too small/, /at least 1/],
    [
      "a namespace twice",
      { pools: [...pool({}).pools, ...pool({}).pools] },
      "pools[1].namespace",
      /given twice/,
      /another/,
    ],
    [
      "an option by another name",
      { pools: [], healthMonitoring: {} },
      "healthMonitoring",
      /unknown key/,
      /poolDefaults/,
    ],
    [
      "seconds for milliseconds",
      { pools: [], poolDefaults: { timeout: 10 } },
      "poolDefaults.timeout",
      /unknown/,
      /timeoutMs/,
    ],
    [
      "a share that is none",
      pool({ slowStart: { minWeightRatio: 0 } }),
      "pools[0].slowStart",
      /minWeightRatio must be in \(0, 1\], got 0/,
      /range/,
    ],
    [
      "a URL that is none",
      pool({ upstreams: [http("http://[/mcp")] }),
      "pools[0].upstreams[0].url",
      /is not a URL/,
      /correct/,
    ],
    [
      "a host",
      { pools: [{ namespace: "a", upstreams: [{ command: "x", host: "h" }] }] },
      "pools[0].upstreams[0].host",
      /unknown/,
      /url/,
    ],
  ])("finds an error: %s", (_what, config, path, message, fix) => {
    const { isValid, errors } = validateConfig(config);
    expect(isValid).toBe(false);
    const found = errors.find((error) => error.path === path);
    expect(found?.message).toMatch(message);
    expect(found?.fix).toMatch(fix);
  });

  it.each<[string, MultiplexerConfig, string, RegExp]>([
    ["no pools", { pools: [] }, "pools", /nothing is served/],
    [
      "a deadline beyond the last one",
      pool({ timeoutMs: 50, maxTimeoutMs: 40, queueTimeoutMs: 1 }),
      "pools[0].timeoutMs",
      /only 40 ms/,
    ],
    [
      "waiting as long as a call",
      pool({ timeoutMs: 2_000 }),
      "pools[0].queueTimeoutMs",
      /only 2000 ms in all/,
    ],
    [
      "no pings",
      pool({ healthCheck: { intervalMs: 0 } }),
      "pools[0].healthCheck.intervalMs",
      /pings are off/,
    ],
    [
      "pings that overlap",
      pool({ healthCheck: { intervalMs: 1_000 } }),
      "pools[0].healthCheck.timeoutMs",
      /longer than the 1000 ms/,
    ],
    [
      "delays upside down",
      pool({ restart: { baseDelayMs: 50, maxDelayMs: 5 } }),
      "pools[0].restart.baseDelayMs",
      /longer than the longest/,
    ],
    ["no failover", pool({ maxAttempts: 1 }), "pools[0].maxAttempts", /not tried on another/],
    [
      "a nervous breaker",
      pool({ breaker: { failureThreshold: 1 } }),
      "pools[0].breaker.failureThreshold",
      /one failed call/,
    ],
    [
      "defaults count too",
      { ...pool({ breaker: { resetTimeoutMs: 9 } }), poolDefaults: { breaker: { failureThreshold: 1 } } },
      "pools[0].breaker.failureThreshold",
      /one failed call/,
    ],
    [
      "one server twice",
      pool({ upstreams: [http("http://127.0.0.1:1/mcp"), http("http://127.0.0.1:1/mcp")] }),
      "pools[0].upstreams[1].url",
      /same server/,
    ],
    [
      "credentials in a URL",
      pool({ upstreams: [http("https://u:p@example.com/mcp"), stdio] }),
      "pools[0].upstreams[0].url",
      /logs/,
    ],
    [
      "credentials in the clear",
      pool({ upstreams: [http("http://example.com/mcp", { Authorization: "x" }), stdio] }),
      "pools[0].upstreams[0].url",
      /without encryption/,
    ],
  ])("warns of %s", (_what, config, path, message) => {
    const { isValid, warnings } = validateConfig(config);
    expect(isValid).toBe(true);
    expect(warnings).toEqual([
      { path, message: expect.stringMatching(message), fix: expect.stringMatching(/\w/) },
    ]);
  });

  it("takes replicas for as many upstreams", () => {
    const { recommendations } = validateConfig(pool({ upstreams: [{ ...stdio, replicas: 2 }] }));
    expect(recommendations).toEqual([]);
  });

  it.each<[string, unknown, string, RegExp]>([
    ["a second upstream", pool({ upstreams: [stdio] }), "pools[0].upstreams", /has one upstream/],
    ["deadlines that clients wait for", pool({ timeoutMs: 120_000 }), "pools[0].timeoutMs", /60000 ms/],
    [
      "other hosts",
      pool({ upstreams: [http("https://example.com/1"), http("https://example.com/2")] }),
      "pools[0].upstreams",
      /lost together/,
    ],
    [
      "bounds",
      pool({
        upstreams: [
          { ...stdio, maxConcurrency: undefined },
          { ...stdio, maxConcurrency: undefined },
        ],
      }),
      "pools[0].upstreams",
      /bound/,
    ],
    [
      "the preset's size",
      { serverCount: 3, multiplexerConfig: pool({}) },
      "multiplexerConfig.pools[0].upstreams",
      /meant for 3/,
    ],
  ])("recommends %s", (_what, config, path, message) => {
    const { isValid, warnings, recommendations } = validateConfig(config);
    expect({ isValid, warnings }).toEqual({ isValid: true, warnings: [] });
    expect(recommendations).toEqual([
      { path, message: expect.stringMatching(message), fix: expect.stringMatching(/\w/) },
    ]);
  });

  it("warns of routing rules that will not do what they seem to", () => {
    const routing = {
      rules: [
        { name: "gpu", match: { pools: ["a"] }, route: { tags: ["gpu"] } },
        { name: "elsewhere", match: { pools: ["b*"] }, route: { priority: 9 } },
        { name: "all", route: { priority: 1 } },
        { name: "late", match: { tools: ["x"] }, route: {} },
      ],
    };
    const { isValid, warnings } = validateConfig({ ...pool({}), routing });
    expect(isValid).toBe(true);
    expect(warnings.map(({ path, message }) => `${path}: ${message}`)).toEqual([
      expect.stringMatching(/^routing\.rules\[0\]\.route: no upstream of "a" has what rule "gpu" asks for/),
      expect.stringMatching(/^routing\.rules\[1\]\.match\.pools: .* matches no pool/),
      expect.stringMatching(/^routing\.rules\[3\]: .* never reached, as "all" matches every call/),
      expect.stringMatching(/^routing\.rules\[3\]\.route: .* changes nothing/),
    ]);
    expect(
      validateConfig({ ...pool({}), routing: { rules: [{ name: "x", route: { timeoutClass: "y" } }] } })
        .errors,
    ).toEqual([expect.objectContaining({ path: "routing.rules[0].route.timeoutClass" })]);
  });

  it("connects to nothing for what is on this machine and not there yet", () => {
    const started = { ...http("http://127.0.0.1:{port}/mcp"), command: "node" } as UpstreamConfig;
    expect(validateConfig(pool({ upstreams: [started, started] })).warnings).toEqual([]);
  });
});
