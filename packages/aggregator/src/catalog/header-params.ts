// `x-mcp-header` of revision 2026-07-28: arguments of a tool that a client repeats in `Mcp-Param-<Name>` header fields, for
// intermediaries that route by them. Clients of older revisions do not know that, so the gateway does it for them.
import type { IncomingHttpHeaders } from "node:http";
import type { Envelope } from "../wire/envelope.ts";
import { decodeHeaderValue, encodeHeaderValue } from "../wire/header-value.ts";
import {
  firstMember,
  nextMember,
  readString,
  skipString,
  skipValue,
  stringIs,
  valueOfMember,
} from "../wire/json-scan.ts";

/** One argument that is also a header field. */
export interface HeaderParam {
  /** In lower case: `mcp-param-region`. */
  readonly field: string;
  /** Keys from `arguments` to the value. */
  readonly path: readonly string[];
}

const KEY = "x-mcp-header";
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const TYPES: readonly unknown[] = ["string", "integer", "boolean"];
const DECIMAL = /^-?\d+(\.\d+)?$/;
const MAX_DEPTH = 64;

/** Reads the annotations of a tool's printed `inputSchema`; undefined when there are none, or one is not valid. */
export function parseHeaderParams(schema: Buffer): readonly HeaderParam[] | undefined {
  if (!schema.includes(KEY)) return undefined;
  const params: HeaderParam[] = [];
  const isValid = collect(JSON.parse(schema.toString("utf8")), [], params);
  const isUnique = new Set(params.map(({ field }) => field)).size === params.length;
  return isValid && isUnique && params.length > 0 ? params : undefined;
}

/** The header fields of one call, as names and values in turn; absent, null and structured arguments have none. */
export function headerFieldsOf(
  params: readonly HeaderParam[],
  message: Buffer,
  envelope: Envelope,
): readonly string[] {
  const fields: string[] = [];
  for (const { field, path } of params) {
    const value = printedAt(message, envelope.params.start, ["arguments", ...path]);
    if (value !== undefined) fields.push(field, encodeHeaderValue(value.text));
  }
  return fields;
}

/**
 * What is wrong with the header fields that a client sent with its call; undefined when they say what the arguments say.
 * Numbers are compared as numbers; fields whose argument is absent are not looked at.
 */
export function headerMismatchOf(
  params: readonly HeaderParam[],
  message: Buffer,
  envelope: Envelope,
  headers: IncomingHttpHeaders,
): string | undefined {
  for (const { field, path } of params) {
    const value = printedAt(message, envelope.params.start, ["arguments", ...path]);
    if (value === undefined) continue;
    const sent = headers[field];
    if (typeof sent !== "string")
      return `the arguments have ${path.join(".")}, but the ${field} header is absent`;
    const decoded = decodeHeaderValue(sent);
    if (decoded === undefined) return `the ${field} header is not valid Base64 between =?base64? and ?=`;
    const isSame =
      decoded === value.text ||
      (value.isNumber && DECIMAL.test(decoded) && Number(decoded) === Number(value.text));
    if (!isSame) return `the ${field} header says "${decoded}", the arguments another ${path.join(".")}`;
  }
  return undefined;
}

/** Only properties that are reached through `properties` alone may be annotated. */
function collect(schema: unknown, path: readonly string[], into: HeaderParam[]): boolean {
  if (typeof schema !== "object" || schema === null) return true;
  const { [KEY]: name, type, properties } = schema as Record<string, unknown>;
  if (name !== undefined) {
    if (typeof name !== "string" || !TOKEN.test(name) || path.length === 0 || !TYPES.includes(type))
      return false;
    into.push({ field: `mcp-param-${name.toLowerCase()}`, path });
  }
  if (typeof properties !== "object" || properties === null) return true;
  return Object.entries(properties).every(([key, value]) => collect(value, [...path, key], into));
}

/** The text of a string, an integer or a boolean behind a path of keys. */
function printedAt(
  message: Buffer,
  start: number,
  path: readonly string[],
): { readonly text: string; readonly isNumber: boolean } | undefined {
  let at = start;
  for (const key of path) {
    at = memberOf(message, at, key);
    if (at === -1) return undefined;
  }
  const end = skipValue(message, at, MAX_DEPTH);
  if (message[at] === 0x22) return { text: readString(message, at, end), isNumber: false };
  const text = message.toString("latin1", at, end);
  const isNumber = /^-?\d+$/.test(text);
  return isNumber || text === "true" || text === "false" ? { text, isNumber } : undefined;
}

/** Where the value of `key` begins in the object at `start`; -1 when there is no such object or key. */
function memberOf(message: Buffer, start: number, key: string): number {
  if (start === -1 || message[start] !== 0x7b) return -1;
  const ascii = /^[\x20-\x7e]*$/.test(key);
  for (let member = firstMember(message, start, MAX_DEPTH); member !== -1; ) {
    const keyEnd = skipString(message, member);
    const value = valueOfMember(message, keyEnd);
    const found = ascii
      ? stringIs(message, member, keyEnd, key)
      : readString(message, member, keyEnd) === key;
    if (found) return value;
    member = nextMember(message, skipValue(message, value, MAX_DEPTH));
  }
  return -1;
}
