import { describe, expect, it } from "vitest";
import type { MultiplexerConfig, PoolConfig } from "./config.ts";
import { createMultiplexer } from "./multiplexer.ts";

const upstreams = [{ transport: "stdio", command: "never-started" }] as const;
const pool = (namespace: string, more: Partial<PoolConfig> = {}): PoolConfig => ({
  namespace,
  upstreams,
  ...more,
});

describe("createMultiplexer", () => {
  it.each<[string, MultiplexerConfig, RegExp]>([
    [
      "an unknown strategy",
      { pools: [pool("a", { strategy: "fastest" })] },
      /pool "a": strategy "fastest": not built in; .*round-robin/,
    ],
    ["a namespace given twice", { pools: [pool("a"), pool("a")] }, /namespace "a" is given twice/],
    [
      "a namespace that clients would not accept",
      { pools: [pool("a b")] },
      /1 to 32 characters of \[A-Za-z0-9_-\], got "a b"/,
    ],
    ["a namespace with the separator in it", { pools: [pool("a__b")] }, /contains the separator "__"/],
    ["a pool without upstreams", { pools: [pool("a", { upstreams: [] })] }, /pool "a" has no upstreams/],
    [
      "an id given twice",
      { pools: [pool("a", { upstreams: [{ ...upstreams[0], id: "b-1" }] }), pool("b")] },
      /upstream id "b-1" is given twice/,
    ],
    [
      "a separator that names may not contain",
      { pools: [], separator: "." },
      /separator must be 1 to 8 characters/,
    ],
  ])("refuses %s", (_what, config, message) => {
    expect(() => createMultiplexer(config)).toThrow(message);
    expect(() => createMultiplexer(config)).toThrow(expect.objectContaining({ code: "INVALID_CONFIG" }));
  });

  it("starts nothing before it is told to, and closes without having started", async () => {
    const multiplexer = createMultiplexer({ pools: [pool("a")] });
    expect(multiplexer.getStatus()).toMatchObject({
      status: "starting",
      pools: [{ replicas: [{ pid: null, restarts: 0 }] }],
    });
    await multiplexer.close();
    await multiplexer.close();
  });
});
