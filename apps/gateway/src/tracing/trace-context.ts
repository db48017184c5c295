// W3C Trace Context: `_meta.traceparent` of a request (SEP-414), or the header field, tells which trace a request belongs to.
import type { GateRequest } from "@fairlead/aggregator";

export interface TraceParent {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  readonly isSampled: boolean;
}

const MAX_META_BYTES = 16 * 1024;

/** The parent that a request names; what is malformed counts as absent. `_meta` wins, because it is about the call itself. */
export function traceParentOf({
  meta,
  headers,
}: Pick<GateRequest, "meta" | "headers">): TraceParent | undefined {
  const header = headers?.["traceparent"];
  return parse(fromMeta(meta)) ?? parse(typeof header === "string" ? header : undefined);
}

function fromMeta(meta: Buffer | undefined): string | undefined {
  // Most requests have none, and need no parsing.
  if (meta === undefined || meta.length > MAX_META_BYTES || !meta.includes('"traceparent"')) return undefined;
  const { traceparent } = JSON.parse(meta.toString("utf8")) as { traceparent?: unknown };
  return typeof traceparent === "string" ? traceparent : undefined;
}

/** https://www.w3.org/TR/trace-context/#traceparent-header */
function parse(text: string | undefined): TraceParent | undefined {
  if (text === undefined || text.length > 128) return undefined;
  const [, version, traceId, spanId, flags] =
    /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/.exec(text) ?? [];
  if (version === undefined || version === "ff" || traceId === undefined || spanId === undefined)
    return undefined;
  if (version === "00" && text.length !== 55) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, isSampled: (Number.parseInt(flags ?? "00", 16) & 1) === 1 };
}
