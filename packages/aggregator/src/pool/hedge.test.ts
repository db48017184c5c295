import { createRetryBudget, createTimerWheel, type RetryBudget } from "@fairlead/core";
import { createFakeClock } from "@fairlead/core/testing";
import { describe, expect, it } from "vitest";
import type { PoolEntry } from "../catalog/pool-catalog.ts";
import { AggregatorError } from "../errors.ts";
import type { UpstreamExchange } from "../upstream/connection.ts";
import { type Envelope, scanEnvelope } from "../wire/envelope.ts";
import { createHedging, type HedgeHost } from "./hedge.ts";
import type { PoolMember } from "./member.ts";
import type { CallPolicy } from "./policy.ts";
import type { PoolCall } from "./pool-call.ts";
import type { Attempt } from "./pool-call-owner.ts";
import type { PoolRequest } from "./pool-request.ts";

const message = (text: string): [Buffer, Envelope] => [Buffer.from(text), scanEnvelope(Buffer.from(text))];
const answer = (value: number): [Buffer, Envelope] =>
  message(`{"jsonrpc":"2.0","id":1,"result":{"v":${value}}}`);
const rpcError = message('{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"x"}}');

function setUp({
  readOnly = true,
  free = true,
  delayMs,
  budget = createRetryBudget({ initialTokens: 5 }),
}: {
  readOnly?: boolean;
  free?: boolean;
  delayMs?: number;
  budget?: RetryBudget;
} = {}) {
  const clock = createFakeClock();
  const log: string[] = [];
  let primary: PoolRequest | undefined;
  let hedge: UpstreamExchange | undefined;
  const host: HedgeHost = {
    clock,
    wheel: createTimerWheel({ clock }),
    budget,
    run(request) {
      primary = request;
      const call: Partial<PoolCall> = {
        tried: [],
        member: { id: "a" } as PoolMember,
        cancel: (reason, outcome) =>
          void log.push(`primary cancelled: ${reason} (${outcome?.lease ?? "cancelled"})`),
      };
      return call as PoolCall;
    },
    leaseNow(_request, exclude) {
      log.push(`lease without ${exclude.join(" ")}`);
      if (!free) return undefined;
      return {
        member: { id: "b" },
        connection: {
          send(exchange: UpstreamExchange) {
            hedge = exchange;
            return 7;
          },
          cancel: (id: number, reason: string) => void log.push(`hedge ${id} cancelled: ${reason}`),
        },
      } as unknown as Attempt;
    },
    settle: (_attempt, { lease }) => void log.push(`hedge: ${lease}`),
    onHedge: (won) => void log.push(won ? "won" : "lost"),
  };
  const out: string[] = [];
  const request = {
    method: "tools/call",
    subject: "tool t",
    entry: { readOnly, repeatable: true } as PoolEntry,
    policy: { retry: undefined, trustAnnotations: true } as CallPolicy,
    onAnswer: (bytes: Buffer) => void out.push(bytes.toString()),
    onError: ({ code }: AggregatorError) => void out.push(code),
    onNotification: () => void out.push("progress"),
  } as unknown as PoolRequest;
  const hedging = createHedging(delayMs === undefined ? {} : { delayMs }, host);
  const needed = <T>(value: T | undefined): T => {
    if (value === undefined) throw new Error("not there");
    return value;
  };
  return {
    clock,
    log,
    out,
    dispatch: () => hedging.dispatch(request),
    primary: () => needed(primary),
    hedge: () => needed(hedge),
    isHedged: () => hedge !== undefined,
  };
}

describe("hedging", () => {
  it("starts a second attempt after the delay, elsewhere, and takes the first answer", async () => {
    const test = setUp({ delayMs: 50 });
    test.dispatch();
    await test.clock.advance(40);
    expect(test.isHedged()).toBe(false);
    await test.clock.advance(30);
    expect(test.log).toEqual(["lease without a"]);
    test.hedge().onAnswer(...answer(2));
    test.primary().onAnswer(...answer(1), "a");
    expect(test.out).toEqual([expect.stringContaining('"v":2')]);
    expect(test.log.slice(1)).toEqual([
      "hedge: success",
      "won",
      "primary cancelled: another attempt answered first (hedge-loser)",
    ]);
  });

  it("ends the second attempt when the first one answers after all", async () => {
    const test = setUp({ delayMs: 50 });
    test.dispatch();
    await test.clock.advance(70);
    test.primary().onAnswer(...answer(1), "a");
    expect(test.out).toEqual([expect.stringContaining('"v":1')]);
    expect(test.log.slice(1)).toEqual([
      "hedge 7 cancelled: another attempt answered first",
      "lost",
      "hedge: hedge-loser",
    ]);
  });

  it("never runs anything twice that is not read-only, be it idempotent", async () => {
    const test = setUp({ delayMs: 0, readOnly: false });
    test.dispatch();
    await test.clock.advance(1_000);
    expect(test.isHedged()).toBe(false);
    expect(test.log).toEqual([]);
  });

  it("is not paid for when the retry budget is empty, and not done when no other upstream is free", async () => {
    for (const options of [{ budget: createRetryBudget({ floorPerSecond: 0 }) }, { free: false }]) {
      const test = setUp({ delayMs: 10, ...options });
      test.dispatch();
      await test.clock.advance(100);
      expect(test.isHedged()).toBe(false);
      test.primary().onAnswer(...answer(1), "a");
      expect(test.out).toHaveLength(1);
    }
  });

  it("waits for the second attempt when the first fails, and tells the first failure when both do", async () => {
    const test = setUp({ delayMs: 10 });
    test.dispatch();
    await test.clock.advance(50);
    test.primary().onError(new AggregatorError("FAILOVER_EXHAUSTED", "broken"));
    expect(test.out).toEqual([]);
    test.hedge().onAnswer(...rpcError);
    expect(test.out).toEqual(["FAILOVER_EXHAUSTED"]);
  });

  it("does not take a second attempt's error for an answer, nor its progress for the call's", async () => {
    const test = setUp({ delayMs: 10 });
    test.dispatch();
    await test.clock.advance(50);
    test
      .hedge()
      .onNotification(...message('{"jsonrpc":"2.0","method":"notifications/progress","params":{}}'));
    test.hedge().onAnswer(...rpcError);
    expect(test.out).toEqual([]);
    test.primary().onAnswer(...answer(1), "a");
    expect(test.out).toHaveLength(1);
  });

  it("ends with the deadline, and with the client", async () => {
    const late = setUp({ delayMs: 10 });
    late.dispatch();
    await late.clock.advance(50);
    late.primary().onError(new AggregatorError("DEADLINE_EXCEEDED", "late"));
    expect(late.out).toEqual(["DEADLINE_EXCEEDED"]);
    expect(late.log).toContain("hedge 7 cancelled: late");
    const gone = setUp({ delayMs: 10 });
    const work = gone.dispatch();
    await gone.clock.advance(50);
    work.cancel("gone");
    expect(gone.log).toEqual(
      expect.arrayContaining(["hedge 7 cancelled: gone", "primary cancelled: gone (cancelled)"]),
    );
    expect(gone.out).toEqual([]);
  });

  it("learns the delay from how long calls take, and does nothing before it knows", async () => {
    const test = setUp();
    for (let at = 0; at < 30; at++) {
      test.dispatch();
      await test.clock.advance(20);
      test.primary().onAnswer(...answer(1), "a");
    }
    expect(test.isHedged()).toBe(false);
    test.dispatch();
    await test.clock.advance(60);
    expect(test.isHedged()).toBe(true);
  });
});
