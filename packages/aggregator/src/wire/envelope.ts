// Reads what routing needs from a JSON-RPC message's bytes in one pass: kind, id, method, the few params that name
// something, and the per-request `_meta` of protocol revision 2026-07-28. Everything else is only validated.
import {
  DEFAULT_MAX_DEPTH,
  firstMember,
  JsonScanError,
  nextMember,
  readString,
  scanEnd,
  skipSpace,
  skipString,
  skipValue,
  stringIs,
  valueOfMember,
} from "./json-scan.ts";
import { knownWords, wordAt } from "./known-words.ts";

/** Byte range of one value inside a message; `start` is -1 when the value is absent. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** What one JSON-RPC message says about itself. Spans point into the scanned bytes. */
export interface Envelope {
  kind: "request" | "notification" | "result" | "error";
  id: Span;
  method: string;
  /** `params`, whatever its type. */
  params: Span;
  /** `params.name`, if it is a string. */
  name: Span;
  /** `params.uri`, if it is a string. */
  uri: Span;
  /** `params.taskId`, if it is a string. */
  taskId: Span;
  cursor: Span;
  level: Span;
  /** `params.requestId` of notifications/cancelled. */
  requestId: Span;
  /** `params.progressToken` of notifications/progress. */
  progressToken: Span;
  /** `params.ref` of completion/complete: its name (prompts) or uri (resource templates). */
  refName: Span;
  refUri: Span;
  meta: Span;
  /** Whether a request carries what a multi-round-trip retry does: `inputResponses` or `requestState`. */
  isInputRound: boolean;
  /** Whether a request of 2025-11-25 wants to be run as a task: it has `params.task`. */
  isTask: boolean;
  /** `params._meta.progressToken` of a request. */
  metaProgressToken: Span;
  /** The reserved `_meta` keys of revision 2026-07-28, whatever their types. */
  metaVersion: Span;
  metaCapabilities: Span;
  metaLogLevel: Span;
  /** `result`, if it is an object. */
  result: Span;
  resultIsEmpty: boolean;
  /** `result.isError` is true: the tool ran and failed. */
  isToolError: boolean;
  /** `result.resultType`, whatever its type. */
  resultType: Span;
  hasTtl: boolean;
  /** `error.code`. */
  errorCode: Span;
}

/** Why bytes are not a JSON-RPC message: the JSON-RPC code, and words for a person. */
export class EnvelopeError extends Error {
  override readonly name = "EnvelopeError";
  readonly code: -32700 | -32600;

  constructor(code: -32700 | -32600, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** `_meta` keys that the 2026-07-28 revision reserves. */
export const META_PROTOCOL_VERSION = "io.modelcontextprotocol/protocolVersion";
export const META_CLIENT_CAPABILITIES = "io.modelcontextprotocol/clientCapabilities";
export const META_CLIENT_INFO = "io.modelcontextprotocol/clientInfo";
export const META_LOG_LEVEL = "io.modelcontextprotocol/logLevel";

/** Keys that are looked at, wherever they stand. */
const KEYS = knownWords([
  "jsonrpc",
  "id",
  "method",
  "params",
  "result",
  "error",
  "_meta",
  "ref",
  "name",
  "uri",
  "cursor",
  "level",
  "taskId",
  "requestId",
  "progressToken",
  "inputResponses",
  "requestState",
  "task",
  "resultType",
  "ttlMs",
  "isError",
  "code",
]);
const META_KEYS = knownWords([
  "progressToken",
  META_PROTOCOL_VERSION,
  META_CLIENT_CAPABILITIES,
  META_LOG_LEVEL,
]);
/** The commonest; a text that is made anew for each message would have to be hashed each time. */
const METHODS = knownWords([
  "tools/call",
  "resources/read",
  "prompts/get",
  "tools/list",
  "notifications/progress",
  "notifications/message",
  "notifications/initialized",
  "ping",
]);

/** The one span of all that is absent. */
const ABSENT: Span = { start: -1, end: -1 };
const QUOTE = 0x22;
const OPEN_BRACE = 0x7b;
const OPEN_BRACKET = 0x5b;
const MAX_ID_BYTES = 258;

/**
 * Scans one JSON-RPC 2.0 message.
 *
 * @throws {@link EnvelopeError} -32700 when the bytes are not JSON or are nested deeper than `maxDepth`,
 *   -32600 when they are JSON but no JSON-RPC request, notification or response, or name a routed key twice.
 */
export function scanEnvelope(bytes: Buffer, maxDepth: number = DEFAULT_MAX_DEPTH): Envelope {
  try {
    const start = skipSpace(bytes, 0);
    if (bytes[start] !== OPEN_BRACE) {
      skipValue(bytes, start, maxDepth);
      throw new EnvelopeError(
        -32600,
        bytes[start] === OPEN_BRACKET
          ? "JSON-RPC batches are not supported; send one message per request"
          : "the body is not a JSON-RPC message",
      );
    }
    return scanMessage(bytes, start, maxDepth);
  } catch (error) {
    if (error instanceof JsonScanError)
      throw new EnvelopeError(-32700, `Parse error: ${error.message}`, { cause: error });
    throw error;
  }
}

/** Decodes a string span, or returns undefined when it is absent or no string. */
export function textOf(bytes: Buffer, span: Span): string | undefined {
  return span.start !== -1 && bytes[span.start] === QUOTE
    ? readString(bytes, span.start, span.end)
    : undefined;
}

/** Reads an integer span, or returns undefined when it is absent or no safe integer. */
export function integerOf(bytes: Buffer, span: Span): number | undefined {
  if (span.start === -1 || bytes[span.start] === QUOTE) return undefined;
  const plain = digitsOf(bytes, span);
  if (plain !== -1) return plain;
  const value = Number(bytes.toString("latin1", span.start, span.end));
  return Number.isSafeInteger(value) ? value : undefined;
}

/** The number that up to 15 digits make; -1 for whatever else there is. */
function digitsOf(bytes: Buffer, { start, end }: Span): number {
  if (end - start > 15) return -1;
  let value = 0;
  for (let at = start; at < end; at++) {
    const digit = (bytes[at] as number) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

function scanMessage(bytes: Buffer, start: number, maxDepth: number): Envelope {
  const envelope = emptyEnvelope();
  let method = ABSENT;
  let version = ABSENT;
  let error = ABSENT;
  let result = ABSENT;
  for (let key = firstMember(bytes, start, maxDepth); key !== -1; ) {
    const keyEnd = skipString(bytes, key);
    const word = wordAt(bytes, key, keyEnd, KEYS);
    const value = valueOfMember(bytes, keyEnd);
    const isObject = bytes[value] === OPEN_BRACE;
    let end: number;
    if (isObject && word === "params") end = scanParams(bytes, value, maxDepth - 1, envelope);
    else if (isObject && word === "result") end = scanResult(bytes, value, maxDepth - 1, envelope);
    else if (isObject && word === "error") end = scanError(bytes, value, maxDepth - 1, envelope);
    else end = skipValue(bytes, value, maxDepth - 1);
    if (word === "jsonrpc") version = put(version, value, end);
    else if (word === "id") envelope.id = put(envelope.id, value, end);
    else if (word === "method") {
      method = put(method, value, end);
      if (bytes[value] === QUOTE)
        envelope.method = wordAt(bytes, value, end, METHODS) ?? readString(bytes, value, end);
    } else if (word === "params") envelope.params = put(envelope.params, value, end);
    else if (word === "result") result = put(result, value, end);
    else if (word === "error") error = put(error, value, end);
    key = nextMember(bytes, end);
  }
  if (skipSpace(bytes, scanEnd) < bytes.length)
    throw new JsonScanError("unexpected bytes behind the message", scanEnd);
  if (version.start === -1 || !stringIs(bytes, version.start, version.end, "2.0")) {
    throw new EnvelopeError(-32600, 'the message lacks "jsonrpc": "2.0"');
  }
  classify(bytes, envelope, method, result, error);
  return envelope;
}

function classify(bytes: Buffer, envelope: Envelope, method: Span, result: Span, error: Span): void {
  const hasId = envelope.id.start !== -1;
  if (method.start !== -1) {
    if (bytes[method.start] !== QUOTE) throw new EnvelopeError(-32600, '"method" is not a string');
    if (result.start !== -1 || error.start !== -1)
      throw new EnvelopeError(-32600, "the message is both a request and a response");
    if (envelope.params.start !== -1 && bytes[envelope.params.start] !== OPEN_BRACE) {
      throw new EnvelopeError(-32600, '"params" is not an object');
    }
    envelope.kind = hasId ? "request" : "notification";
    if (hasId) checkId(bytes, envelope.id);
    return;
  }
  if (result.start !== -1 && error.start === -1) {
    if (envelope.result.start === -1) throw new EnvelopeError(-32600, '"result" is not an object');
    checkId(bytes, envelope.id);
    envelope.kind = "result";
    return;
  }
  if (error.start === -1 || result.start !== -1)
    throw new EnvelopeError(-32600, "the body is not a JSON-RPC message");
  // An error may lack an id, or carry null: it then answers a message that could not be read.
  if (hasId && bytes[envelope.id.start] === 0x6e) envelope.id = ABSENT;
  else if (hasId) checkId(bytes, envelope.id);
  envelope.kind = "error";
}

function checkId(bytes: Buffer, id: Span): void {
  if (id.start === -1) throw new EnvelopeError(-32600, 'the response lacks an "id"');
  checkToken(bytes, id, "id");
}

/** Ids and progress tokens are strings of at most 256 bytes or integers (MCP narrows JSON-RPC: no null, no fractions). */
function checkToken(bytes: Buffer, token: Span, name: string): void {
  const isText = bytes[token.start] === QUOTE;
  if (token.end - token.start > MAX_ID_BYTES || (!isText && integerOf(bytes, token) === undefined)) {
    throw new EnvelopeError(-32600, `"${name}" must be an integer or a string of at most 256 bytes`);
  }
}

function scanParams(bytes: Buffer, start: number, depth: number, envelope: Envelope): number {
  for (let key = firstMember(bytes, start, depth); key !== -1; ) {
    const keyEnd = skipString(bytes, key);
    const word = wordAt(bytes, key, keyEnd, KEYS);
    const value = valueOfMember(bytes, keyEnd);
    const isObject = bytes[value] === OPEN_BRACE;
    let end: number;
    if (word === "_meta") {
      if (!isObject) throw new EnvelopeError(-32600, '"params._meta" is not an object');
      end = scanMeta(bytes, value, depth - 1, envelope);
      envelope.meta = put(envelope.meta, value, end);
    } else if (isObject && word === "ref") {
      end = scanRef(bytes, value, depth - 1, envelope);
    } else {
      end = skipValue(bytes, value, depth - 1);
      if (word !== undefined) noteParam(envelope, word, value, end);
    }
    key = nextMember(bytes, end);
  }
  return scanEnd;
}

function noteParam(envelope: Envelope, word: string, start: number, end: number): void {
  switch (word) {
    case "name":
    case "uri":
    case "cursor":
    case "level":
    case "taskId":
    case "requestId":
    case "progressToken":
      envelope[word] = put(envelope[word], start, end);
      break;
    case "inputResponses":
    case "requestState":
      envelope.isInputRound = true;
      break;
    case "task":
      envelope.isTask = true;
  }
}

function scanMeta(bytes: Buffer, start: number, depth: number, envelope: Envelope): number {
  for (let key = firstMember(bytes, start, depth); key !== -1; ) {
    const keyEnd = skipString(bytes, key);
    const word = wordAt(bytes, key, keyEnd, META_KEYS);
    const value = valueOfMember(bytes, keyEnd);
    const end = skipValue(bytes, value, depth - 1);
    if (word === "progressToken") {
      envelope.metaProgressToken = put(envelope.metaProgressToken, value, end);
      checkToken(bytes, envelope.metaProgressToken, "progressToken");
    } else if (word === META_PROTOCOL_VERSION) envelope.metaVersion = put(envelope.metaVersion, value, end);
    else if (word === META_CLIENT_CAPABILITIES)
      envelope.metaCapabilities = put(envelope.metaCapabilities, value, end);
    else if (word === META_LOG_LEVEL) envelope.metaLogLevel = put(envelope.metaLogLevel, value, end);
    key = nextMember(bytes, end);
  }
  return scanEnd;
}

function scanRef(bytes: Buffer, start: number, depth: number, envelope: Envelope): number {
  for (let key = firstMember(bytes, start, depth); key !== -1; ) {
    const keyEnd = skipString(bytes, key);
    const word = wordAt(bytes, key, keyEnd, KEYS);
    const value = valueOfMember(bytes, keyEnd);
    const end = skipValue(bytes, value, depth - 1);
    if (word === "name") envelope.refName = put(envelope.refName, value, end);
    else if (word === "uri") envelope.refUri = put(envelope.refUri, value, end);
    key = nextMember(bytes, end);
  }
  return scanEnd;
}

function scanResult(bytes: Buffer, start: number, depth: number, envelope: Envelope): number {
  let members = 0;
  for (let key = firstMember(bytes, start, depth); key !== -1; ) {
    members++;
    const keyEnd = skipString(bytes, key);
    const word = wordAt(bytes, key, keyEnd, KEYS);
    const value = valueOfMember(bytes, keyEnd);
    const end = skipValue(bytes, value, depth - 1);
    if (word === "resultType") envelope.resultType = { start: value, end };
    else if (word === "ttlMs") envelope.hasTtl = true;
    else if (word === "isError" && bytes[value] === 0x74) envelope.isToolError = true;
    key = nextMember(bytes, end);
  }
  envelope.resultIsEmpty = members === 0;
  envelope.result = put(envelope.result, start, scanEnd);
  return scanEnd;
}

function scanError(bytes: Buffer, start: number, depth: number, envelope: Envelope): number {
  for (let key = firstMember(bytes, start, depth); key !== -1; ) {
    const keyEnd = skipString(bytes, key);
    const word = wordAt(bytes, key, keyEnd, KEYS);
    const value = valueOfMember(bytes, keyEnd);
    const end = skipValue(bytes, value, depth - 1);
    if (word === "code") envelope.errorCode = put(envelope.errorCode, value, end);
    key = nextMember(bytes, end);
  }
  return scanEnd;
}

/** Two readers may disagree on which of two equal keys counts; what we route by must not depend on that. */
function put(slot: Span, start: number, end: number): Span {
  if (slot.start !== -1) throw new EnvelopeError(-32600, "the message names the same key twice");
  return { start, end };
}

function emptyEnvelope(): Envelope {
  return {
    kind: "notification",
    id: ABSENT,
    method: "",
    params: ABSENT,
    name: ABSENT,
    uri: ABSENT,
    taskId: ABSENT,
    cursor: ABSENT,
    level: ABSENT,
    requestId: ABSENT,
    progressToken: ABSENT,
    refName: ABSENT,
    refUri: ABSENT,
    meta: ABSENT,
    isInputRound: false,
    isTask: false,
    metaProgressToken: ABSENT,
    metaVersion: ABSENT,
    metaCapabilities: ABSENT,
    metaLogLevel: ABSENT,
    result: ABSENT,
    resultIsEmpty: false,
    isToolError: false,
    resultType: ABSENT,
    hasTtl: false,
    errorCode: ABSENT,
  };
}
