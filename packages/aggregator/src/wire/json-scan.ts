// A validating JSON scanner over bytes (RFC 8259). It finds where values begin and end without building them:
// the gateway must not parse and print payloads again (large integers, unknown keys and key order would change),
// and it must refuse deep nesting before anything recursive sees it.

import { PlainWords } from "./plain-words.ts";

/** Thrown for bytes that are not one well-formed JSON value within the limits; `offset` is the byte it broke at. */
export class JsonScanError extends Error {
  override readonly name = "JsonScanError";
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(`${message} at byte ${offset}`);
    this.offset = offset;
  }
}

/** Nesting that is still accepted by default. */
export const DEFAULT_MAX_DEPTH = 64;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/** Returns the offset of the first byte at or after `pos` that is not JSON white space. */
export function skipSpace(bytes: Uint8Array, pos: number): number {
  for (;;) {
    const byte = bytes[pos];
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return pos;
    pos++;
  }
}

/** Up to here a string is read byte by byte; beyond, it is worth looking at four at a time, in bytes. */
const SHORT_STRING = 64;

/** Whether the string that was skipped last had escapes in it; a module variable for the reason of {@link scanEnd}. */
export let stringHadEscapes = false;

/** Skips the string whose opening quote is at `pos`; returns the offset behind its closing quote. */
export function skipString(bytes: Uint8Array, pos: number): number {
  if (bytes[pos] !== QUOTE) throw new JsonScanError("expected a string", pos);
  stringHadEscapes = false;
  const shortEnd = pos + SHORT_STRING;
  for (let at = pos + 1; at < shortEnd; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) return at + 1;
    if (byte === BACKSLASH) at = skipEscape(bytes, at);
    else checkCharacter(byte, pos, at);
  }
  return skipLongString(bytes, pos);
}

/** From its beginning again, but four bytes at a time where nothing among them needs a look. */
function skipLongString(bytes: Uint8Array, pos: number): number {
  const words = new PlainWords(bytes, pos + 1);
  for (let at = pos + 1; ; at++) {
    at = words.skip(at);
    const byte = bytes[at];
    if (byte === QUOTE) return at + 1;
    if (byte === BACKSLASH) at = skipEscape(bytes, at);
    else checkCharacter(byte, pos, at);
  }
}

function checkCharacter(byte: number | undefined, start: number, at: number): void {
  if (byte === undefined) throw new JsonScanError("unterminated string", start);
  if (byte < 0x20) throw new JsonScanError("control character in a string", at);
}

/** Skips any JSON value that begins at `pos` (no leading space); returns the offset behind it. */
export function skipValue(bytes: Uint8Array, pos: number, depthLeft: number): number {
  const byte = bytes[pos];
  if (byte === QUOTE) return skipString(bytes, pos);
  if (byte === OPEN_BRACE) {
    for (let member = firstMember(bytes, pos, depthLeft); member !== -1; ) {
      const value = valueOfMember(bytes, skipString(bytes, member));
      member = nextMember(bytes, skipValue(bytes, value, depthLeft - 1));
    }
    return scanEnd;
  }
  if (byte === OPEN_BRACKET) {
    for (let element = firstElement(bytes, pos, depthLeft); element !== -1; ) {
      element = nextElement(bytes, skipValue(bytes, element, depthLeft - 1));
    }
    return scanEnd;
  }
  return skipScalar(bytes, pos);
}

/**
 * Where the container ended whose last `firstMember`/`nextMember`/`firstElement`/`nextElement` returned -1.
 * A module variable instead of a result object: this runs for every object of every message.
 */
export let scanEnd = 0;

/** Enters the object at `pos`; returns the offset of its first key, or -1 (see {@link scanEnd}) when it is empty. */
export function firstMember(bytes: Uint8Array, pos: number, depthLeft: number): number {
  if (depthLeft <= 0) throw new JsonScanError("nested too deeply", pos);
  return enter(bytes, pos, CLOSE_BRACE);
}

/** Steps over the comma behind a member's value at `pos`; returns the next key's offset, or -1 at the end. */
export function nextMember(bytes: Uint8Array, pos: number): number {
  return step(bytes, pos, CLOSE_BRACE);
}

/** Enters the array at `pos`; returns the offset of its first element, or -1 when it is empty. */
export function firstElement(bytes: Uint8Array, pos: number, depthLeft: number): number {
  if (depthLeft <= 0) throw new JsonScanError("nested too deeply", pos);
  return enter(bytes, pos, CLOSE_BRACKET);
}

/** Steps over the comma behind an element at `pos`; returns the next element's offset, or -1 at the end. */
export function nextElement(bytes: Uint8Array, pos: number): number {
  return step(bytes, pos, CLOSE_BRACKET);
}

/** Steps over the colon behind a key that ended at `pos`; returns the value's offset. */
export function valueOfMember(bytes: Uint8Array, pos: number): number {
  const colon = skipSpace(bytes, pos);
  if (bytes[colon] !== COLON) throw new JsonScanError("expected ':'", colon);
  return skipSpace(bytes, colon + 1);
}

/** Whether the string token at `start`..`end` (quotes included) is `text`; `text` is plain ASCII. */
export function stringIs(bytes: Buffer, start: number, end: number, text: string): boolean {
  const length = end - start - 2;
  if (length === text.length) {
    for (let at = 0; at < length; at++) {
      if (bytes[start + 1 + at] !== text.charCodeAt(at)) return false;
    }
    return true;
  }
  // The same text may be written with escapes (at most six bytes a character); readers behind us would see it.
  if (length < text.length || length > text.length * 6) return false;
  for (let at = start + 1; at < end - 1; at++) {
    if (bytes[at] === BACKSLASH) return readString(bytes, start, end) === text;
  }
  return false;
}

/** The bytes of the value that the object at `object` has under `name`; undefined when it has none. */
export function memberOf(
  bytes: Buffer,
  object: { readonly start: number; readonly end: number },
  name: string,
): Buffer | undefined {
  if (object.start === -1 || bytes[object.start] !== OPEN_BRACE) return undefined;
  for (let key = firstMember(bytes, object.start, DEFAULT_MAX_DEPTH); key !== -1; ) {
    const keyEnd = skipString(bytes, key);
    const value = valueOfMember(bytes, keyEnd);
    const end = skipValue(bytes, value, DEFAULT_MAX_DEPTH);
    if (stringIs(bytes, key, keyEnd, name)) return bytes.subarray(value, end);
    key = nextMember(bytes, end);
  }
  return undefined;
}

/** Decodes the string token at `start`..`end` (quotes included). */
export function readString(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString("utf8", start + 1, end - 1);
  return text.includes("\\") ? (JSON.parse(`"${text}"`) as string) : text;
}

function enter(bytes: Uint8Array, pos: number, close: number): number {
  const first = skipSpace(bytes, pos + 1);
  if (bytes[first] === close) {
    scanEnd = first + 1;
    return -1;
  }
  return first;
}

function step(bytes: Uint8Array, pos: number, close: number): number {
  const at = skipSpace(bytes, pos);
  const byte = bytes[at];
  if (byte === COMMA) return skipSpace(bytes, at + 1);
  if (byte !== close) throw new JsonScanError("expected ',' or the end of the container", at);
  scanEnd = at + 1;
  return -1;
}

/** Returns the offset of its last byte. */
function skipEscape(bytes: Uint8Array, backslash: number): number {
  stringHadEscapes = true;
  const escaped = bytes[backslash + 1];
  switch (escaped as number) {
    case 0x22: // "
    case 0x5c: // \
    case 0x2f: // /
    case 0x62: // b
    case 0x66: // f
    case 0x6e: // n
    case 0x72: // r
    case 0x74: // t
      return backslash + 1;
    case 0x75: // u
      for (let at = backslash + 2; at < backslash + 6; at++) {
        if (!isHexDigit(bytes[at])) throw new JsonScanError("bad \\u escape", at);
      }
      return backslash + 5;
    default:
      throw new JsonScanError("bad escape", backslash);
  }
}

function isHexDigit(byte: number | undefined): boolean {
  if (byte === undefined) return false;
  return (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66);
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

function skipScalar(bytes: Uint8Array, pos: number): number {
  switch (bytes[pos] as number) {
    case 0x74: // true
      return skipWord(bytes, pos, "true");
    case 0x66: // false
      return skipWord(bytes, pos, "false");
    case 0x6e: // null
      return skipWord(bytes, pos, "null");
    default:
      return skipNumber(bytes, pos);
  }
}

function skipWord(bytes: Uint8Array, pos: number, word: string): number {
  for (let at = 0; at < word.length; at++) {
    if (bytes[pos + at] !== word.charCodeAt(at)) throw new JsonScanError("unexpected token", pos);
  }
  return pos + word.length;
}

function skipNumber(bytes: Uint8Array, pos: number): number {
  let at = bytes[pos] === 0x2d ? pos + 1 : pos;
  if (!isDigit(bytes[at])) throw new JsonScanError("unexpected token", pos);
  at = bytes[at] === 0x30 ? at + 1 : skipDigits(bytes, at);
  if (bytes[at] === 0x2e) at = skipDigits(bytes, at + 1);
  if (bytes[at] === 0x65 || bytes[at] === 0x45) {
    const sign = bytes[at + 1];
    at = skipDigits(bytes, sign === 0x2b || sign === 0x2d ? at + 2 : at + 1);
  }
  return at;
}

function skipDigits(bytes: Uint8Array, pos: number): number {
  let at = pos;
  while (isDigit(bytes[at])) at++;
  if (at === pos) throw new JsonScanError("expected a digit", pos);
  return at;
}
