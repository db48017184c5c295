import type { RetryBudget } from "@fairlead/core";
import { beforeEach, describe, expect, it } from "vitest";
import { failure, message, result, setUp } from "../../test/pool-call-harness.ts";
import { AggregatorError } from "../errors.ts";
import type { UpstreamExchange, UpstreamFailure } from "../upstream/connection.ts";
import { modernTarget } from "../upstream/request-target.ts";
import type { PoolCall } from "./pool-call.ts";

const progress = message(
  '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}',
);
let test: ReturnType<typeof setUp>;
const last = (): UpstreamExchange => {
  const entry = test.sent.at(-1);
  if (entry === undefined) throw new Error("nothing was sent");
  return entry.exchange;
};

describe("a call", () => {
  beforeEach(() => {
    test = setUp();
    test.call.start();
  });

  it("gives its lease and its permit back with the answer, once", () => {
    last().onAnswer(...result);
    expect(test.answers).toHaveLength(1);
    expect(test.log).toEqual(["breaker a: success", "lease a: success", "ended"]);
  });

  it("counts an internal error of the server against it, and any other error not", () => {
    last().onAnswer(...message('{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"x"}}'));
    expect(test.log.slice(0, 2)).toEqual(["breaker a: failure", "lease a: app-error"]);
    test = setUp();
    test.call.start();
    last().onAnswer(...message('{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"x"}}'));
    expect(test.log.slice(0, 2)).toEqual(["breaker a: success", "lease a: client-error"]);
  });

  it("does not relay what a modern server says about the gateway's hop, and a legacy server's codes as they are", () => {
    const refusal =
      '{"code":-32021,"message":"no elicitation","data":{"requiredCapabilities":{"elicitation":{}}}}';
    const text = `{"jsonrpc":"2.0","id":1,"error":${refusal}}`;
    last().onAnswer(...message(text));
    expect(test.answers).toEqual([text]);
    test = setUp({ target: modernTarget({ name: "gateway", version: "1" }) });
    test.call.start();
    last().onAnswer(...message(text));
    expect(test.answers).toEqual([]);
    expect(test.errors).toMatchObject([
      {
        code: "CONNECTION_FAILED",
        message: "a refused tool t: no elicitation",
        facts: { outcome: "not-executed", upstream: "a", upstreamError: JSON.parse(refusal) as object },
      },
    ]);
    expect(test.sent).toHaveLength(1);
  });

  it("ends at its deadline, cancels the attempt, and says that the outcome is unknown", async () => {
    await test.clock.advance(31_000);
    expect(test.errors).toMatchObject([
      { code: "DEADLINE_EXCEEDED", facts: { outcome: "unknown", upstream: "a", attempts: 1 } },
    ]);
    expect(test.log).toContain("cancel on a: timeout");
    expect(test.log).toContain("lease a: timeout");
    expect(test.clock.pending).toBe(0);
  });

  it("lives as long as it makes progress, but not longer than the longest time", async () => {
    for (let at = 0; at < 5; at++) {
      await test.clock.advance(20_000);
      last().onNotification(...progress);
    }
    expect(test.errors).toEqual([]);
    await test.clock.advance(21_000);
    expect(test.errors).toMatchObject([{ code: "DEADLINE_EXCEEDED" }]);
  });

  it("fails over with the deadline that its progress has earned", async () => {
    await test.clock.advance(20_000);
    last().onNotification(...progress);
    await test.clock.advance(20_000);
    test.available.splice(0);
    last().onFailure(failure("maybe"));
    await test.clock.advance(500);
    expect(test.queue.size).toBe(1);
    test.available.push("d");
    expect(test.call.wake()).toBe(true);
    expect(test.sent.at(-1)?.upstream).toBe("d");
  });

  it("goes silent when it is cancelled, and tells the upstream", () => {
    test.call.cancel("enough");
    expect(test.log).toEqual(["cancel on a: enough", "breaker a: ignored", "lease a: cancelled", "ended"]);
    expect([test.answers, test.errors]).toEqual([[], []]);
    expect(test.clock.pending).toBeLessThanOrEqual(1);
  });
});

describe("failover", () => {
  it("tries each upstream once, as often as allowed, and then says what failed", async () => {
    test = setUp({ maxAttempts: 3 });
    test.call.start();
    for (let at = 0; at < 3; at++) last().onFailure(failure("maybe"));
    await test.clock.advance(500);
    expect(test.sent.map(({ upstream }) => upstream)).toEqual(["a", "b", "c"]);
    expect(test.errors).toMatchObject([
      { code: "FAILOVER_EXHAUSTED", facts: { attempts: 3, outcome: "unknown" } },
    ]);
  });

  it("does not repeat what may have been executed and must not run twice", () => {
    test = setUp({ repeatable: false });
    test.call.start();
    last().onFailure(failure("maybe"));
    expect(test.sent).toHaveLength(1);
    expect(test.errors).toMatchObject([
      { code: "OUTCOME_UNKNOWN", facts: { outcome: "unknown", upstream: "a" } },
    ]);
  });

  it("moves anything that certainly was not executed", () => {
    test = setUp({ repeatable: false });
    test.call.start();
    last().onFailure(failure("no"));
    last().onFailure(failure("no", "session-lost"));
    last().onAnswer(...result);
    expect(test.sent.map(({ upstream }) => upstream)).toEqual(["a", "b", "c"]);
    expect(test.answers).toHaveLength(1);
  });

  it("says that the outcome is unknown as soon as any attempt may have been executed", async () => {
    test = setUp({ maxAttempts: 2 });
    test.call.start();
    last().onFailure(failure("maybe"));
    last().onFailure(failure("no"));
    await test.clock.advance(500);
    expect(test.errors).toMatchObject([{ code: "FAILOVER_EXHAUSTED", facts: { outcome: "unknown" } }]);
  });

  it("stops when the retry budget is spent", () => {
    const budget: RetryBudget = { deposit: () => {}, tryWithdraw: () => false, balance: 0 };
    test = setUp({ budget });
    test.call.start();
    last().onFailure(failure("maybe"));
    expect(test.sent).toHaveLength(1);
    expect(test.errors).toMatchObject([{ code: "FAILOVER_EXHAUSTED" }]);
  });

  it("does not spread a refusal that every upstream would repeat", () => {
    test = setUp();
    test.call.start();
    last().onFailure(failure("no", "refused"));
    expect(test.errors).toMatchObject([{ code: "CONNECTION_FAILED", facts: { outcome: "not-executed" } }]);
  });

  it("leaves an upstream that stopped answering, if the call may be repeated", () => {
    test = setUp();
    test.call.start();
    test.call.abandon("unhealthy");
    expect(test.sent.map(({ upstream }) => upstream)).toEqual(["a", "b"]);
    test = setUp({ repeatable: false });
    test.call.start();
    test.call.abandon("unhealthy");
    expect(test.sent).toHaveLength(1);
    expect(test.errors).toEqual([]);
  });
});

describe("a call that is turned away", () => {
  const overload = (more: Partial<UpstreamFailure> = {}): UpstreamFailure => ({
    ...failure("no", "overload"),
    ...more,
  });

  it("goes elsewhere, and back only after a pause", async () => {
    test = setUp({ returns: true, repeatable: false });
    test.available.splice(2);
    test.call.start();
    last().onFailure(overload());
    last().onFailure(overload());
    expect(test.sent.map(({ upstream }) => upstream)).toEqual(["a", "b"]);
    await test.clock.advance(200);
    expect(test.sent).toHaveLength(2);
    await test.clock.advance(100);
    expect(test.sent).toHaveLength(3);
    last().onAnswer(...result);
    expect(test.answers).toHaveLength(1);
    expect(test.clock.pending).toBeLessThanOrEqual(1);
  });

  it("waits as long as the server says, if that is not too long, and else passes it on", async () => {
    test = setUp({ returns: true });
    test.available.splice(1);
    test.call.start();
    last().onFailure(overload({ retryAfterMs: 1_000 }));
    await test.clock.advance(900);
    expect(test.sent).toHaveLength(1);
    await test.clock.advance(200);
    expect(test.sent).toHaveLength(2);
    last().onFailure(overload({ retryAfterMs: 60_000 }));
    expect(test.errors).toMatchObject([
      { code: "FAILOVER_EXHAUSTED", facts: { outcome: "not-executed", retryAfterMs: 60_000 } },
    ]);
  });

  it("with 503 may have run, unless the configuration knows better", () => {
    test = setUp({ repeatable: false });
    test.call.start();
    last().onFailure({ ...failure("maybe", "overload"), status: 503 });
    expect(test.errors).toMatchObject([{ code: "OUTCOME_UNKNOWN" }]);
    test = setUp({ repeatable: false, on503: "rejected" });
    test.call.start();
    last().onFailure({ ...failure("maybe", "overload"), status: 503 });
    last().onAnswer(...result);
    expect(test.sent.map(({ upstream }) => upstream)).toEqual(["a", "b"]);
    expect(test.answers).toHaveLength(1);
  });
});

describe("a call whose only upstream breaks", () => {
  beforeEach(() => {
    test = setUp({ returns: true });
    test.available.splice(1);
    test.call.start();
    last().onFailure(failure("maybe"));
  });

  it("goes back after a pause that doubles, and then waits for the next process", async () => {
    await test.clock.advance(90);
    expect(test.sent).toHaveLength(1);
    await test.clock.advance(30);
    expect(test.sent).toHaveLength(2);
    last().onFailure(failure("no", "closed"));
    await test.clock.advance(150);
    expect(test.sent).toHaveLength(2);
    test.available.splice(0);
    await test.clock.advance(100);
    expect(test.queue.size).toBe(1);
    test.available.push("a");
    expect(test.call.wake()).toBe(true);
    last().onAnswer(...result);
    expect(test.answers).toHaveLength(1);
  });

  it("does not stand in the way of those that wait meanwhile, and then waits behind them", async () => {
    const other = {} as PoolCall;
    test.queue.add(other);
    expect(test.queue.has(test.call)).toBe(false);
    await test.clock.advance(150);
    expect(test.queue.has(test.call)).toBe(true);
    expect(test.call.wake()).toBe(true);
    expect(test.sent).toHaveLength(2);
  });
});

describe("waiting", () => {
  beforeEach(() => {
    test = setUp();
    test.available.splice(0);
  });

  it("ends when an upstream becomes available", async () => {
    test.call.start();
    await test.clock.advance(1_000);
    expect(test.call.wake()).toBe(false);
    test.available.push("late");
    expect(test.call.wake()).toBe(true);
    last().onAnswer(...result);
    expect(test.answers).toHaveLength(1);
    expect(test.queue.size).toBe(0);
  });

  it("ends after its time, and says that nothing was executed", async () => {
    test.call.start();
    await test.clock.advance(2_100);
    expect(test.errors).toMatchObject([
      { code: "NO_SERVERS_AVAILABLE", facts: { outcome: "not-executed", attempts: 0 } },
    ]);
    expect(test.queue.size).toBe(0);
  });

  it("ends after its time with a hint when every upstream is busy", async () => {
    test.beBusy();
    test.call.start();
    await test.clock.advance(2_100);
    expect(test.errors).toMatchObject([
      { code: "QUEUE_TIMEOUT", facts: { outcome: "not-executed", retryAfterMs: 1_500 } },
    ]);
    expect(test.errors[0]?.message).toMatch(/was busy for 2(\.\d)? s; try again in 1.5 s/);
  });

  it("makes place for a more urgent call with the same words", () => {
    test.call.start();
    test.call.displace();
    expect(test.errors).toMatchObject([{ code: "QUEUE_FULL", facts: { outcome: "not-executed" } }]);
    expect(test.queue.size).toBe(0);
  });

  it("is refused at once when too many wait already", () => {
    test.fill();
    test.call.start();
    expect(test.errors).toMatchObject([
      { code: "QUEUE_FULL", facts: { outcome: "not-executed", retryAfterMs: 1_500 } },
    ]);
  });

  it("ends with the pool", () => {
    test.call.start();
    test.call.abort(new AggregatorError("DRAINING", "bye"));
    expect(test.errors).toMatchObject([{ code: "DRAINING" }]);
    expect(test.queue.size).toBe(0);
  });

  it("whose client is asked something has its longest time for the answer, and its usual time after it", async () => {
    const { clock, call, sent, asked, errors } = setUp();
    call.start();
    const [ask, envelope] = message('{"jsonrpc":"2.0","id":7,"method":"elicitation/create","params":{}}');
    const replies: string[] = [];
    sent[0]?.exchange.onServerRequest?.({
      message: ask,
      envelope,
      whenCancelled: () => {},
      reply: (answer) => replies.push(answer.toString()),
      notify: () => {},
    });
    await clock.advance(60_000);
    expect(errors).toEqual([]);
    asked[0]?.reply(Buffer.from("answer"));
    expect(replies).toEqual(["answer"]);
    await clock.advance(29_000);
    expect(errors).toEqual([]);
    await clock.advance(2_000);
    expect(errors[0]?.code).toBe("DEADLINE_EXCEEDED");
  });
});
