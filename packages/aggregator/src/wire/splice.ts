// Changes a few values of a message and leaves every other byte as it came.
import type { Span } from "./envelope.ts";

/** One replacement: the bytes of `span` become `bytes`. An empty span (start = end) inserts. */
export interface Splice {
  readonly span: Readonly<Span>;
  readonly bytes: Buffer;
}

/** Returns a copy of `message` with all splices applied; they must not overlap, and come in any order. */
export function splice(message: Buffer, splices: Splice[]): Buffer {
  sort(splices);
  let length = message.length;
  for (const { span, bytes } of splices) length += bytes.length - (span.end - span.start);
  const out = Buffer.allocUnsafe(length);
  let from = 0;
  let to = 0;
  for (const { span, bytes } of splices) {
    to += message.copy(out, to, from, span.start);
    out.set(bytes, to);
    to += bytes.length;
    from = span.end;
  }
  message.copy(out, to, from);
  return out;
}

/** A message to be written: whole, or, when it is long, in pieces of which most are another message's. */
export type Printed = Buffer | readonly Buffer[];

/** From here on, in bytes, copying a message costs more than writing pieces of it: a buffer of its own has to be collected. */
export const LONG_MESSAGE: number = 3 * 1024;

/** As {@link splice}, in pieces that share the bytes of `message`. */
export function splicePieces(message: Buffer, splices: Splice[]): Buffer[] {
  sort(splices);
  const pieces: Buffer[] = [];
  let from = 0;
  for (const { span, bytes } of splices) {
    if (span.start > from) pieces.push(message.subarray(from, span.start));
    if (bytes.length > 0) pieces.push(bytes);
    from = span.end;
  }
  if (from < message.length) pieces.push(message.subarray(from));
  return pieces;
}

export function lengthOf(printed: Printed): number {
  if (Buffer.isBuffer(printed)) return printed.length;
  let length = 0;
  for (const piece of printed) length += piece.length;
  return length;
}

/** In one buffer of its own. */
export function whole(printed: Printed): Buffer {
  return Buffer.isBuffer(printed) ? printed : Buffer.concat(printed);
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
