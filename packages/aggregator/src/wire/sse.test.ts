import fc from "fast-check";
import { expect, it } from "vitest";
import { LONG_BYTES } from "./lines.ts";
import { createSseParser, toSseEvent } from "./sse.ts";

function parse(
  chunks: readonly Buffer[],
  maxEventBytes = 1_000_000,
): { events: string[]; oversized: number } {
  const events: string[] = [];
  let oversized = 0;
  const parser = createSseParser({
    maxEventBytes,
    onEvent: (data) => events.push(data.toString()),
    onOversize: () => {
      oversized++;
    },
  });
  for (const chunk of chunks) parser.push(chunk);
  return { events, oversized };
}

it("reads data whatever stands around it", () => {
  const stream =
    ': comment\n\nid: 1\nevent: message\ndata: {"a":1}\n\ndata:{"b":2}\nretry: 10\n\nevent: message\n\ndata\n\ndatum: x\n\ndata: one\ndata: two\n\ndata: unfinished';
  expect(parse([Buffer.from(stream)]).events).toEqual(['{"a":1}', '{"b":2}', "one\ntwo"]);
});

it("reads back what the writer frames, byte by byte", () => {
  fc.assert(
    fc.property(
      fc.array(fc.jsonValue(), { minLength: 1 }),
      fc.constantFrom("\n", "\r\n", "\r"),
      (values, lineEnd) => {
        const text = Buffer.concat(
          values.map((value) => toSseEvent(Buffer.from(JSON.stringify(value, null, 2)))),
        ).toString();
        const bytes = Buffer.from(text.replaceAll("\n", lineEnd));
        const chunks = Array.from(bytes, (byte) => Buffer.from([byte]));
        expect(parse(chunks).events.map((event) => JSON.stringify(JSON.parse(event)))).toEqual(
          values.map((value) => JSON.stringify(value)),
        );
      },
    ),
    { numRuns: 50 },
  );
});

it("drops an event over the bound and goes on with the next", () => {
  const stream = `data: ${"x".repeat(200)}\n\ndata: a\ndata: ${"y".repeat(90)}\ndata: ${"z".repeat(90)}\n\ndata: ok\n\n`;
  expect(parse([Buffer.from(stream)], 100)).toEqual({ events: ["ok"], oversized: 2 });
});

it("hands a long event on in parts, and the next one whole again", () => {
  const value = "x".repeat(3 * LONG_BYTES);
  const stream = Buffer.from(`: hi\nevent: message\ndata: ${value}\ndata: more\n\ndata: short\n\n`);
  for (const size of [1_000, 65_536, stream.length]) {
    const log: string[] = [];
    let long = "";
    const parser = createSseParser({
      maxEventBytes: 10 * LONG_BYTES,
      onEvent: (data) => log.push(data.toString()),
      onOversize: () => log.push("oversize"),
      onLongEvent: (head) => {
        long = head.toString();
        return { part: (part) => (long += part.toString()), end: () => log.push("end of the long one") };
      },
    });
    for (let at = 0; at < stream.length; at += size) parser.push(stream.subarray(at, at + size));
    // In one piece it is whole before it could become long.
    if (size === stream.length) expect(log).toEqual([`${value}\nmore`, "short"]);
    else expect([log, long]).toEqual([["end of the long one", "short"], `${value}\nmore`]);
  }
});
