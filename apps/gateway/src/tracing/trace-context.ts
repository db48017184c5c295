// W3C Trace Context: `_meta.traceparent` of a request (SEP-414), or the header field, tells which trace a request belongs to.
import type { GateRequest } from "@fairlead/aggregator";

export interface TraceParent {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  readonly isSampled: boolean;
}

/** What a request says about its trace. */
interface NamedTrace {
  readonly parent: TraceParent | undefined;
  /** What came with the parent. */
  readonly tracestate: string | undefined;
  /** What the header field names where `_meta` names another one: the HTTP request's own trace. */
  readonly link: TraceParent | undefined;
}

const MAX_META_BYTES = 16 * 1024;
const MAX_STATE = 512;
const NOTHING: NamedTrace = { parent: undefined, tracestate: undefined, link: undefined };

/** What is malformed counts as absent. `_meta` wins, because it is about the call itself. */
export function traceOf({ meta, headers }: Pick<GateRequest, "meta" | "headers">): NamedTrace {
  const header = parse(headers?.["traceparent"]);
  const own = fromMeta(meta);
  const parent = parse(own?.traceparent);
  if (parent === undefined)
    return header === undefined
      ? NOTHING
      : { parent: header, tracestate: stateOf(headers?.["tracestate"]), link: undefined };
  const isOther = header !== undefined && header.spanId !== parent.spanId;
  return { parent, tracestate: stateOf(own?.tracestate), link: isOther ? header : undefined };
}

/** The header field, or member of `_meta`, that names a span. */
export function printParent({ traceId, spanId, isSampled }: TraceParent): string {
  return `00-${traceId}-${spanId}-${isSampled ? "01" : "00"}`;
}

function fromMeta(meta: Buffer | undefined): { traceparent?: unknown; tracestate?: unknown } | undefined {
  // Most requests have none, and need no parsing.
  if (meta === undefined || meta.length > MAX_META_BYTES || !meta.includes('"traceparent"')) return undefined;
  return JSON.parse(meta.toString("utf8")) as { traceparent?: unknown; tracestate?: unknown };
}

function stateOf(value: unknown): string | undefined {
  return typeof value === "string" && value.length <= MAX_STATE ? value : undefined;
}

/** https://www.w3.org/TR/trace-context/#traceparent-header */
function parse(text: unknown): TraceParent | undefined {
  if (typeof text !== "string" || text.length > 128) return undefined;
  const [, version, traceId, spanId, flags] =
    /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/.exec(text) ?? [];
  if (version === undefined || version === "ff" || traceId === undefined || spanId === undefined)
    return undefined;
  if (version === "00" && text.length !== 55) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, isSampled: (Number.parseInt(flags ?? "00", 16) & 1) === 1 };
}
