import { createFakeClock } from "@fairlead/core/testing";
import { describe, expect, it } from "vitest";
import type { PoolEntry } from "../catalog/pool-catalog.ts";
import { AggregatorError } from "../errors.ts";
import type { ServerRequest } from "../upstream/connection.ts";
import { scanEnvelope } from "../wire/envelope.ts";
import { cacheCalls } from "./cached-calls.ts";
import type { Work } from "./policy.ts";
import type { PoolRequest } from "./pool-request.ts";
import { createResultCache } from "./result-cache.ts";

function setUp({ maxBytes = 100_000, maxEntries = 1_000, shared = false } = {}) {
  const clock = createFakeClock();
  const cache = createResultCache({ maxBytes, maxEntries, clock });
  let executed = 0;
  let answerWith = (count: number): string => `{"jsonrpc":"2.0","id":${count},"result":{"n":${count}}}`;
  const dispatch = cacheCalls({
    cache,
    clock,
    config: { ttlMs: 1_000, shared },
    next(request) {
      const message = Buffer.from(answerWith(++executed));
      request.onAnswer(message, scanEnvelope(message), "a");
      return { cancel() {} };
    },
  });
  /** Returns what the caller got. */
  const call = (
    args: string,
    { caller = "ada", view = undefined as string | undefined, tool = "t", onlyModern = false } = {},
  ): string => {
    let got = "";
    dispatch({
      entry: { key: tool } as PoolEntry,
      caller: view === undefined ? { id: caller } : { id: caller, view },
      onlyModern,
      argumentBytes: () => Buffer.from(args),
      onAnswer: (message: Buffer) => {
        got = message.toString();
      },
    } as unknown as PoolRequest);
    return got;
  };
  return {
    clock,
    cache,
    call,
    executed: () => executed,
    answer: (text: string) => (answerWith = () => text),
  };
}

describe("a result cache", () => {
  it("answers equal calls of one caller from memory until the time is over", async () => {
    const { call, clock, executed, cache } = setUp();
    const first = call('{"q":1}');
    expect(call('{"q":1}')).toBe(first);
    expect(executed()).toBe(1);
    await clock.advance(1_000);
    expect(call('{"q":1}')).not.toBe(first);
    expect(cache).toMatchObject({ hits: 1, misses: 2, entries: 1 });
  });

  it("keeps apart what differs in tool, arguments, caller or view, large numbers included", () => {
    const { call, executed } = setUp();
    const calls = [
      call('{"q":9007199254740993}'),
      call('{"q":9007199254740992}'),
      call('{"q":9007199254740993}', { tool: "u" }),
      call('{"q":9007199254740993}', { caller: "bob" }),
      call('{"q":9007199254740993}', { view: "v" }),
      call(""),
    ];
    expect(new Set(calls).size).toBe(calls.length);
    expect(executed()).toBe(calls.length);
  });

  it("shares results between callers only when it is told to", () => {
    const { call, executed } = setUp({ shared: true });
    expect(call("{}", { caller: "bob" })).toBe(call("{}", { caller: "ada" }));
    expect(executed()).toBe(1);
  });

  it.each([
    ["an error of the protocol", '{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"x"}}'],
    ["an error of the tool", '{"jsonrpc":"2.0","id":1,"result":{"isError":true,"content":[]}}'],
    ["a question to the user", '{"jsonrpc":"2.0","id":1,"result":{"resultType":"input_required"}}'],
  ])("does not keep %s", (_what, text) => {
    const { call, answer, executed, cache } = setUp();
    answer(text);
    call("{}");
    call("{}");
    expect(executed()).toBe(2);
    expect(cache.entries).toBe(0);
  });

  it("does not answer a further round of a call, which has the user's answers in it", () => {
    const { call, executed } = setUp();
    call("{}");
    call("{}", { onlyModern: true });
    expect(executed()).toBe(2);
  });

  it("stays within its bytes, forgets what was used longest ago, and keeps nothing that is too large", () => {
    const { call, cache, answer, executed } = setUp({ maxBytes: 10_000 });
    const large = `{"jsonrpc":"2.0","id":1,"result":{"t":"${"x".repeat(900)}"}}`;
    answer(large);
    for (let at = 0; at < 50; at++) {
      call(`${at}`);
      call("0");
    }
    expect(cache.bytes).toBeLessThanOrEqual(10_000);
    expect(cache.entries).toBeGreaterThan(4);
    const before = executed();
    call("0");
    call("49");
    expect(executed()).toBe(before);
    call("1");
    expect(executed()).toBe(before + 1);
    answer(`{"jsonrpc":"2.0","id":1,"result":{"t":"${"x".repeat(5_000)}"}}`);
    call("huge");
    call("huge");
    expect(executed()).toBe(before + 3);
    cache.clear();
    expect(cache).toMatchObject({ bytes: 0, entries: 0 });
  });

  it("stays within its entries", () => {
    const { call, cache } = setUp({ maxEntries: 3 });
    for (let at = 0; at < 10; at++) call(`${at}`);
    expect(cache.entries).toBe(3);
  });

  it("never shares what its server calls private, and keeps it for whom it was", () => {
    const text = '{"jsonrpc":"2.0","id":1,"result":{"cacheScope":"private"}}';
    const everybody = setUp({ shared: true });
    everybody.answer(text);
    everybody.call("{}", { caller: "ada" });
    everybody.call("{}", { caller: "bob" });
    expect(everybody.executed()).toBe(2);
    expect(everybody.cache.entries).toBe(0);
    const own = setUp();
    own.answer(text);
    own.call("{}");
    own.call("{}");
    expect(own.executed()).toBe(1);
  });

  it("keeps a result no longer than its server says", async () => {
    const { call, answer, clock, executed } = setUp();
    answer('{"jsonrpc":"2.0","id":1,"result":{"ttlMs":100}}');
    call("{}");
    await clock.advance(99);
    call("{}");
    expect(executed()).toBe(1);
    await clock.advance(1);
    call("{}");
    expect(executed()).toBe(2);
    answer('{"jsonrpc":"2.0","id":1,"result":{"ttlMs":0}}');
    call("other");
    call("other");
    expect(executed()).toBe(4);
  });
});

describe("equal calls at a time", () => {
  function begin(shared = true) {
    const clock = createFakeClock();
    const cache = createResultCache({ maxBytes: 100_000, maxEntries: 1_000, clock });
    const asked: PoolRequest[] = [];
    const log: string[] = [];
    const dispatch = cacheCalls({
      cache,
      clock,
      config: { ttlMs: 1_000, shared },
      next(request) {
        const at = asked.push(request);
        return { answeredBy: "a", cancel: (reason) => void log.push(`${at} cancelled: ${reason}`) };
      },
    });
    const call = (caller: string, args = "{}"): Work =>
      dispatch({
        entry: { key: "t" } as PoolEntry,
        caller: { id: caller },
        onlyModern: false,
        timeoutMs: 30_000,
        maxTimeoutMs: 60_000,
        argumentBytes: () => Buffer.from(args),
        onAnswer: (message: Buffer) => void log.push(`${caller}: ${message.toString("utf8", 26)}`),
        onNotification: () => void log.push(`${caller}: progress`),
        onServerRequest: () => void log.push(`${caller}: asked`),
        onError: ({ code }: AggregatorError) => void log.push(`${caller}: ${code}`),
      } as unknown as PoolRequest);
    const answer = (at: number, result: string): void => {
      const message = Buffer.from(`{"jsonrpc":"2.0","id":1,"result":${result}}`);
      asked[at]?.onAnswer(message, scanEnvelope(message), "a");
    };
    return { clock, cache, asked, log, call, answer };
  }
  it("are made once, for all who share results", () => {
    const { call, answer, asked, log, cache } = begin();
    const works = ["ada", "bob", "eve"].map((who) => call(who));
    call("ada", '{"other":1}');
    expect(asked).toHaveLength(2);
    answer(0, '{"n":1}');
    expect(log.map((line) => line.slice(0, 3))).toEqual(["ada", "bob", "eve"]);
    expect(new Set(log.map((line) => line.slice(5))).size).toBe(1);
    expect(works.map(({ answeredBy }) => answeredBy)).toEqual(["a", "a", "a"]);
    expect(cache).toMatchObject({ entries: 1, misses: 2, joins: 2, hits: 0 });
    call("joe");
    expect(asked).toHaveLength(2);
  });

  it("are made once for each caller where results are their own", () => {
    const { call, asked } = begin(false);
    for (const who of ["ada", "bob", "ada", "bob"]) call(who);
    expect(asked).toHaveLength(2);
  });

  it.each([
    ["an error of the tool", '{"isError":true}'],
    ["a result that is private", '{"cacheScope":"private"}'],
    ["a question to the user", '{"resultType":"input_required"}'],
  ])("get nobody else's answer when it is %s", (_what, result) => {
    const { call, answer, asked, log } = begin();
    call("ada");
    call("bob");
    answer(0, result);
    expect(log).toHaveLength(1);
    expect(asked).toHaveLength(2);
    answer(1, '{"n":2}');
    expect(log[1]).toMatch(/^bob: .*"n":2/);
  });

  it("go their own ways after a failure, in the time that is left, unless the gateway ends", async () => {
    const { call, asked, log, clock } = begin();
    call("ada");
    await clock.advance(10_000);
    call("bob");
    await clock.advance(5_000);
    asked[0]?.onError(new AggregatorError("DEADLINE_EXCEEDED", "late"));
    expect(log).toEqual(["ada: DEADLINE_EXCEEDED"]);
    expect(asked[1]).toMatchObject({ caller: { id: "bob" }, timeoutMs: 25_000, maxTimeoutMs: 55_000 });
    call("eve");
    call("joe");
    asked[2]?.onError(new AggregatorError("DRAINING", "ends"));
    expect(log.slice(1)).toEqual(["eve: DRAINING", "joe: DRAINING"]);
    expect(asked).toHaveLength(3);
  });

  it("end when the last one who waits has left, and not before", () => {
    const { call, answer, asked, log } = begin();
    const [ada, bob, eve] = ["ada", "bob", "eve"].map((who) => call(who));
    bob?.cancel("bob left");
    ada?.cancel("ada left");
    expect(log).toEqual([]);
    asked[0]?.onNotification(Buffer.alloc(0), scanEnvelope(Buffer.from('{"jsonrpc":"2.0","method":"m"}')));
    answer(0, '{"n":1}');
    expect(log.map((line) => line.slice(0, 3))).toEqual(["eve"]);
    const joe = call("joe", "[1]");
    const jim = call("jim", "[1]");
    joe.cancel("joe left");
    jim.cancel("jim left");
    expect(log.slice(1)).toEqual(["2 cancelled: nobody waits for the result any more"]);
    eve?.cancel("too late");
    // Whoever asks now is not given to the call that has ended.
    call("ann", "[1]");
    expect(asked).toHaveLength(3);
  });

  it("are on their own when the server asks one of their users something, whose answers are not kept", () => {
    const { call, answer, asked, log, cache } = begin();
    call("ada");
    call("bob");
    asked[0]?.onServerRequest({} as ServerRequest);
    expect(log).toEqual(["ada: asked"]);
    expect(asked).toHaveLength(2);
    answer(0, '{"n":1}');
    expect(log).toHaveLength(2);
    expect(cache.entries).toBe(0);
  });

  it("do not ask a user who has left", () => {
    const { call, asked, log } = begin();
    const ada = call("ada");
    call("bob");
    ada.cancel("ada left");
    asked[0]?.onServerRequest({} as ServerRequest);
    expect(log).toEqual(["1 cancelled: the client that the server asks has left"]);
    expect(asked[1]).toMatchObject({ caller: { id: "bob" } });
  });
});
