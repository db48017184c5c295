// Calls of a pool that exists only as far as a test says, under a clock that the test moves.
import { createRetryBudget, createTimerWheel, type RetryBudget } from "@fairlead/core";
import { createFakeClock } from "@fairlead/core/testing";
import type { AggregatorError } from "../src/errors.ts";
import type { PoolMember } from "../src/pool/member.ts";
import type { CallPolicy } from "../src/pool/policy.ts";
import { PoolCall } from "../src/pool/pool-call.ts";
import type { Attempt, PoolCallOwner } from "../src/pool/pool-call-owner.ts";
import type { ServerRequest, UpstreamExchange, UpstreamFailure } from "../src/upstream/connection.ts";
import { LEGACY_TARGET, type RequestTarget } from "../src/upstream/request-target.ts";
import { type Envelope, scanEnvelope } from "../src/wire/envelope.ts";

/** A pool of named upstreams that do what the test says. */
export function setUp(
  options: {
    repeatable?: boolean;
    maxAttempts?: number;
    budget?: RetryBudget;
    target?: RequestTarget;
    returns?: boolean;
    on503?: "rejected";
  } = {},
) {
  const { repeatable = true, maxAttempts = 3, target = LEGACY_TARGET, returns = false } = options;
  const clock = createFakeClock();
  const log: string[] = [];
  const available: string[] = ["a", "b", "c"];
  const sent: { upstream: string; exchange: UpstreamExchange }[] = [];
  const queue = new Set<PoolCall>();
  const members = new Map(["a", "b", "c"].map((id) => [id, { id } as PoolMember]));
  /** Connections that have ended; each upstream has another one with each attempt. */
  const ended = new Set<string>();
  let full = false;
  let busy = false;
  const budget = options.budget ?? createRetryBudget({ initialTokens: 10, clock });

  const owner: PoolCallOwner = {
    namespace: "pool",
    queueTimeoutMs: 2_000,
    budget,
    wheel: createTimerWheel({ clock }),
    now: () => clock.now(),
    attempt(call) {
      const upstream = available.find((name) => !call.tried.includes(name));
      if (upstream !== undefined) return attemptOn(upstream);
      const [any] = available;
      if (!call.mayReturn) return "pause";
      return returns && any !== undefined ? attemptOn(any) : "wait";
    },
    is503Rejection: options.on503 === "rejected",
    get isQueueing() {
      return queue.size > 0;
    },
    get isServing() {
      return busy;
    },
    retryAfterMs: () => 1_500,
    enqueue(call) {
      if (full) return false;
      queue.add(call);
      return true;
    },
    dequeue: (call) => void queue.delete(call),
    onFailure: ({ member }) => log.push(`${member.id} failed`),
    onAttemptEnd: () => {},
    onEnd: (_call, end) => log.push(end === "failed" ? "ended in failure" : "ended"),
  };

  function attemptOn(upstream: string): Attempt {
    return {
      lease: {
        endpointId: upstream,
        slot: 0,
        release: (outcome) => log.push(`lease ${upstream}: ${outcome}`),
      },
      connection: {
        target,
        inFlight: 0,
        get isOpen() {
          return !ended.has(upstream);
        },
        lastHeardAt: 0,
        send: (exchange) => sent.push({ upstream, exchange }),
        cancel: (_id, reason) => log.push(`cancel on ${upstream}: ${reason}`),
        notify: () => Promise.resolve(),
        close: () => Promise.resolve(),
      },
      member: members.get(upstream) as PoolMember,
      breaker: {
        release: (_permit: number, outcome: string) => log.push(`breaker ${upstream}: ${outcome}`),
      } as never,
      permit: 1,
      startedAt: 0,
    };
  }

  const answers: string[] = [];
  const errors: AggregatorError[] = [];
  const asked: ServerRequest[] = [];
  const create = (): PoolCall =>
    new PoolCall(owner, {
      origin: { client: { key: "c" }, sessionClient: () => ({}) as never },
      method: "tools/call",
      subject: "tool t",
      entry: undefined,
      caller: { id: "test" },
      priority: 5,
      repeatable,
      onlyModern: false,
      timeoutMs: 30_000,
      maxTimeoutMs: 120_000,
      policy: { maxAttempts } as CallPolicy,
      argumentBytes: () => Buffer.alloc(0),
      traceFields: () => [],
      encode: () => Buffer.alloc(0),
      headers: () => [],
      onNotification: (message) => answers.push(message.toString()),
      onServerRequest: (request) => asked.push(request),
      onAnswer: (message) => answers.push(message.toString()),
      onError: (error) => errors.push(error),
    });
  const call = create();
  return {
    clock,
    log,
    available,
    sent,
    queue,
    ended,
    call,
    create,
    answers,
    asked,
    errors,
    fill: () => (full = true),
    beBusy: () => (busy = true),
  };
}

export const message = (text: string): [Buffer, Envelope] => [
  Buffer.from(text),
  scanEnvelope(Buffer.from(text)),
];
export const result = message('{"jsonrpc":"2.0","id":1,"result":{}}');
export const failure = (
  executed: "no" | "maybe",
  kind: UpstreamFailure["kind"] = "transport",
): UpstreamFailure => ({
  executed,
  kind,
  message: "broken",
});
