import { describe, expect, it } from "vitest";
import type { Route } from "../catalog/catalog.ts";
import type { Exchange } from "../client/client.ts";
import type { RoutingConfig, RuleMatch } from "../config.ts";
import { scanEnvelope } from "../wire/envelope.ts";
import { createRouter } from "./router.ts";

function routeTo(namespace: string, original: string): Route {
  return { pool: { namespace }, original, entry: {} } as unknown as Route;
}

function request(method: string, params: object = {}, caller = "ada"): Exchange {
  const message = Buffer.from(JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }));
  return { message, envelope: scanEnvelope(message), caller: { id: caller } } as unknown as Exchange;
}

const echo = routeTo("fix", "echo");
const call = (params: object = {}, caller?: string): Exchange =>
  request("tools/call", { name: "fix__echo", ...params }, caller);

function matched(match: RuleMatch, exchange: Exchange, route = echo): boolean {
  return createRouter({ rules: [{ name: "r", match, route: {} }] })?.decide(exchange, route) !== undefined;
}

describe("createRouter", () => {
  it("is not there without rules", () => {
    expect(createRouter(undefined)).toBeUndefined();
    expect(createRouter({ rules: [] })).toBeUndefined();
  });

  it.each<[string, RuleMatch, Exchange, Route, boolean]>([
    ["everything", {}, call(), echo, true],
    ["a method", { methods: ["tools/call"] }, call(), echo, true],
    ["a method by glob", { methods: ["resources/*"] }, call(), echo, false],
    ["a pool", { pools: ["fix"] }, call(), echo, true],
    ["another pool", { pools: ["g*"] }, call(), echo, false],
    ["a tool by its original name", { tools: ["ech*"] }, call(), echo, true],
    ["another tool", { tools: ["append", "slow"] }, call(), echo, false],
    [
      "a prompt that is named like a tool",
      { tools: ["*"] },
      request("prompts/get", { name: "echo" }),
      echo,
      false,
    ],
    ["a client", { clients: ["a*"] }, call({}, "ada"), echo, true],
    ["another client", { clients: ["bob"] }, call({}, "ada"), echo, false],
    [
      "tags, all of them",
      { tags: ["x", "y"] },
      call({ _meta: { "fairlead/tags": ["y", "x", "z"] } }),
      echo,
      true,
    ],
    [
      "tags, one of them missing",
      { tags: ["x", "y"] },
      call({ _meta: { "fairlead/tags": ["x"] } }),
      echo,
      false,
    ],
    ["tags of a request without any", { tags: ["x"] }, call(), echo, false],
    ["tags that are none", { tags: ["x"] }, call({ _meta: { "fairlead/tags": "x" } }), echo, false],
    [
      "tags in the arguments",
      { tags: ["x"] },
      call({ _meta: {}, arguments: { "fairlead/tags": ["x"] } }),
      echo,
      false,
    ],
    ["a size", { minParamsBytes: 1_000 }, call({ arguments: { text: "x".repeat(1_000) } }), echo, true],
    ["less than a size", { minParamsBytes: 1_000 }, call(), echo, false],
    [
      "more than a size",
      { maxParamsBytes: 100 },
      call({ arguments: { text: "x".repeat(100) } }),
      echo,
      false,
    ],
    ["all conditions", { pools: ["fix"], tools: ["echo"], clients: ["ada"] }, call(), echo, true],
    ["all conditions but one", { pools: ["fix"], tools: ["echo"], clients: ["bob"] }, call(), echo, false],
  ])("matches %s", (_what, match, exchange, route, expected) => {
    expect(matched(match, exchange, route)).toBe(expected);
  });

  it("reads tags also where the slash of their key is escaped", () => {
    const message = Buffer.from(
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_meta":{"fairlead\\/tags":["x"]}}}',
    );
    const exchange = { ...call(), message, envelope: scanEnvelope(message) };
    expect(matched({ tags: ["x"] }, exchange)).toBe(true);
  });

  it("takes the first rule that matches, and counts", () => {
    const config: RoutingConfig = {
      rules: [
        { name: "bob", match: { clients: ["bob"] }, route: { priority: 1 } },
        { name: "slow tools", match: { tools: ["e*"] }, route: { timeoutClass: "long", tags: ["big"] } },
        { name: "rest", route: { strategy: "random" } },
      ],
      timeoutClasses: { long: { timeoutMs: 120_000 } },
    };
    const router = createRouter(config);
    expect(router?.decide(call({}, "bob"), echo)).toMatchObject({
      rule: "bob",
      priority: 1,
      timeoutMs: undefined,
    });
    expect(router?.decide(call(), echo)).toMatchObject({
      rule: "slow tools",
      filter: { tags: ["big"] },
      timeoutMs: 120_000,
    });
    expect(router?.decide(call(), echo)).toBe(router?.decide(call(), echo));
    expect(router?.decide(request("prompts/get"), routeTo("fix", "p"))).toMatchObject({ strategy: "random" });
    expect(router?.counts).toEqual({ bob: 1, "slow tools": 3, rest: 1 });
  });
});
