// The members of a JSON object as byte ranges, for what is passed on in parts: no value is parsed and printed again.
import type { Span } from "./envelope.ts";
import {
  DEFAULT_MAX_DEPTH,
  firstMember,
  nextMember,
  readString,
  skipString,
  skipValue,
  valueOfMember,
} from "./json-scan.ts";

const OPEN_BRACE = 0x7b;

/** Where the values of the object at `span` stand, by key; empty when there is no object. */
export function membersOf(bytes: Buffer, span: Readonly<Span>): Map<string, Span> {
  const members = new Map<string, Span>();
  if (span.start === -1 || bytes[span.start] !== OPEN_BRACE) return members;
  for (let key = firstMember(bytes, span.start, DEFAULT_MAX_DEPTH); key !== -1; ) {
    const keyEnd = skipString(bytes, key);
    const start = valueOfMember(bytes, keyEnd);
    const end = skipValue(bytes, start, DEFAULT_MAX_DEPTH);
    members.set(readString(bytes, key, keyEnd), { start, end });
    key = nextMember(bytes, end);
  }
  return members;
}

/** The bytes of a member, or undefined when it is absent. */
export function bytesOf(bytes: Buffer, span: Readonly<Span> | undefined): Buffer | undefined {
  return span === undefined || span.start === -1 ? undefined : bytes.subarray(span.start, span.end);
}
