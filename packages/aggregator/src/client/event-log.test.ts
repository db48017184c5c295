import { createFakeClock } from "@fairlead/core/testing";
import { describe, expect, it } from "vitest";
import { createEventLog, type EventLog, parseEventId } from "./event-log.ts";
import { createReplyStreams } from "./reply-streams.ts";

const said = (event: Buffer): string =>
  event
    .toString()
    .replaceAll(/^(id|event|data): |\n+$/gm, "")
    .replaceAll("\n", " ");

function readerOf(log: EventLog, after?: number): { seen: string[]; stop: () => void; ends: number } {
  const reader = { seen: [] as string[], stop: (): void => {}, ends: 0 };
  reader.stop = log.read(after, {
    send: (event) => reader.seen.push(said(event)),
    end: () => reader.ends++,
  });
  return reader;
}

const add = (log: EventLog, text: string, isSeen = false): Buffer => log.add(Buffer.from(text), isSeen);

describe("an event log", () => {
  it("numbers events, and hands those to a reader that nobody has seen", () => {
    const log = createEventLog(0);
    add(log, "a");
    add(log, "b", true);
    add(log, "c");
    const reader = readerOf(log);
    expect(reader.seen).toEqual(["0-1 message a", "0-3 message c"]);
    add(log, "d");
    expect(reader.seen.at(-1)).toBe("0-4 message d");
    reader.stop();
    add(log, "e");
    expect(readerOf(log).seen).toEqual(["0-5 message e"]);
  });

  it("reads on behind the last event that a client says it has seen", () => {
    const log = createEventLog(2);
    for (const text of ["a", "b", "c"]) add(log, text, true);
    expect(readerOf(log, 1).seen).toEqual(["2-2 message b", "2-3 message c"]);
    expect(readerOf(log, 3).seen).toEqual([]);
    expect(readerOf(log, 99).seen).toEqual([]);
  });

  it("keeps a bounded number of bytes: what was seen goes first, and what nobody has seen stays", () => {
    const log = createEventLog(0);
    add(log, "unseen");
    for (let at = 0; at < 10; at++) add(log, `${at}`.padEnd(20_000, "x"), true);
    expect(readerOf(log, 0).seen.map((text) => text.slice(0, 16))).toEqual([
      "0-1 message unse",
      "0-9 message 7xxx",
      "0-10 message 8xx",
      "0-11 message 9xx",
    ]);
    for (let at = 0; at < 200; at++) add(log, "more");
    expect(readerOf(log, 0).seen.length).toBeLessThanOrEqual(64);
  });

  it("of a call has one reader, the newest, and tells it when the call is over", () => {
    const log = createEventLog(1);
    const [first, second] = [readerOf(log), readerOf(log)];
    expect([first.ends, second.ends]).toEqual([1, 0]);
    add(log, "answer");
    log.end();
    expect(second).toMatchObject({ seen: ["1-1 message answer"], ends: 1 });
    expect(readerOf(log, 0)).toMatchObject({ seen: ["1-1 message answer"], ends: 1 });
  });
});

describe("ids of events", () => {
  it.each([
    ["3-14", { stream: 3, event: 14 }],
    ["0-1", { stream: 0, event: 1 }],
    ["", undefined],
    ["3", undefined],
    ["-3-1", undefined],
    ["3-1e9", undefined],
    [`1-${"9".repeat(16)}`, undefined],
  ])("%s", (id, parsed) => expect(parseEventId(id)).toEqual(parsed));
});

describe("the streams of a session's calls", () => {
  it("are kept while they run, and for five minutes after they broke", async () => {
    const clock = createFakeClock();
    const streams = createReplyStreams(clock);
    const [running, finished, broken] = [streams.open(), streams.open(), streams.open()];
    streams.done(finished);
    streams.broke(broken);
    await clock.advance(299_000);
    expect([running, finished, broken].map(({ number }) => streams.get(number) !== undefined)).toEqual([
      true,
      false,
      true,
    ]);
    await clock.advance(2_000);
    expect(streams.get(broken.number)).toBeUndefined();
    streams.close();
    expect(streams.get(running.number)).toBeUndefined();
    expect(clock.pending).toBe(0);
  });

  it("are bounded: the one that broke first goes first", () => {
    const streams = createReplyStreams(createFakeClock());
    const logs = Array.from({ length: 10 }, () => streams.open());
    for (const log of logs) streams.broke(log);
    expect(logs.filter(({ number }) => streams.get(number) !== undefined)).toEqual(logs.slice(2));
  });
});
