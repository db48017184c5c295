// W3C Trace Context on its way through: header fields over HTTP, and members of `params._meta` in every transport (SEP-414).
import type { IncomingHttpHeaders } from "node:http";
import { membersOf } from "./members.ts";
import { type Splice, splice } from "./splice.ts";

/** The span that a request is sent within. */
export interface TraceContext {
  /** https://www.w3.org/TR/trace-context/#traceparent-header */
  readonly traceparent: string;
  /** What came with the parent; undefined without any. */
  readonly tracestate?: string | undefined;
}

const NOTHING: readonly string[] = [];
/** What others have to take at most: W3C Trace Context 3.3.1.5 and W3C Baggage 3.3.2, in bytes. */
const MAX_STATE = 512;
const MAX_BAGGAGE = 8_192;
const MAX_PARENT = 128;

/** Names and values in turn for a request to a server: the span's, or else those that the client sent. */
export function traceFields(
  headers: IncomingHttpHeaders | undefined,
  trace: TraceContext | undefined,
): readonly string[] {
  if (headers === undefined) return trace === undefined ? NOTHING : fieldsOf(trace, undefined);
  const baggage = bounded(headers["baggage"], MAX_BAGGAGE);
  if (trace !== undefined) return fieldsOf(trace, baggage);
  const traceparent = bounded(headers["traceparent"], MAX_PARENT);
  if (traceparent !== undefined)
    return fieldsOf({ traceparent, tracestate: bounded(headers["tracestate"], MAX_STATE) }, baggage);
  return baggage === undefined ? NOTHING : ["baggage", baggage];
}

/** The request with the span's context in its `_meta`, whatever stood there; it must have `params`. */
export function withTraceContext(message: Buffer, trace: TraceContext): Buffer {
  const splices: Splice[] = [];
  const params = membersOf(message, { start: 0, end: message.length }).get("params");
  if (params === undefined) return message;
  const meta = membersOf(message, params).get("_meta");
  const known = meta === undefined ? new Map<string, never>() : membersOf(message, meta);
  const added: string[] = [];
  for (const name of ["traceparent", "tracestate"] as const) {
    if (trace[name] === undefined) continue;
    const value = JSON.stringify(trace[name]);
    const span = known.get(name);
    if (span === undefined) added.push(`"${name}":${value}`);
    else splices.push({ span, bytes: Buffer.from(value) });
  }
  if (added.length > 0) {
    const at = (meta ?? params).start + 1;
    const isFirst = (meta === undefined ? membersOf(message, params) : known).size === 0;
    const text = meta === undefined ? `"_meta":{${added.join(",")}}` : added.join(",");
    splices.push({ span: { start: at, end: at }, bytes: Buffer.from(isFirst ? text : `${text},`) });
  }
  return splice(message, splices);
}

function fieldsOf({ traceparent, tracestate }: TraceContext, baggage: string | undefined): string[] {
  const fields = ["traceparent", traceparent];
  if (tracestate !== undefined) fields.push("tracestate", tracestate);
  if (baggage !== undefined) fields.push("baggage", baggage);
  return fields;
}

function bounded(value: string | string[] | undefined, max: number): string | undefined {
  return typeof value === "string" && value.length <= max ? value : undefined;
}
