// Changes a few values of a message and leaves every other byte as it came.
import type { Span } from "./envelope.ts";

/** One replacement: the bytes of `span` become `bytes`. An empty span (start = end) inserts. */
export interface Splice {
  readonly span: Readonly<Span>;
  readonly bytes: Buffer;
}

/** From here on, in bytes, copying a message costs more than writing pieces of it: a buffer of its own has to be collected. */
const LONG_MESSAGE = 3 * 1024;

/** A message with changes that are made when it is written, so that it is copied once, or, when it is long, not at all. */
export class Spliced {
  readonly length: number;
  readonly #message: Buffer;
  readonly #splices: readonly Splice[];

  /** @param splices must not overlap, and come in any order; they are kept */
  constructor(message: Buffer, splices: Splice[]) {
    sort(splices);
    let { length } = message;
    for (const { span, bytes } of splices) length += bytes.length - (span.end - span.start);
    this.length = length;
    this.#message = message;
    this.#splices = splices;
  }

  get isLong(): boolean {
    return this.length >= LONG_MESSAGE;
  }

  copyTo(out: Buffer, start: number): void {
    const message = this.#message;
    let from = 0;
    let to = start;
    for (const { span, bytes } of this.#splices) {
      to += message.copy(out, to, from, span.start);
      out.set(bytes, to);
      to += bytes.length;
      from = span.end;
    }
    message.copy(out, to, from);
  }

  /** In one buffer of its own. */
  whole(): Buffer {
    const out = Buffer.allocUnsafe(this.length);
    this.copyTo(out, 0);
    return out;
  }

  /** In buffers that share the bytes of the message. */
  pieces(): Buffer[] {
    const message = this.#message;
    const pieces: Buffer[] = [];
    let from = 0;
    for (const { span, bytes } of this.#splices) {
      if (span.start > from) pieces.push(message.subarray(from, span.start));
      if (bytes.length > 0) pieces.push(bytes);
      from = span.end;
    }
    if (from < message.length) pieces.push(message.subarray(from));
    return pieces;
  }
}

/** In one buffer that nobody else has. */
export function wholeOf(message: Buffer | Spliced): Buffer {
  return Buffer.isBuffer(message) ? message : message.whole();
}

/** Returns a copy of `message` with all splices applied; they must not overlap, and come in any order. */
export function splice(message: Buffer, splices: Splice[]): Buffer {
  return new Spliced(message, splices).whole();
}

/** By insertion: there are two or three, and in order already more often than not. */
function sort(splices: Splice[]): void {
  for (let at = 1; at < splices.length; at++) {
    const moved = splices[at] as Splice;
    let to = at;
    for (; to > 0; to--) {
      const before = splices[to - 1] as Splice;
      if (before.span.start <= moved.span.start) break;
      splices[to] = before;
    }
    splices[to] = moved;
  }
}

/**
 * Puts a message on one line, as stdio framing and SSE `data:` need it. Raw line breaks can only be white space
 * in valid JSON (inside strings they are escaped), so they become spaces, in place.
 */
export function toSingleLine(message: Buffer): Buffer {
  for (const lineBreak of [0x0a, 0x0d]) {
    for (let at = message.indexOf(lineBreak); at !== -1; at = message.indexOf(lineBreak, at + 1))
      message[at] = 0x20;
  }
  return message;
}
