import { get, type IncomingMessage } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ResponseParser } from "./response-parser.ts";

interface Read {
  readonly events: string[];
  readonly used: number;
  readonly keepAliveMs: number;
  readonly finished: boolean;
}

/** Reads `bytes` in pieces that end at `cuts`, and joins what came of the body. */
function read(bytes: Buffer, cuts: readonly number[] = []): Read {
  const events: string[] = [];
  let body = "";
  let ended = false;
  const parser = new ResponseParser({
    onHead: (status, headers) => void events.push(`${status} ${JSON.stringify(headers)}`),
    onBody(part) {
      body += part.toString("latin1");
    },
    onEnd() {
      ended = true;
      events.push(`body ${body}`, "end");
    },
  });
  const ends = [...new Set([...cuts, bytes.length])].sort((a, b) => a - b);
  let from = 0;
  let used = 0;
  for (const to of ends) {
    // The reading buffer is overwritten by the next reading.
    const piece = Buffer.from(bytes.subarray(from, to));
    used += parser.push(piece);
    piece.fill(0x21);
    from = to;
    if (ended) break;
  }
  const finished = ended || parser.finish();
  return { events, used, keepAliveMs: parser.keepAliveMs, finished };
}

function response(...lines: string[]): Buffer {
  return Buffer.from(lines.join("\r\n"), "latin1");
}

const SAMPLES: Readonly<Record<string, Buffer>> = {
  "a body with a length": response(
    "HTTP/1.1 200 OK",
    "Content-Type: application/json",
    "Content-Length: 13",
    "",
    '{"ok": true}\n',
  ),
  "chunks, with an extension and a trailer": response(
    "HTTP/1.1 200 OK",
    "Transfer-Encoding: Chunked",
    "",
    "4;name=value",
    "abcd",
    "0010",
    "0123456789abcdef",
    "0",
    "x-checksum: 1",
    "",
    "",
  ),
  "a body that ends with the connection": response(
    "HTTP/1.0 200 OK",
    "content-type: text/plain",
    "",
    "until the end",
  ),
  "an interim response before": response(
    "HTTP/1.1 100 Continue",
    "",
    "HTTP/1.1 103 Early Hints",
    "link: </a>",
    "",
    "HTTP/1.1 202 Accepted",
    "content-length: 0",
    "",
    "",
  ),
  "no body where none may be": response("HTTP/1.1 204 No Content", "x-a:   spaced   ", "", ""),
  "no reason, and an empty field": response("HTTP/1.1 404 ", "x-empty:", "content-length: 2", "", "no"),
};

describe("a response", () => {
  it.each(Object.entries(SAMPLES))("with %s is the same wherever its bytes are cut", (_name, bytes) => {
    const whole = read(bytes);
    expect(whole.finished).toBe(true);
    for (let cut = 1; cut < bytes.length; cut++) expect(read(bytes, [cut])).toEqual(whole);
    expect(read(bytes, [...bytes.keys()])).toEqual(whole);
  });

  it.each(Object.entries(SAMPLES))("with %s reads as node:http reads it", async (_name, bytes) => {
    const oracle = await readByNode(bytes);
    const { events } = read(bytes);
    const head = events[0] ?? "";
    expect(Number(head.slice(0, 3))).toBe(oracle.status);
    const headers = JSON.parse(head.slice(4)) as string[];
    expect(headers).toEqual(oracle.headers);
    expect(events[1]).toBe(`body ${oracle.body}`);
  });

  it("made at random reads as node:http reads it", async () => {
    const name = fc.stringMatching(/^x-[a-z0-9-]{1,12}$/);
    const value = fc.stringMatching(/^[!-~]([ -~]{0,20}[!-~])?$/);
    const made = fc.record({
      status: fc.constantFrom(200, 201, 202, 400, 404, 429, 500, 503),
      fields: fc.array(fc.tuple(name, value), { maxLength: 6 }),
      body: fc.string({ unit: "binary-ascii", maxLength: 200 }),
      chunked: fc.boolean(),
      cuts: fc.array(fc.nat(300), { maxLength: 6 }),
    });
    const property = fc.asyncProperty(made, async ({ status, fields, body, chunked, cuts }) => {
      const lines = [`HTTP/1.1 ${status} Some reason`, ...fields.map(([n, v]) => `${n}: ${v}`)];
      const framed = chunked
        ? response(...lines, "transfer-encoding: chunked", "", ...chunksOf(body), "0", "", "")
        : response(...lines, `content-length: ${body.length}`, "", body);
      const oracle = await readByNode(framed);
      const { events } = read(
        framed,
        cuts.filter((cut) => cut < framed.length),
      );
      expect(events[0]).toBe(`${oracle.status} ${JSON.stringify(oracle.headers)}`);
      expect(events[1]).toBe(`body ${oracle.body}`);
    });
    await fc.assert(property, { numRuns: 60 });
  });

  it("leaves what stands behind it", () => {
    const bytes = response("HTTP/1.1 200 OK", "content-length: 2", "", "okHTTP/1.1 200 OK");
    expect(read(bytes).used).toBe(bytes.length - "HTTP/1.1 200 OK".length);
  });

  it("that breaks off in the middle has not finished", () => {
    expect(read(response("HTTP/1.1 200 OK", "content-length: 5", "", "abc")).finished).toBe(false);
    expect(read(response("HTTP/1.1 200 OK", "transfer-encoding: chunked", "", "3", "abc", "")).finished).toBe(
      false,
    );
    expect(read(response("HTTP/1.1 200 OK", "content-le")).finished).toBe(false);
  });

  it("that its listener breaks is told no further", () => {
    const told: string[] = [];
    const parser: ResponseParser = new ResponseParser({
      onHead: () => parser.stop(),
      onBody: () => void told.push("body"),
      onEnd: () => void told.push("end"),
    });
    parser.push(response("HTTP/1.1 200 OK", "content-length: 2", "", "ok"));
    expect(told).toEqual([]);
  });

  it.each([
    [
      "two different lengths",
      response("HTTP/1.1 200 OK", "content-length: 2", "content-length: 3", "", "abc"),
    ],
    ["a length that is no number", response("HTTP/1.1 200 OK", "content-length: +2", "", "ab")],
    ["a length in a list", response("HTTP/1.1 200 OK", "content-length: 2, 2", "", "ab")],
    [
      "a length beside chunks",
      response("HTTP/1.1 200 OK", "content-length: 2", "transfer-encoding: chunked", "", "0", "", ""),
    ],
    ["another transfer coding", response("HTTP/1.1 200 OK", "transfer-encoding: gzip, chunked", "", "")],
    ["a folded line", response("HTTP/1.1 200 OK", "x-a: b", " content-length: 2", "", "ab")],
    ["a space before the colon", response("HTTP/1.1 200 OK", "content-length : 2", "", "ab")],
    ["a field without a name", response("HTTP/1.1 200 OK", ": 2", "", "ab")],
    ["a field without a colon", response("HTTP/1.1 200 OK", "content-length", "", "ab")],
    ["a line end inside a line", response("HTTP/1.1 200 OK", "x-a: b\ncontent-length: 2", "", "ab")],
    ["a zero byte", response("HTTP/1.1 200 OK", "x-a: \0", "content-length: 2", "", "ab")],
    ["another protocol", response("HTTP/2 200", "", "")],
    ["something else", response("220 mail.example ESMTP", "", "")],
    ["an unasked switch of protocols", response("HTTP/1.1 101 Switching Protocols", "upgrade: x", "", "")],
    ["a chunk without a size", response("HTTP/1.1 200 OK", "transfer-encoding: chunked", "", "x", "")],
    ["a negative chunk", response("HTTP/1.1 200 OK", "transfer-encoding: chunked", "", "-1", "")],
    [
      "a chunk longer than its size",
      response("HTTP/1.1 200 OK", "transfer-encoding: chunked", "", "2", "abc", ""),
    ],
    ["a head without an end", Buffer.from(`HTTP/1.1 200 OK\r\nx: ${"y".repeat(20_000)}`)],
    [
      "trailers without an end",
      response(
        "HTTP/1.1 200 OK",
        "transfer-encoding: chunked",
        "",
        "0",
        ...Array<string>(999).fill(`x: ${"y".repeat(50)}`),
      ),
    ],
  ])("with %s is refused, wherever its bytes are cut", (_name, bytes) => {
    expect(() => read(bytes)).toThrow(expect.objectContaining({ code: "HTTP_PROTOCOL" }) as Error);
    const step = Math.max(1, Math.floor(bytes.length / 200));
    for (let cut = 1; cut < bytes.length; cut += step)
      expect(() => read(bytes, [cut])).toThrow(expect.objectContaining({ code: "HTTP_PROTOCOL" }) as Error);
  });

  it.each([
    [4_000, ["HTTP/1.1 200 OK"]],
    [0, ["HTTP/1.0 200 OK"]],
    [4_000, ["HTTP/1.0 200 OK", "connection: keep-alive"]],
    [0, ["HTTP/1.1 200 OK", "Connection: Close"]],
    [19_000, ["HTTP/1.1 200 OK", "keep-alive: timeout=20, max=100"]],
    [0, ["HTTP/1.1 200 OK", "keep-alive: timeout=1"]],
    [600_000, ["HTTP/1.1 200 OK", "keep-alive: timeout=99999"]],
  ])("lets its connection be used for another %i ms: %j", (ms, lines) => {
    expect(read(response(...lines, "content-length: 0", "", "")).keepAliveMs).toBe(ms);
  });
});

function chunksOf(body: string): string[] {
  const middle = Math.floor(body.length / 2);
  return [body.slice(0, middle), body.slice(middle)]
    .filter((chunk) => chunk !== "")
    .flatMap((chunk) => [chunk.length.toString(16), chunk]);
}

/** What node:http makes of the bytes. */
async function readByNode(bytes: Buffer): Promise<{ status: number; headers: string[]; body: string }> {
  const server = createServer((socket) => {
    socket.once("data", () => socket.end(bytes));
    socket.on("error", () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const { port } = server.address() as AddressInfo;
    const incoming = await new Promise<IncomingMessage>((resolve, reject) => {
      get({ port, host: "127.0.0.1", agent: false }, resolve).on("error", reject);
    });
    incoming.setEncoding("latin1");
    let body = "";
    for await (const part of incoming) body += part as string;
    const headers = incoming.rawHeaders.map((text, at) => (at % 2 === 0 ? text.toLowerCase() : text));
    return { status: incoming.statusCode ?? 0, headers, body };
  } finally {
    server.close();
  }
}
