import { createFakeClock, type FakeClock } from "@fairlead/core/testing";
import { beforeEach, describe, expect, it } from "vitest";
import { scanEnvelope } from "../wire/envelope.ts";
import { wholeOf } from "../wire/splice.ts";
import type { UpstreamConnection, UpstreamExchange, UpstreamFailure } from "./connection.ts";
import { createUpstreamListen, type UpstreamListen } from "./listen.ts";
import { modernTarget } from "./request-target.ts";

const target = modernTarget({ name: "test", version: "1" });

let clock: FakeClock;
let sent: UpstreamExchange[];
let cancelled: number[];
let filter: Record<string, unknown>;
let log: string[];
let listen: UpstreamListen;

beforeEach(() => {
  clock = createFakeClock();
  sent = [];
  cancelled = [];
  log = [];
  filter = { toolsListChanged: true };
  const connection: UpstreamConnection = {
    target,
    inFlight: 0,
    isOpen: true,
    lastHeardAt: 0,
    send: (exchange) => sent.push(exchange),
    cancel: (id) => void cancelled.push(id),
    notify: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
  listen = createUpstreamListen(connection, {
    clock,
    filter: () => filter,
    onBroken: () => log.push("broken"),
    onResumed: () => log.push("resumed"),
  });
});

const newest = (): UpstreamExchange => {
  const exchange = sent.at(-1);
  if (exchange === undefined) throw new Error("nothing was sent");
  return exchange;
};
function acknowledge(): void {
  const text = '{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{}}';
  newest().onNotification(Buffer.from(text), scanEnvelope(Buffer.from(text)));
}
function answer(text: string): void {
  newest().onAnswer(Buffer.from(text), scanEnvelope(Buffer.from(text)));
}
const fail = (kind: UpstreamFailure["kind"]): void =>
  newest().onFailure({ executed: "maybe", kind, message: "broken" });
const asked = (): unknown =>
  (JSON.parse(wholeOf(newest().encode(1, target)).toString()) as { params: { notifications: unknown } })
    .params.notifications;

describe("listening to a modern server", () => {
  it("asks for what the filter says, and counts as open when it is acknowledged", async () => {
    const renewed = listen.renew();
    expect(asked()).toEqual({ toolsListChanged: true });
    expect(newest().isStream).toBe(true);
    acknowledge();
    await renewed;
    expect(clock.pending).toBe(0);
  });

  it("asks for nothing when there is nothing to ask for", async () => {
    filter = {};
    await listen.renew();
    expect(sent).toHaveLength(0);
  });

  it("goes on without an acknowledgement after two seconds", async () => {
    const renewed = listen.renew();
    await clock.advance(2_001);
    await renewed;
    expect(sent).toHaveLength(1);
  });

  it("opens one new stream for many wishes, and ends the old one behind it", async () => {
    const first = listen.renew();
    acknowledge();
    await first;
    filter = { toolsListChanged: true, resourceSubscriptions: ["a"] };
    const second = listen.renew();
    filter = { toolsListChanged: true, resourceSubscriptions: ["a", "b"] };
    void listen.renew();
    void listen.renew();
    expect(cancelled).toEqual([]);
    acknowledge();
    await clock.advance(0);
    expect(cancelled).toEqual([1]);
    acknowledge();
    await second;
    expect(cancelled).toEqual([1, 2]);
    expect(sent).toHaveLength(3);
    expect(asked()).toEqual({ toolsListChanged: true, resourceSubscriptions: ["a", "b"] });
  });

  it("opens the stream again when it breaks, and says that something may have been missed", async () => {
    const renewed = listen.renew();
    acknowledge();
    await renewed;
    fail("transport");
    expect(log).toEqual(["broken"]);
    await clock.advance(1_000);
    expect(sent).toHaveLength(2);
    expect(log).toEqual(["broken"]);
    acknowledge();
    await clock.advance(0);
    expect(log).toEqual(["broken", "resumed"]);
  });

  it("opens it again when the server ends it in order, and waits longer each time it is refused", async () => {
    const renewed = listen.renew();
    acknowledge();
    await renewed;
    answer('{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete"}}');
    const waits: number[] = [];
    for (let times = 0; times < 7; times++) {
      const before = sent.length;
      const from = clock.now();
      while (sent.length === before) await clock.advance(500);
      waits.push(clock.now() - from);
      answer('{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"Subscription limit reached"}}');
      await clock.advance(0);
    }
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
    expect(log).toEqual([]);
  });

  it("gives up on a server that does not know the method, and on a connection that is closed", async () => {
    const first = listen.renew();
    answer('{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"Method not found"}}');
    await first;
    const second = listen.renew();
    fail("closed");
    await second;
    await clock.advance(60_000);
    expect(sent).toHaveLength(2);
    expect(clock.pending).toBe(0);
  });

  it("ends the stream when it is stopped, and opens no other", async () => {
    const renewed = listen.renew();
    acknowledge();
    await renewed;
    listen.stop();
    expect(cancelled).toEqual([1]);
    await listen.renew();
    expect(sent).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });
});
