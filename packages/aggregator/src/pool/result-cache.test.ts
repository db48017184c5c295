import { createFakeClock } from "@fairlead/core/testing";
import { describe, expect, it } from "vitest";
import type { PoolEntry } from "../catalog/pool-catalog.ts";
import { scanEnvelope } from "../wire/envelope.ts";
import type { PoolRequest } from "./pool-call.ts";
import { cacheCalls, createResultCache } from "./result-cache.ts";

function setUp({ maxBytes = 100_000, shared = false } = {}) {
  const clock = createFakeClock();
  const cache = createResultCache(maxBytes, clock);
  let executed = 0;
  let answerWith = (count: number): string => `{"jsonrpc":"2.0","id":${count},"result":{"n":${count}}}`;
  const dispatch = cacheCalls(cache, { ttlMs: 1_000, shared }, (request) => {
    const message = Buffer.from(answerWith(++executed));
    request.onAnswer(message, scanEnvelope(message), "a");
    return { cancel() {} };
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
});
