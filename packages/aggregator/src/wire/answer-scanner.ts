// Reads a long answer while it arrives: finds the id to replace, and tells where the result has begun, without ever
// having the whole. It checks what the gateway relies on (one object, whose id is the expected one, with one result and
// nested no deeper than allowed); the rest is for the client's own parser to judge, as behind any proxy.
import { JsonScanError } from "./json-scan.ts";
import { PlainWords } from "./plain-words.ts";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
/** Longest top-level key or short value that is looked at, in bytes. */
const MAX_TOKEN_BYTES = 64;
/** From here on, in bytes, a string in a chunk may be read four bytes at a time. */
const LONG_STRING = 256;

type Place =
  | "start"
  | "key"
  | "in-key"
  | "colon"
  | "value"
  | "in-scalar"
  | "in-string"
  | "nested"
  | "nested-string"
  | "after-value"
  | "done";

export class AnswerScanner {
  readonly #id: string;
  readonly #newId: Buffer;
  readonly #maxDepth: number;
  #place: Place = "start";
  #depth = 0;
  #escaped = false;
  #key = "";
  /** Bytes of the key or short value that is being read. */
  #token: number[] = [];
  readonly #seen = new Set<string>();
  #hasResult = false;
  #offset = 0;

  /** `id` is the one that the request went out with, `newId` the bytes that take its place. */
  constructor(id: number, newId: Buffer, maxDepth: number) {
    this.#id = String(id);
    this.#newId = newId;
    this.#maxDepth = maxDepth;
  }

  /** Whether what has been read so far ends inside of the result. */
  get isInResult(): boolean {
    return this.#key === "result" && (this.#place === "nested" || this.#place === "nested-string");
  }

  /** Whether the answer has come to its end, and was one. */
  get isComplete(): boolean {
    return this.#place === "done" && this.#hasResult && this.#seen.has("id");
  }

  /** Reads on. @returns the bytes to pass on @throws {@link JsonScanError} when this is not the answer that was expected */
  push(chunk: Buffer): Buffer[] {
    const out: Buffer[] = [];
    let from = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at] as number;
      switch (this.#place) {
        case "nested-string":
          at = this.#skipString(chunk, at);
          break;
        case "nested":
          at = this.#skipPlain(chunk, at);
          if (at < chunk.length) this.#nested(chunk[at] as number, at);
          break;
        case "in-scalar":
          if (byte !== COMMA && byte !== CLOSE_BRACE && !isSpace(byte)) {
            this.#keep(byte, at);
            break;
          }
          if (this.#key === "id") from = this.#replaceId(out, at, at);
          this.#token = [];
          this.#place = "after-value";
          this.#between(byte, at);
          break;
        case "in-string":
        case "in-key":
          if (this.#escaped) this.#escaped = false;
          else if (byte === BACKSLASH) this.#escaped = true;
          else if (byte === QUOTE) {
            this.#endString(at);
            if (this.#place === "in-key") this.#place = "colon";
            else {
              if (this.#key === "id") from = this.#replaceId(out, at, at + 1);
              this.#token = [];
              this.#place = "after-value";
            }
            break;
          }
          this.#keep(byte, at);
          break;
        case "value":
          if (isSpace(byte)) break;
          if (this.#key === "id") out.push(chunk.subarray(from, at));
          this.#value(byte, at);
          break;
        case "start":
        case "key":
        case "colon":
        case "after-value":
        case "done":
          this.#between(byte, at);
      }
    }
    const isInId = this.#key === "id" && (this.#place === "in-scalar" || this.#place === "in-string");
    if (!isInId && from < chunk.length) out.push(chunk.subarray(from));
    this.#offset += chunk.length;
    return out;
  }

  /** Between keys and values, where little may stand. */
  #between(byte: number, at: number): void {
    if (isSpace(byte)) return;
    const place = this.#place;
    if (place === "start" && byte === OPEN_BRACE) this.#place = "key";
    else if (place === "key" && byte === QUOTE) this.#place = "in-key";
    else if (place === "colon" && byte === COLON) this.#place = "value";
    else if (place === "after-value" && byte === COMMA) this.#place = "key";
    else if (place === "after-value" && byte === CLOSE_BRACE) this.#place = "done";
    else this.#fail("unexpected byte in the answer", at);
  }

  #value(byte: number, at: number): void {
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      if (this.#key === "id" || (this.#key === "result" && byte === OPEN_BRACKET))
        this.#fail(`"${this.#key}" is of the wrong type`, at);
      if (this.#key === "result") this.#hasResult = true;
      this.#place = "nested";
      this.#nested(byte, at);
    } else if (this.#key === "result") this.#fail('"result" is not an object', at);
    else if (byte === QUOTE) this.#place = "in-string";
    else {
      this.#place = "in-scalar";
      this.#keep(byte, at);
    }
  }

  #nested(byte: number, at: number): void {
    if (byte === QUOTE) this.#place = "nested-string";
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      this.#depth += 1;
      if (this.#depth >= this.#maxDepth) this.#fail("nested too deeply", at);
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      this.#depth -= 1;
      if (this.#depth === 0) this.#place = "after-value";
    }
  }

  /** @returns the offset of the next byte that begins or ends something */
  #skipPlain(chunk: Buffer, start: number): number {
    let at = start;
    for (; at < chunk.length; at++) {
      const byte = chunk[at];
      if (byte === QUOTE || byte === OPEN_BRACE || byte === CLOSE_BRACE) break;
      if (byte === OPEN_BRACKET || byte === CLOSE_BRACKET) break;
    }
    return at;
  }

  /** @returns the offset of the string's last byte in this chunk */
  #skipString(chunk: Buffer, start: number): number {
    let escaped = this.#escaped;
    const words = chunk.length - start < LONG_STRING ? undefined : new PlainWords(chunk, start);
    for (let at = start; at < chunk.length; at++) {
      if (words !== undefined && !escaped) at = words.skip(at);
      const byte = chunk[at];
      if (escaped) escaped = false;
      else if (byte === BACKSLASH) escaped = true;
      else if (byte === QUOTE) {
        this.#escaped = false;
        this.#place = "nested";
        return at;
      }
    }
    this.#escaped = escaped;
    return chunk.length;
  }

  #keep(byte: number, at: number): void {
    if (this.#token.length < MAX_TOKEN_BYTES) this.#token.push(byte);
    else if (this.#place === "in-key" || this.#key === "id") this.#fail("a key or id is too long", at);
  }

  #endString(at: number): void {
    if (this.#place !== "in-key") return;
    const text = Buffer.from(this.#token).toString("utf8");
    this.#token = [];
    this.#key = text.includes("\\") ? decoded(text) : text;
    if (this.#seen.has(this.#key)) this.#fail("the message names the same key twice", at);
    if (this.#key === "method" || this.#key === "error") this.#fail("the message is no plain result", at);
    if (this.#seen.size >= MAX_TOKEN_BYTES) this.#fail("the message has too many keys", at);
    this.#seen.add(this.#key);
  }

  #replaceId(out: Buffer[], at: number, from: number): number {
    const id = Buffer.from(this.#token).toString("latin1");
    if (this.#place === "in-string" || id !== this.#id)
      this.#fail("the answer has another id than its request", at);
    out.push(this.#newId);
    return from;
  }

  #fail(message: string, at: number): never {
    throw new JsonScanError(message, this.#offset + at);
  }
}

/** A key with escapes in it; what is no string stands for itself, and is nobody's key. */
function decoded(text: string): string {
  try {
    return JSON.parse(`"${text}"`) as string;
  } catch {
    return text;
  }
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
