import { createFakeClock } from "@fairlead/core/testing";
import { describe, expect, it } from "vitest";
import type { EventLog } from "./event-log.ts";
import { createReplyStreams, createWaitingRoom } from "./reply-streams.ts";

const answerOf = (id: number, bytes = 0): Buffer =>
  Buffer.from(`{"jsonrpc":"2.0","id":${id},"result":{"text":"${"x".repeat(bytes)}"}}`);

function start(bytes?: number) {
  const clock = createFakeClock();
  const room = createWaitingRoom(bytes);
  const streams = createReplyStreams(clock, room);
  const isKept = ({ number }: EventLog): boolean => streams.get(number) !== undefined;
  return { clock, room, streams, isKept };
}

function read(log: EventLog): string {
  const seen: string[] = [];
  log.read(0, { send: (event) => seen.push(event.toString()), end: () => {} });
  return seen.join("");
}

describe("the streams of a session's calls", () => {
  it("are kept while the calls run, whatever becomes of the connection", async () => {
    const { clock, streams, isKept } = start();
    const [running, finished, broken] = [streams.open(), streams.open(), streams.open()];
    streams.done(finished);
    streams.broke(broken);
    await clock.advance(3_600_000);
    expect([running, finished, broken].map(isKept)).toEqual([true, false, true]);
  });

  it("are kept for five minutes after an answer that nobody took, or whose connection broke", async () => {
    const { clock, room, streams, isKept } = start(1_000);
    const [away, broken] = [streams.open(), streams.open()];
    streams.answer(away, answerOf(1));
    broken.add(answerOf(2), true);
    broken.end();
    streams.broke(broken);
    expect(read(away)).toContain('"id":1');
    await clock.advance(299_000);
    expect([away, broken].map(isKept)).toEqual([true, true]);
    await clock.advance(2_000);
    expect([away, broken].map(isKept)).toEqual([false, false]);
    expect(room).toEqual({ bytes: 1_000, expected: 0 });
    expect(clock.pending).toBe(0);
  });

  it("are bounded: the answer that has waited for longest goes first", () => {
    const { streams, isKept } = start();
    const logs = Array.from({ length: 66 }, () => streams.open());
    for (const log of logs) streams.answer(log, answerOf(1));
    expect(logs.filter(isKept)).toEqual(logs.slice(2));
  });

  it("share their room with other sessions', and say so when it is full", () => {
    const { room, streams } = start(1_000);
    const [first, second, third] = [streams.open(), streams.open(), streams.open()];
    streams.answer(first, answerOf(1, 900));
    streams.answer(second, answerOf(2, 900));
    expect(read(first)).toContain("xxx");
    expect(read(second)).toMatch(/"id":2,"error":.*too many others wait.*"code":"OUTCOME_UNKNOWN"/);
    streams.done(first);
    streams.answer(third, answerOf(3, 900));
    expect(read(third)).toContain("xxx");
    streams.close();
    expect(room).toEqual({ bytes: 1_000, expected: 0 });
  });

  it("count the answers that their clients were told to come back for", () => {
    const { room, streams } = start();
    const [paused, broken] = [streams.open(), streams.open()];
    paused.pause(500);
    for (const log of [paused, broken]) streams.answer(log, answerOf(1));
    expect(room.expected).toBe(1);
    streams.done(paused);
    expect(room.expected).toBe(0);
    streams.close();
  });

  it("end with their session, and so do their readers", () => {
    const { streams, isKept } = start();
    const log = streams.open();
    let ends = 0;
    log.read(0, { send: () => {}, end: () => ends++ });
    streams.close();
    expect([isKept(log), ends]).toEqual([false, 1]);
  });
});
