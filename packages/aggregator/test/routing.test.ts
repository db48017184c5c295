import { NO_PICK, STRATEGY_API, type Strategy } from "@fairlead/balancer";
import { fixtureServerPath } from "@fairlead/testbed";
import { expect, it } from "vitest";
import { AggregatorError, createMultiplexer, type RoutingConfig, type UpstreamConfig } from "../src/index.ts";
import { type Harness, keepCalling, scripted, start } from "./harness.ts";

const firstOnly = (): Strategy => ({
  name: "first-only",
  api: STRATEGY_API,
  pick: (candidates) => (candidates.count === 0 ? NO_PICK : (candidates.slots[0] as number)),
});

/** Three upstreams, the third with a tag and a capability; what is not routed goes to the first. */
function startWith(routing?: RoutingConfig): Promise<Harness> {
  return start({
    pools: [
      {
        namespace: "p",
        strategy: firstOnly,
        upstreams: [
          scripted(),
          scripted(),
          scripted({}, { tags: ["big"], capabilities: ["graph"], zone: "eu" }),
        ],
      },
    ],
    ...(routing === undefined ? {} : { routing }),
  });
}

const pidOf = ({ multiplexer }: Harness, id: string): string =>
  String(multiplexer.getStatus().pools[0]?.replicas.find((replica) => replica.id === id)?.pid);

it("sends calls to the upstreams, strategies and deadlines that the first matching rule names", async () => {
  await using harness = await startWith({
    rules: [
      { name: "large", match: { minParamsBytes: 5_000 }, route: { tags: ["big"] } },
      { name: "eu", match: { clients: ["eu-*"] }, route: { tags: ["zone:eu"] } },
      {
        name: "spread",
        match: { methods: ["tools/*"], tools: ["rea*"] },
        route: { strategy: "round-robin" },
      },
      { name: "quick", match: { pools: ["p"], tools: ["work"] }, route: { timeoutClass: "short" } },
    ],
    timeoutClasses: { short: { timeoutMs: 40 } },
  });
  const [first, third] = [pidOf(harness, "p-1"), pidOf(harness, "p-3")];
  expect((await harness.call("p__work")).text).toBe(first);
  expect((await harness.call("p__work", { padding: "x".repeat(5_000) })).text).toBe(third);
  expect((await harness.call("p__work", {}, { caller: "eu-ada" })).text).toBe(third);
  expect((await harness.call("p__work", {}, { caller: "us-bob" })).text).toBe(first);
  const spread = await Promise.all(Array.from({ length: 6 }, () => harness.call("p__read")));
  expect(new Set(spread.map(({ text }) => text)).size).toBe(3);
  const late = await harness.call("p__work", { ms: 60_000 });
  expect(late.error?.data).toMatchObject({ code: "DEADLINE_EXCEEDED" });
  expect(harness.multiplexer.getPerformanceAnalytics().dashboard.rules).toEqual({
    large: 1,
    eu: 1,
    spread: 6,
    quick: 3,
  });
  expect(harness.multiplexer.getStatus().currentStrategy).toBe("first-only");
});

it("matches the tags that a request gives itself, from a client or from this process", async () => {
  await using harness = await startWith({
    rules: [{ name: "batch", match: { tags: ["batch"] }, route: { tags: ["big"] } }],
  });
  const third = pidOf(harness, "p-3");
  const params = { name: "p__work", _meta: { "fairlead/tags": ["batch", "other"] } };
  const answer = await harness.request("tools/call", params);
  expect(answer.text).toBe(third);
  const own = await harness.multiplexer.executeRequest<{ content: { text: string }[] }>(
    { method: "tools/call", params: { name: "p__work" } },
    { tags: ["batch"] },
  );
  expect(own.content[0]?.text).toBe(third);
});

it("asks only servers that are capable, without any rule", async () => {
  await using harness = await startWith();
  const { multiplexer } = harness;
  const call = { method: "tools/call", params: { name: "p__work" } };
  const answer = await multiplexer.executeRequest<{ content: { text: string }[] }>(call, {
    capabilities: ["graph"],
  });
  expect(answer.content[0]?.text).toBe(pidOf(harness, "p-3"));
  await expect(multiplexer.executeRequest(call, { capabilities: ["vision"] })).rejects.toMatchObject({
    code: "NO_SERVERS_AVAILABLE",
    message: 'No upstream of p has what the request asks of tool work: capability "vision".',
  });
});

it("refuses at once what no upstream of the pool will ever be fit for, and waits for one that is only down", async () => {
  await using harness = await startWith({
    rules: [
      { name: "nowhere", match: { tools: ["work"] }, route: { tags: ["gpu"] } },
      { name: "third", match: { tools: ["read"] }, route: { tags: ["big"] } },
    ],
  });
  const { error } = await harness.call("p__work");
  expect(error?.message).toMatch(/routing rule "nowhere" asks of tool work: tag "gpu"/);
  expect(error?.data?.code).toBe("NO_SERVERS_AVAILABLE");
  process.kill(Number(pidOf(harness, "p-3")), "SIGKILL");
  await expect.poll(() => harness.multiplexer.getStatus().healthyServers).toBe(2);
  expect((await harness.call("p__read")).text).toBe(pidOf(harness, "p-3"));
});

it("goes before where a client has its session, also when that upstream is well", async () => {
  const server = (tags: string[]): UpstreamConfig => ({
    transport: "streamable-http",
    url: "http://127.0.0.1:{port}/mcp",
    command: process.execPath,
    args: [fixtureServerPath, "--http", "--port", "{port}"],
    tags,
  });
  await using harness = await start({
    pools: [
      {
        namespace: "p",
        session: "per-client",
        strategy: firstOnly,
        queueTimeoutMs: 30_000,
        upstreams: [server(["one"]), server(["two"])],
      },
    ],
    routing: { rules: [{ name: "two", match: { tools: ["lookup"] }, route: { tags: ["two"] } }] },
  });
  const { multiplexer } = harness;
  await expect.poll(() => multiplexer.getStatus().healthyServers, { timeout: 20_000 }).toBe(2);
  const call = (name: string): Promise<unknown> =>
    multiplexer.executeRequest({
      method: "tools/call",
      params: { name: `p__${name}`, arguments: { nonce: "n" } },
    });
  await call("echo");
  await call("echo");
  await call("lookup");
  expect(multiplexer.getStatus().pools[0]?.replicas.map(({ calls }) => calls)).toEqual([2, 1]);
});

it("takes other rules while it runs, and keeps those that it has when the others are wrong", async () => {
  await using harness = await startWith();
  const { multiplexer } = harness;
  const load = keepCalling(harness, "p__read");
  const text = async (): Promise<string | undefined> => (await harness.call("p__work")).text;
  expect(await text()).toBe(pidOf(harness, "p-1"));
  multiplexer.updateRouting({
    rules: [{ name: "big", match: { tools: ["work"] }, route: { tags: ["big"] } }],
  });
  expect(await text()).toBe(pidOf(harness, "p-3"));
  const wrong = { rules: [{ name: "x", route: { strategy: "fastest" } }] };
  expect(() => multiplexer.updateRouting(wrong)).toThrow(/not built in/);
  expect(await text()).toBe(pidOf(harness, "p-3"));
  multiplexer.updateRouting({
    rules: [{ name: "spread", match: { tools: ["work"] }, route: { strategy: "round-robin" } }],
  });
  expect(new Set([await text(), await text(), await text()]).size).toBe(3);
  multiplexer.updateRouting(undefined);
  expect(await text()).toBe(pidOf(harness, "p-1"));
  expect(await load.stop()).toEqual([]);
});

it("serves calls first that a rule calls urgent, and lets others by that wait for another upstream", async () => {
  await using harness = await start({
    pools: [
      {
        namespace: "p",
        queueTimeoutMs: 30_000,
        queueAgeingMs: 60_000,
        upstreams: [
          scripted({}, { maxConcurrency: 1, tags: ["one"] }),
          scripted({}, { maxConcurrency: 1, tags: ["two"] }),
        ],
      },
    ],
    routing: {
      rules: [
        { name: "two", match: { clients: ["two"] }, route: { tags: ["two"] } },
        { name: "urgent", match: { clients: ["ada"] }, route: { tags: ["one"], priority: 9 } },
        { name: "one", route: { tags: ["one"] } },
      ],
    },
  });
  const order: string[] = [];
  const queued = (calls: number): Promise<void> =>
    expect.poll(() => harness.multiplexer.getStatus().queueSize).toBe(calls);
  const call = async (caller: string, ms = 0): Promise<void> => {
    await harness.call("p__work", { ms }, { caller });
    order.push(caller);
  };
  const blocker = call("blocker", 3_000);
  await expect.poll(() => harness.multiplexer.getStatus().calls.inFlight).toBe(1);
  const bob = call("bob");
  await queued(1);
  const ada = call("ada");
  await queued(2);
  await call("two");
  await Promise.all([blocker, bob, ada]);
  expect(order).toEqual(["two", "blocker", "ada", "bob"]);
});

it.each<[RoutingConfig, RegExp]>([
  [{ rules: [{ name: "a", route: { timeoutClass: "slow" } }] }, /there is no timeout class "slow"/],
  [{ rules: [{ name: "a", route: { strategy: "fastest" } }] }, /strategy "fastest" is not built in/],
  [
    { rules: [{ name: "a", route: { priority: 12 } }] },
    /priority must be a whole number from 0 to 9, got 12/,
  ],
  [
    {
      rules: [
        { name: "a", route: {} },
        { name: "a", route: {} },
      ],
    },
    /rule "a" is given twice/,
  ],
  [
    { rules: [{ name: "a", match: { minParamsBytes: 9, maxParamsBytes: 8 }, route: {} }] },
    /at least 9 and at most 8 bytes/,
  ],
])("refuses rules that cannot be meant: %j", (routing, message) => {
  expect(() => createMultiplexer({ pools: [], routing })).toThrow(message);
  expect(() => createMultiplexer({ pools: [], routing })).toThrow(AggregatorError);
});
