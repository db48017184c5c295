import { describe, expect, it } from "vitest";
import type { MultiplexerConfig } from "../config.ts";
import { explainIssues, printPath } from "./explain-issues.ts";
import { type JsonSchema, multiplexerJsonSchema } from "./json-schema.ts";
import { multiplexerConfigSchema } from "./multiplexer-schema.ts";

function problemsOf(config: unknown): string[] {
  const { error } = multiplexerConfigSchema.safeParse(config);
  return explainIssues(multiplexerConfigSchema, error?.issues ?? []).map(
    ({ path, message, fix }) => `${printPath(path)}: ${message}; ${fix}`,
  );
}

/** Every place of a JSON Schema that describes one option. */
function* options(schema: JsonSchema, path: string): Generator<[string, JsonSchema]> {
  for (const [key, child] of Object.entries(schema)) {
    if (key === "properties") {
      for (const [name, option] of Object.entries(child as Record<string, JsonSchema>)) {
        yield [`${path}.${name}`, option];
      }
    }
    if (typeof child === "object" && child !== null) yield* options(child as JsonSchema, path);
  }
}

describe("multiplexerConfigSchema", () => {
  it("takes the smallest configuration, and tells transports by their keys", () => {
    const config: MultiplexerConfig = multiplexerConfigSchema.parse({
      pools: [{ namespace: "a", upstreams: [{ command: "node" }, { url: "http://127.0.0.1:1/mcp" }] }],
    });
    expect(config.pools[0]?.upstreams.map(({ transport }) => transport)).toEqual([
      "stdio",
      "streamable-http",
    ]);
  });

  it("takes a factory as strategy", () => {
    const strategy = (): never => {
      throw new Error("is not called by parsing");
    };
    const upstreams = [{ transport: "stdio", command: "node" }];
    const parsed = multiplexerConfigSchema.parse({ pools: [{ namespace: "a", upstreams, strategy }] });
    expect(parsed.pools[0]?.strategy).toBe(strategy);
  });

  it.each([
    [{ pols: [] }, /^pols: unknown key "pols"; did you mean "pools"\?$/],
    [
      { pools: [{ namespace: "a", upstreams: [{ command: "x", weigth: 1 }] }] },
      /^pools\[0\]\.upstreams\[0\]\.weigth: .*"weight"/,
    ],
    [
      { pools: [{ namespace: "a", upstreams: [{ command: "x", weight: 0 }] }] },
      /^pools\[0\]\.upstreams\[0\]\.weight: .*give more than 0$/,
    ],
    [
      { pools: [{ namespace: "a", upstreams: [{ transport: "smoke" }] }] },
      /upstreams\[0\].*: .*choose one of stdio, streamable-http, sse$/,
    ],
    [
      { pools: [{ namespace: "a", upstreams: [{ command: "x", era: "old" }] }] },
      /era: .*choose one of auto, legacy, modern$/,
    ],
    [{ pools: [], limits: { maxDepth: 4 } }, /^limits\.maxDepth: .*give at least 8$/],
    [{ pools: [], limits: { maxDepth: "64" } }, /^limits\.maxDepth: .*give a value of type number$/],
  ])("says where and what to do for %j", (config, expected) => {
    expect(problemsOf(config).join("\n")).toMatch(new RegExp(expected.source, "m"));
  });
});

describe("multiplexerJsonSchema", () => {
  it("describes every option", () => {
    const all = [...options(multiplexerJsonSchema(), "")];
    expect(all.length).toBeGreaterThan(40);
    expect(all.filter(([, { description }]) => description === undefined).map(([path]) => path)).toEqual([]);
  });

  it("leaves out what only code can say, and what need not be said", () => {
    const text = JSON.stringify(multiplexerJsonSchema());
    expect(text).toContain('"strategy":{"description"');
    expect(text).not.toContain("anyOf");
    expect(text).not.toContain('"check":');
    expect(text).not.toContain(String(Number.MAX_SAFE_INTEGER));
    expect(text).not.toContain('"required":["transport"');
  });
});
