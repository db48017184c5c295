import { describe, expect, it } from "vitest";
import { createEventLog, type EventLog, parseEventId } from "./event-log.ts";

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

describe("a stream that is paused", () => {
  it("says where it is and when to come back, and sends its readers away", () => {
    const log = createEventLog(3);
    expect(log.mark().toString()).toBe("id: 3-0\ndata: \n\n");
    add(log, "a", true);
    const reader = readerOf(log, 1);
    expect(log.isPaused).toBe(false);
    expect(log.pause(500).toString()).toBe("retry: 500\nid: 3-1\ndata: \n\n");
    expect(reader).toMatchObject({ seen: ["retry: 500 3-1 "], ends: 1 });
    expect([log.isPaused, log.hasEnded]).toEqual([true, false]);
  });

  it("keeps the last message, however long it is", () => {
    const log = createEventLog(3);
    add(log, "first");
    log.answer(Buffer.from("x".repeat(100_000)));
    expect(log.hasEnded).toBe(true);
    const reader = readerOf(log, 0);
    expect(reader.seen.map((text) => text.slice(0, 13))).toEqual(["3-1 message f", "3-2 message x"]);
    expect(reader.ends).toBe(1);
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
