import { builtInStrategies } from "@fairlead/balancer";
import { describe, expect, it } from "vitest";
import { createMultiplexer } from "../multiplexer.ts";
import { validateConfig } from "../schema/validate-config.ts";
import { createCustomConfiguration } from "./custom-configuration.ts";
import { getPresetConfiguration, MultiplexingPreset } from "./preset-configuration.ts";
import { LoadBalancingStrategy } from "./strategy-names.ts";

const upstream = { transport: "stdio", command: "never-started" } as const;

describe("getPresetConfiguration", () => {
  it.each(Object.values(MultiplexingPreset))("%s is valid, and a multiplexer runs by it", (name) => {
    const preset = getPresetConfiguration(name);
    expect(validateConfig(preset)).toMatchObject({
      isValid: true,
      errors: [],
      warnings: [{ path: "multiplexerConfig.pools" }],
    });
    const { serverCount } = preset;
    const pools = [
      {
        namespace: "a",
        upstreams: Array.from({ length: serverCount }, () => ({ ...upstream, maxConcurrency: 8 })),
      },
    ];
    const full = { ...preset, multiplexerConfig: { ...preset.multiplexerConfig, pools } };
    expect(validateConfig(full)).toMatchObject({ isValid: true, errors: [], warnings: [] });
    const multiplexer = createMultiplexer(full.multiplexerConfig);
    const [pool] = multiplexer.getStatus().pools;
    expect(pool?.strategy).toBe(preset.multiplexerConfig.poolDefaults?.strategy);
    expect(pool?.replicas).toHaveLength(serverCount);
  });

  it("gives everyone a copy of their own", () => {
    const first = getPresetConfiguration("DEVELOPMENT") as { description: string };
    first.description = "changed";
    expect(getPresetConfiguration("DEVELOPMENT").description).not.toBe("changed");
  });

  it("refuses a name that is none", () => {
    expect(() => getPresetConfiguration("PRODUCTION" as "DEVELOPMENT")).toThrow(
      /must be one of DEVELOPMENT, /,
    );
  });
});

describe("LoadBalancingStrategy", () => {
  it("names every built-in strategy", () => {
    expect(Object.values(LoadBalancingStrategy).sort()).toEqual(Object.keys(builtInStrategies).sort());
  });
});

describe("createCustomConfiguration", () => {
  it("starts from reliability, and takes what is asked for", () => {
    const { name, serverCount, multiplexerConfig } = createCustomConfiguration({
      name: "My Custom Setup",
      serverCount: 4,
      loadBalancingStrategy: LoadBalancingStrategy.ADAPTIVE,
      enableHealthMonitoring: true,
      enableFailover: true,
      performanceOptimized: true,
      reliability: "high",
    });
    expect({ name, serverCount }).toEqual({ name: "My Custom Setup", serverCount: 4 });
    expect(multiplexerConfig.poolDefaults).toMatchObject({
      strategy: "adaptive",
      maxAttempts: 5,
      maxQueue: 1_000,
      timeoutMs: 10_000,
      healthCheck: { intervalMs: 2_000 },
      breaker: { failureThreshold: 3 },
    });
  });

  it("turns monitoring and failover off", () => {
    const { multiplexerConfig } = createCustomConfiguration({
      enableHealthMonitoring: false,
      enableFailover: false,
    });
    expect(multiplexerConfig.poolDefaults).toMatchObject({
      maxAttempts: 1,
      healthCheck: { intervalMs: 0, timeoutMs: 5_000 },
    });
  });

  it("takes settings of health monitoring under their usual names", () => {
    const custom = createCustomConfiguration({
      healthMonitoring: {
        failureThreshold: 7,
        timeoutMs: 10_000,
        recoveryTimeMs: 45_000,
        successThreshold: 4,
        monitoringWindow: 200_000,
        healthCheckInterval: 12_000,
      },
    });
    expect(custom.multiplexerConfig.poolDefaults).toMatchObject({
      timeoutMs: 10_000,
      healthCheck: { intervalMs: 12_000, failureThreshold: 2 },
      breaker: {
        failureThreshold: 7,
        resetTimeoutMs: 45_000,
        successThreshold: 4,
        monitoringWindowMs: 200_000,
      },
    });
    expect(validateConfig(custom).isValid).toBe(true);
  });

  it.each([
    [{ serverCount: 0 }, /serverCount must be a whole number from 1, got 0/],
    [{ reliability: "extreme" as "high" }, /reliability must be low, medium or high, got "extreme"/],
  ])("refuses %j", (options, message) => {
    expect(() => createCustomConfiguration(options)).toThrow(message);
  });
});
