// Reads HTTP/1.1 responses (RFC 9112) off a connection. Strict where a second reading would be possible: two lengths, a
// length beside a transfer coding, a folded line or a bare line end break the connection.
import { HttpProtocolError } from "./errors.ts";

/** Told what a response brings, in this order. Whatever it does inside, it may break the connection. */
export interface ResponseListener {
  /** @param headers names in lower case and values, in turn */
  onHead(status: number, headers: readonly string[]): void;
  /** `part` is the listener's own. */
  onBody(part: Buffer): void;
  onEnd(): void;
}

type State = "head" | "length" | "chunk-size" | "chunk" | "chunk-end" | "trailers" | "until-close";

/** All header fields together; what undici and node:http allow, too. */
const MAX_HEAD_BYTES = 16 * 1024;
/** A chunk's size in hexadecimal, with its extensions. */
const MAX_SIZE_LINE_BYTES = 256;
const MAX_TRAILER_BYTES = 8 * 1024;
/** Idle connections of a server that says nothing about it are kept for this long, in milliseconds. */
export const KEEP_ALIVE_MS = 4_000;
/** The server's clock started earlier, so it ends the connection earlier than it says. */
const KEEP_ALIVE_MARGIN_MS = 1_000;
const MAX_KEEP_ALIVE_MS = 600_000;

const CRLF = Buffer.from("\r\n");
const END_OF_HEAD = Buffer.from("\r\n\r\n");
const EMPTY = Buffer.alloc(0);

export class ResponseParser {
  readonly #listener: ResponseListener;
  /** Heads of one server are often the same, to the second. With the empty line. */
  #lastBytes: Buffer = EMPTY;
  #lastHead: Head | undefined;
  #state: State = "head";
  /** What has come of something that has to be whole: a head, a size, a trailer. */
  #rest: Buffer = EMPTY;
  /** Of the body or the chunk, in bytes. */
  #left = 0;
  #trailerBytes = 0;
  #stopped = false;
  /** For how long the connection may be used for another request, in milliseconds; 0 when it may not. */
  keepAliveMs = 0;

  constructor(listener: ResponseListener) {
    this.#listener = listener;
  }

  /** Whether nothing of a response is there that is not whole. */
  get isBetween(): boolean {
    return this.#state === "head" && this.#rest.length === 0;
  }

  /** Nothing more is told; used when the listener breaks the connection while it is told. */
  stop(): void {
    this.#stopped = true;
  }

  /**
   * @param chunk read, not kept
   * @returns how many bytes of it belong to the response; fewer than all when the response has ended before
   * @throws {@link HttpProtocolError}
   */
  push(chunk: Buffer): number {
    let at = 0;
    while (at < chunk.length && !this.#stopped) {
      switch (this.#state) {
        case "head": {
          let head = this.#sameHead(chunk, at);
          if (head !== undefined) at += this.#lastBytes.length;
          else {
            const line = this.#whole(chunk, at, END_OF_HEAD, MAX_HEAD_BYTES);
            if (line === undefined) return chunk.length;
            at = line.next;
            head = this.#newHead(line.text);
          }
          if (this.#head(head)) return at;
          break;
        }
        case "length":
        case "chunk": {
          const end = Math.min(chunk.length, at + this.#left);
          this.#left -= end - at;
          this.#body(chunk, at, end);
          at = end;
          if (this.#left > 0) break;
          if (this.#state === "length") {
            this.#end();
            return at;
          }
          this.#state = "chunk-end";
          break;
        }
        case "until-close":
          this.#body(chunk, at, chunk.length);
          return chunk.length;
        case "chunk-size": {
          const line = this.#whole(chunk, at, CRLF, MAX_SIZE_LINE_BYTES);
          if (line === undefined) return chunk.length;
          at = line.next;
          this.#left = sizeOf(line.text);
          this.#state = this.#left === 0 ? "trailers" : "chunk";
          break;
        }
        case "chunk-end": {
          const line = this.#whole(chunk, at, CRLF, 2);
          if (line === undefined) return chunk.length;
          at = line.next;
          if (line.text !== "") throw new HttpProtocolError("a chunk is longer than its size");
          this.#state = "chunk-size";
          break;
        }
        case "trailers": {
          const line = this.#whole(chunk, at, CRLF, MAX_TRAILER_BYTES);
          if (line === undefined) return chunk.length;
          at = line.next;
          this.#trailerBytes += line.text.length;
          if (this.#trailerBytes > MAX_TRAILER_BYTES)
            throw new HttpProtocolError("the trailer section is too long");
          if (line.text !== "") break;
          this.#end();
          return at;
        }
      }
    }
    return at;
  }

  /** The server has ended the connection. @returns whether that ended the response, or there was none */
  finish(): boolean {
    if (this.#state !== "until-close") return this.isBetween;
    this.#end();
    return true;
  }

  /** Up to `end`, put together with what came before; undefined while it is not there. */
  #whole(
    chunk: Buffer,
    at: number,
    end: Buffer,
    maxBytes: number,
  ): { readonly text: string; readonly next: number } | undefined {
    const before = this.#rest;
    if (before.length === 0) {
      const found = chunk.indexOf(end, at);
      if (found !== -1 && found - at <= maxBytes)
        return { text: chunk.toString("latin1", at, found), next: found + end.length };
      if (found !== -1 || chunk.length - at > maxBytes + end.length)
        throw new HttpProtocolError(`a line or head is longer than ${maxBytes} bytes`);
      this.#rest = Buffer.from(chunk.subarray(at));
      return undefined;
    }
    const all = Buffer.concat([
      before,
      chunk.subarray(at, Math.min(chunk.length, at + maxBytes + end.length)),
    ]);
    const found = all.indexOf(end, Math.max(0, before.length - end.length + 1));
    if (found === -1) {
      if (all.length > maxBytes + end.length)
        throw new HttpProtocolError(`a line or head is longer than ${maxBytes} bytes`);
      this.#rest = all;
      return undefined;
    }
    this.#rest = EMPTY;
    return { text: all.toString("latin1", 0, found), next: at + found + end.length - before.length };
  }

  /** The last response's head, if the same bytes come again. */
  #sameHead(chunk: Buffer, at: number): Head | undefined {
    const bytes = this.#lastBytes;
    const end = at + bytes.length;
    const isSame = this.#rest.length === 0 && end <= chunk.length && bytes.compare(chunk, at, end) === 0;
    return isSame ? this.#lastHead : undefined;
  }

  #newHead(text: string): Head {
    const head = parseHead(text);
    this.#lastBytes = Buffer.from(`${text}\r\n\r\n`, "latin1");
    this.#lastHead = head;
    return head;
  }

  /** @returns whether the response has ended with it */
  #head(head: Head): boolean {
    if (head.status < 200) {
      if (head.status === 101) throw new HttpProtocolError("the server switched protocols unasked");
      return false;
    }
    this.keepAliveMs = head.keepAliveMs;
    this.#trailerBytes = 0;
    const hasBody = head.status !== 204 && head.status !== 304;
    if (hasBody && head.isChunked) this.#state = "chunk-size";
    else if (hasBody && head.length === undefined) {
      this.#state = "until-close";
      this.keepAliveMs = 0;
    } else {
      this.#left = hasBody ? (head.length ?? 0) : 0;
      if (this.#left > 0) this.#state = "length";
    }
    const isWhole = this.#state === "head";
    this.#listener.onHead(head.status, head.headers);
    if (isWhole && !this.#stopped) this.#end();
    return isWhole;
  }

  #body(chunk: Buffer, start: number, end: number): void {
    // The chunk is the connection's reading buffer, which the next reading overwrites.
    if (end <= start) return;
    const part = Buffer.allocUnsafe(end - start);
    chunk.copy(part, 0, start, end);
    this.#listener.onBody(part);
  }

  #end(): void {
    if (this.#stopped) return;
    this.#state = "head";
    this.#listener.onEnd();
  }
}

interface Head {
  readonly status: number;
  readonly headers: readonly string[];
  readonly isChunked: boolean;
  readonly length: number | undefined;
  readonly keepAliveMs: number;
}

function parseHead(text: string): Head {
  const status = /^HTTP\/1\.[01] (\d{3})(?: |\r|$)/.exec(text);
  if (status === null) throw new HttpProtocolError("the server did not answer in HTTP/1.1");
  if (!LINES.test(text))
    throw new HttpProtocolError("the response head has characters that may not stand in it");
  const headers: string[] = [];
  let length: number | undefined;
  let isChunked = false;
  let keepsAlive = text.charCodeAt(7) === 0x31;
  let keepAliveMs = KEEP_ALIVE_MS;
  let start = text.indexOf("\r\n");
  while (start !== -1) {
    start += 2;
    const next = text.indexOf("\r\n", start);
    const end = next === -1 ? text.length : next;
    const colon = text.indexOf(":", start);
    if (colon <= start || colon >= end) throw new HttpProtocolError("a header field has no name");
    const name = text.slice(start, colon).toLowerCase();
    const value = text.slice(colon + 1, end).trim();
    headers.push(name, value);
    switch (name) {
      case "content-length":
        if (length !== undefined || !/^\d{1,15}$/.test(value))
          throw new HttpProtocolError(`Content-Length is not one number: ${value}`);
        length = Number(value);
        break;
      case "transfer-encoding":
        if (isChunked || value.toLowerCase() !== "chunked")
          throw new HttpProtocolError(`Transfer-Encoding is not supported: ${value}`);
        isChunked = true;
        break;
      case "connection":
        if (/\bclose\b/i.test(value)) keepsAlive = false;
        else if (/\bkeep-alive\b/i.test(value)) keepsAlive = true;
        break;
      case "keep-alive": {
        const seconds = /\btimeout=(\d{1,6})\b/i.exec(value)?.[1];
        if (seconds !== undefined)
          keepAliveMs = Math.min(Number(seconds) * 1_000 - KEEP_ALIVE_MARGIN_MS, MAX_KEEP_ALIVE_MS);
        break;
      }
      default:
        if (!TOKEN.test(name)) throw new HttpProtocolError("a header field's name is not a token");
    }
    start = next;
  }
  if (isChunked && length !== undefined)
    throw new HttpProtocolError("the response has both Content-Length and Transfer-Encoding");
  return {
    status: Number(status[1]),
    headers,
    isChunked,
    length,
    keepAliveMs: keepsAlive ? Math.max(keepAliveMs, 0) : 0,
  };
}

/** Visible characters, spaces and tabs; lines end by both characters, and none begins with a space (folding). */
const LINES = /^[\t\x20-\x7e\x80-\xff]*(?:\r\n[\x21-\x7e\x80-\xff][\t\x20-\x7e\x80-\xff]*)*$/;
const TOKEN = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;

/** Of a chunk: hexadecimal, then extensions, which nobody uses. */
function sizeOf(line: string): number {
  const size = /^([0-9a-f]{1,12})[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?$/i.exec(line)?.[1];
  if (size === undefined) throw new HttpProtocolError("a chunk has no size");
  return Number.parseInt(size, 16);
}
