// What a request needs on its way to a modern server: the members of `_meta` that a legacy client does not send, and the
// header fields that are compared with the body.
import { headerFieldsOf } from "../catalog/header-params.ts";
import type { PoolEntry } from "../catalog/pool-catalog.ts";
import type { ClientCapability } from "../config.ts";
import type { RequestTarget } from "../upstream/request-target.ts";
import {
  type Envelope,
  META_CLIENT_CAPABILITIES,
  META_CLIENT_INFO,
  META_LOG_LEVEL,
  type Span,
} from "../wire/envelope.ts";
import { encodeHeaderValue } from "../wire/header-value.ts";
import { skipSpace } from "../wire/json-scan.ts";
import type { Splice } from "../wire/splice.ts";
import { type Exchange, LOG_LEVELS } from "./client.ts";
import { modernCapabilities } from "./input-request.ts";
import { takeTaskAway } from "./tasks.ts";

const CLOSE_BRACE = 0x7d;

/** Adds the changes that a request needs apart from id, progress token and name. */
export function spliceForModern(
  splices: Splice[],
  exchange: Exchange,
  target: RequestTarget,
  allowed?: readonly ClientCapability[],
): void {
  if (exchange.era === "modern") return;
  addMeta(splices, exchange, target, allowed);
  takeTaskAway(splices, exchange);
}

/** `Mcp-Name` and `Mcp-Param-*`, as names and values in turn. */
export function headersForModern(
  { era, headers, message, envelope }: Exchange,
  original: string,
  entry: PoolEntry,
): readonly string[] {
  const fields: string[] = [];
  if (envelope.method !== "completion/complete") fields.push("mcp-name", encodeHeaderValue(original));
  if (era === "modern" && headers !== undefined) {
    // Its own, known to the gateway or not; the server compares them with the body.
    for (const [name, value] of Object.entries(headers)) {
      if (name.startsWith("mcp-param-") && typeof value === "string") fields.push(name, value);
    }
  } else if (entry.headerParams !== undefined) {
    fields.push(...headerFieldsOf(entry.headerParams, message, envelope));
  }
  return fields;
}

/** What clients declared, printed; a client declares it once, and a pool's answer to that seldom changes. */
const printed = new WeakMap<
  object,
  { readonly allowed: readonly ClientCapability[] | undefined; readonly text: string }
>();

function printedCapabilities(
  declared: Readonly<Record<string, unknown>> | undefined,
  allowed: readonly ClientCapability[] | undefined,
): string {
  if (declared === undefined) return "{}";
  const known = printed.get(declared);
  if (known !== undefined && known.allowed === allowed) return known.text;
  const text = JSON.stringify(modernCapabilities(declared, allowed));
  printed.set(declared, { allowed, text });
  return text;
}

/** What a legacy client declared once is declared in each request; without a session nobody can be asked. */
function addMeta(
  splices: Splice[],
  { message, envelope, client }: Exchange,
  { meta }: RequestTarget,
  allowed: readonly ClientCapability[] | undefined,
): void {
  const members = [meta.protocolVersion];
  const capabilities = printedCapabilities(client.hello?.capabilities, allowed);
  if (envelope.metaCapabilities.start === -1) members.push(`"${META_CLIENT_CAPABILITIES}":${capabilities}`);
  else splices.push({ span: envelope.metaCapabilities, bytes: Buffer.from(capabilities) });
  if (!mentions(message, envelope.meta, META_CLIENT_INFO)) members.push(meta.clientInfo);
  if (client.logLevel !== undefined) {
    const level = JSON.stringify(LOG_LEVELS[client.logLevel]);
    if (envelope.metaLogLevel.start === -1) members.push(`"${META_LOG_LEVEL}":${level}`);
    else splices.push({ span: envelope.metaLogLevel, bytes: Buffer.from(level) });
  }
  splices.push(insertion(message, envelope, members.join(",")));
}

/** Into the request's own `_meta`, or as a new one; a request that is routed has params with a name in them. */
function insertion(message: Buffer, { meta, params }: Envelope, members: string): Splice {
  const isNew = meta.start === -1;
  const at = (isNew ? params : meta).start + 1;
  const isEmpty = message[skipSpace(message, at)] === CLOSE_BRACE;
  const text = isNew ? `"_meta":{${members}}` : members;
  return { span: { start: at, end: at }, bytes: Buffer.from(isEmpty ? text : `${text},`) };
}

function mentions(message: Buffer, { start, end }: Readonly<Span>, text: string): boolean {
  return start !== -1 && message.subarray(start, end).includes(text);
}
