// Reads the one form of request that nearly all calls come in: a POST in plain HTTP/1.1 with a length, its head in one piece.
// It does not judge the others: whatever is not exactly this is left to node:http, with all its checks.
import type { IncomingHttpHeaders } from "node:http";

export interface ParsedRequest {
  /** Request target. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  /** Names and values in turn. */
  readonly rawHeaders: readonly string[];
  /** As far as it is there. */
  readonly body: Buffer;
  /** Where the next request begins; behind what is there when the body is not whole. */
  readonly end: number;
}

/** What a head said. */
interface Head {
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  /** Of the body, in bytes. */
  readonly length: number;
}

const POST = Buffer.from("POST /");
const END_OF_HEAD = Buffer.from("\r\n\r\n");
const MAX_HEAD_BYTES = 16 * 1024;
const MAX_FIELDS = 64;
/** One line each; nothing but visible ASCII and spaces inside, which every reader reads in the same way. */
const HEAD =
  /^POST \/[\x21-\x7e]* HTTP\/1\.1(?:\r\n[!#$%&'*+.^_`|~0-9A-Za-z-]+: ?[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)+$/;
/** They change how a message is read, or what becomes of the connection. */
const SPECIAL: readonly string[] = ["transfer-encoding", "upgrade", "expect", "te", "trailer"];
const LENGTH = /^(?:0|[1-9]\d{0,8})$/;
const SPACE = 0x20;

/** Of one connection: its client's requests differ in little but their bodies, so the last head is kept. */
export class RequestParser {
  #last: Head | undefined;
  /** The last head as it came, with the empty line. */
  #lastBytes: Buffer = Buffer.alloc(0);

  /** The request at the beginning of `chunk`; undefined when it is in another form, or its head is not whole. */
  parse(chunk: Buffer): ParsedRequest | undefined {
    const bytes = this.#lastBytes;
    const isSame =
      this.#last !== undefined &&
      chunk.length >= bytes.length &&
      bytes.compare(chunk, 0, bytes.length, 0, bytes.length) === 0;
    if (!isSame && !this.#read(chunk)) return undefined;
    const head = this.#last;
    const start = this.#lastBytes.length;
    if (head === undefined) return undefined;
    const { target, headers, rawHeaders } = head;
    const end = start + head.length;
    return { target, headers, rawHeaders, body: chunk.subarray(start, end), end };
  }

  #read(chunk: Buffer): boolean {
    if (chunk.length < POST.length || POST.compare(chunk, 0, POST.length) !== 0) return false;
    const end = chunk.indexOf(END_OF_HEAD);
    if (end === -1 || end > MAX_HEAD_BYTES) return false;
    const head = parseHead(chunk.toString("latin1", 0, end));
    if (head === undefined) return false;
    this.#last = head;
    this.#lastBytes = Buffer.from(chunk.subarray(0, end + END_OF_HEAD.length));
    return true;
  }
}

function parseHead(text: string): Head | undefined {
  if (!HEAD.test(text)) return undefined;
  const headers: IncomingHttpHeaders = {};
  const rawHeaders: string[] = [];
  const lineEnd = text.indexOf("\r\n");
  for (let start = lineEnd; start !== -1; ) {
    start += 2;
    const next = text.indexOf("\r\n", start);
    const colon = text.indexOf(":", start);
    const from = text.charCodeAt(colon + 1) === SPACE ? colon + 2 : colon + 1;
    const raw = text.slice(start, colon);
    const name = raw.toLowerCase();
    // Sent twice; also true for the names of what every object has.
    if (headers[name] !== undefined || SPECIAL.includes(name)) return undefined;
    const value = text.slice(from, next === -1 ? text.length : next);
    headers[name] = value;
    rawHeaders.push(raw, value);
    start = next;
  }
  const { host, connection, "content-length": length } = headers;
  if (host === undefined || length === undefined || !LENGTH.test(length)) return undefined;
  if (rawHeaders.length > 2 * MAX_FIELDS) return undefined;
  if (connection !== undefined && !/^(?:keep-alive|close)$/i.test(connection)) return undefined;
  const target = text.slice("POST ".length, lineEnd - " HTTP/1.1".length);
  return { target, headers: Object.freeze(headers), rawHeaders, length: Number(length) };
}
