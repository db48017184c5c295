import { createSeededRandom } from "@fairlead/core/testing";
import { describe, expect, it } from "vitest";
import { parseFrame, readEvents, type SseEvent } from "./sse.ts";

async function eventsOf(pieces: readonly string[]): Promise<readonly SseEvent[]> {
  async function* source(): AsyncGenerator<string> {
    yield* pieces;
  }
  const events: SseEvent[] = [];
  for await (const event of readEvents(source())) events.push(event);
  return events;
}

const stream = ': hello\r\n\r\ndata: {"a":1}\n\nevent: error\ndata: one\ndata: two\n\ndata:[DONE]\n\n';
const events = [
  { event: "", data: '{"a":1}' },
  { event: "error", data: "one\ntwo" },
  { event: "", data: "[DONE]" },
];

describe("events", () => {
  it("are read in one piece, and without the last empty line", async () => {
    expect(await eventsOf([stream])).toEqual(events);
    expect(await eventsOf([stream.trimEnd()])).toEqual(events);
  });

  it.each([1, 2, 3, 4, 5])("are the same however the stream is cut (seed %i)", async (seed) => {
    const random = createSeededRandom(seed);
    const text = stream.replaceAll("\r\n", "\n");
    const pieces: string[] = [];
    for (let at = 0; at < text.length; ) {
      const length = 1 + Math.floor(random() * 6);
      pieces.push(text.slice(at, at + length));
      at += length;
    }
    expect(await eventsOf(pieces)).toEqual(events);
  });
});

it("saves the second of two frames on one line", () => {
  expect(parseFrame('{"a":1}')).toEqual({ value: { a: 1 }, damaged: false });
  expect(parseFrame('{"a":data: {"b":2}')).toEqual({ value: { b: 2 }, damaged: true });
  expect(parseFrame('{"a":')).toEqual({ value: undefined, damaged: true });
});
